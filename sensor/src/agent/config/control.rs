//! `[control]`: the Unix socket by which `sensor status`, `tap` and `reload` reach a running agent.

use std::path::{Path, PathBuf};

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::faults::Faults;

/// Where agents and their users meet, unless told otherwise.
pub const SOCKET: &str = "/run/sensor/control.sock";
/// Whose members may use it, unless told otherwise.
pub const GROUP: &str = "sensor";
/// The longest path of a socket, octets: `sun_path` of unix(7), and the zero behind it.
const LONGEST: usize = 107;

table! {
    /// `[control]`
    Control {
        /// Whether there is a socket.
        enabled: bool = true;
        /// Its path.
        socket: PathBuf = PathBuf::from(SOCKET);
        /// The group whose members may use it, beside the agent's own user.
        group: String = GROUP.to_owned();
    }
}

/// `[control]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// The socket; `None` for none.
    pub socket: Option<PathBuf>,
    /// Whether somebody chose its path: then the agent does not start without it.
    pub required: bool,
    /// The group whose members may use it, if there is such a group.
    pub group: String,
    /// Whether somebody chose the group: then there must be such a group.
    pub group_required: bool,
}

impl Default for ControlConfig {
    fn default() -> Self {
        resolve(&Control::default(), &mut Faults::default())
    }
}

/// Judges `[control]`.
pub(super) fn resolve(raw: &Control, faults: &mut Faults) -> ControlConfig {
    let length = |path: &Path| path.as_os_str().len();
    let found = length(&raw.socket.value);
    if found > LONGEST || found == 0 {
        let must = format!("must be a path of at most {LONGEST} octets");
        faults.report(&raw.socket, "control.socket", &must, &format!("this has {found}"));
    }
    ControlConfig {
        socket: raw.enabled.value.then(|| raw.socket.value.clone()),
        required: raw.socket.value != Path::new(SOCKET),
        group: raw.group.value.clone(),
        group_required: raw.group.value != GROUP,
    }
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn there_is_a_socket_unless_nobody_wants_one() {
        let control = |text| from_text(text, &Overrides::default()).expect("no faults").control;
        let default = control("");
        assert_eq!(default.socket, Some(super::SOCKET.into()));
        assert!(!default.required && !default.group_required);
        let own = control("[control]\nsocket = '/tmp/s'\ngroup = 'adm'");
        assert!(own.required && own.group_required && own.group == "adm");
        assert_eq!(control("[control]\nenabled = false").socket, None);
        let long = format!("[control]\nsocket = '/{}'", "a".repeat(107));
        let faults = from_text(&long, &Overrides::default()).expect_err("too long");
        assert_eq!(faults.file[0].message, "`control.socket` must be a path of at most 107 octets");
    }
}
