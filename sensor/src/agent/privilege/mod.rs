//! What the agent gives up once it has opened what takes privileges: whoever takes over a thread of it by a datagram must not
//! find more there than the thread's work takes.
//!
//! * [`capabilities`]: what each kind of thread keeps. `foreign`: what root could use only as root.
//! * [`sandbox`]: files out of reach (Landlock). [`rules`]: which stay in reach.

pub mod capabilities;
pub mod rules;
pub mod sandbox;

mod foreign;

use std::{fs, path::Path};

use rustix::thread::CapabilitySet;

use self::{
    capabilities::{GivenUp, Needs, Role},
    rules::{Right, Rule},
    sandbox::{Fence, Outside, SandboxError},
};
use super::{
    config::{
        Config,
        effect::{self, Effect},
        security::SandboxWish,
    },
    status::agent::{Privileges as Shown, SandboxState},
};
use crate::intake::options::Listener;

/// Ports below are for who has CAP_NET_BIND_SERVICE, where the system does not say.
const LOW_PORTS: u16 = 1024;

/// What is in force.
#[derive(Clone, Debug)]
pub struct Privileges {
    fence: Option<Fence>,
    needs: Needs,
    /// What the agent was started with.
    held: CapabilitySet,
    shown: Shown,
}

/// What a reload asks for, and the agent has given up.
#[derive(Debug, thiserror::Error)]
pub enum Beyond {
    /// A file.
    #[error(transparent)]
    Outside(#[from] Outside),
    /// A capability.
    #[error(
        "{} takes {}, which the sensor gave up at its start, since nothing took it then: restart the sensor",
        .0.taken_by, .0.name
    )]
    Capability(GivenUp),
    /// A file that would have to be used against its permissions.
    #[error(
        "{0}. The sensor is root, but gave up CAP_DAC_OVERRIDE at its start, since no file took it then: permissions hold for it. \
         Give the file to its user, or set mode and group; or restart the sensor"
    )]
    Foreign(String),
}

/// Gives up all that an agent of `config` does not need any more: in this thread, and in those that it starts from now on.
///
/// # Errors
/// Where the configuration insists on a sandbox, and there can be none.
pub fn reduce(config: &Config) -> anyhow::Result<Privileges> {
    let named = config.paths();
    let foreign = foreign::first(config, &named);
    if let Some(why) = &foreign {
        tracing::warn!(
            "CAP_DAC_OVERRIDE stays with the threads that open files, since permissions refuse some of them to root: {why}; \
             give these files to the sensor's user, or set its mode and group"
        );
    }
    let (held, needs) = (capabilities::held(), needs(config, foreign.is_some()));
    capabilities::decide(needs);
    let (fence, sandbox) = enclose(config, || {
        let mut rules = rules::of_paths(&named);
        rules.extend(rules::of_system(|name| std::env::var_os(name)));
        rules
    })?;
    let kept = capabilities::keep(Role::Start);
    if let Err(error) = &kept {
        tracing::warn!(
            %error,
            "cannot give up capabilities: the sensor keeps what it was started with; allow capset and prctl \
             (SystemCallFilter= of a unit, the seccomp profile of a container)"
        );
    }
    let lasting = if kept.is_ok() { Role::Lead.kept(&needs) } else { CapabilitySet::all() };
    let shown = Shown { capabilities: capabilities::names(lasting), sandbox };
    tracing::info!(
        capabilities = listed(&shown.capabilities),
        sandbox = shown.sandbox.state,
        landlock = shown.sandbox.version.as_deref(),
        writable = listed(&shown.sandbox.writable),
        "privileges reduced"
    );
    Ok(Privileges { fence, needs, held, shown })
}

impl Privileges {
    /// What a status shows.
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Whether everything that `config` takes is still there: what would be used from now on.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self, config: &Config) -> Result<(), Beyond> {
        let mut named = config.paths();
        // The others are as they were, whatever the file now says.
        named.retain(|named| effect::of(&named.key) == Effect::Applied);
        self.fence.as_ref().map_or(Ok(()), |fence| fence.check(&named))?;
        let now = needs(config, self.needs.foreign_files);
        if let Some(given_up) = capabilities::given_up(self.held, &self.needs, &now) {
            return Err(Beyond::Capability(given_up));
        }
        self.check_foreign(|| foreign::refused(config, &named))
    }

    /// The same for the file of `config` itself and its drop-ins, before they are read again.
    ///
    /// # Errors
    /// When they are not.
    pub fn check_file(&self, config: &Config) -> Result<(), Beyond> {
        let named = config.own_paths();
        self.fence.as_ref().map_or(Ok(()), |fence| fence.check(&named))?;
        self.check_foreign(|| foreign::of_read(&named))
    }

    /// What permissions refuse is explained only to root that could have used it.
    fn check_foreign(&self, refused: impl FnOnce() -> Option<String>) -> Result<(), Beyond> {
        let held = self.held.contains(CapabilitySet::DAC_OVERRIDE);
        let refused = if held && !self.needs.foreign_files { refused() } else { None };
        refused.map_or(Ok(()), |why| Err(Beyond::Foreign(why)))
    }
}

/// What would come of the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outlook {
    /// Nobody wants one.
    #[default]
    Off,
    /// There would be one.
    On {
        /// Version of the kernel's Landlock.
        version: String,
    },
    /// The agent would go on without.
    Without {
        /// Why.
        why: String,
    },
    /// The agent would not start.
    Refused {
        /// Why.
        why: String,
    },
}

/// What would come of the sandbox of an agent of `config`. Makes none.
pub fn outlook(config: &Config) -> Outlook {
    if !wants_sandbox(config) {
        return Outlook::Off;
    }
    match sandbox::version() {
        Ok(version) => Outlook::On { version },
        Err(error) if config.security.sandbox == SandboxWish::On => {
            Outlook::Refused { why: error.to_string() }
        }
        Err(error) => Outlook::Without { why: error.to_string() },
    }
}

/// What is typed on a command line is short-lived, and its outputs come and go beside it: there, only who asks for a sandbox
/// gets one.
fn wants_sandbox(config: &Config) -> bool {
    match config.security.sandbox {
        SandboxWish::Auto => config.written.path.is_some(),
        SandboxWish::On => true,
        SandboxWish::Off => false,
    }
}

/// Makes the sandbox that `config` asks for, of what `rules` allow.
fn enclose(
    config: &Config,
    rules: impl FnOnce() -> Vec<Rule>,
) -> Result<(Option<Fence>, SandboxState), SandboxError> {
    if !wants_sandbox(config) {
        return Ok((None, SandboxState { state: "off", ..SandboxState::default() }));
    }
    let entered = sandbox::version().and_then(|version| {
        let rules = rules();
        Ok((version, sandbox::enter(&rules)?, rules))
    });
    match entered {
        Ok((version, fence, rules)) => {
            let mut writable: Vec<String> = rules
                .iter()
                .filter(|rule| rule.right == Right::Write && rule.path.is_dir())
                .map(|rule| rule.path.display().to_string())
                .collect();
            writable.sort();
            writable.dedup();
            let state = SandboxState { state: "on", version: Some(version), writable, why: None };
            Ok((Some(fence), state))
        }
        Err(error) if config.security.sandbox == SandboxWish::On => Err(error),
        Err(error) => {
            tracing::debug!("no sandbox: {error}");
            let why = Some(error.to_string());
            Ok((None, SandboxState { state: "unavailable", why, ..SandboxState::default() }))
        }
    }
}

/// What the configuration takes.
fn needs(config: &Config, foreign_files: bool) -> Needs {
    let listeners = &config.intake.listeners;
    let low = low_ports();
    Needs {
        captures: !config.capture.interfaces.is_empty(),
        listens: !listeners.is_empty(),
        low_ports: listeners.iter().any(|Listener { address, .. }| address.port() < low),
        keeps_source: config.intake.forwards.iter().any(|forward| forward.keep_source),
        foreign_files,
    }
}

fn low_ports() -> u16 {
    let text = fs::read_to_string(Path::new("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(LOW_PORTS)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Leaves this thread what it has open, and nothing else.
pub fn give_up() {
    sandbox::enter_nothing();
    capabilities::give_up();
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use tempfile::TempDir;

    use super::*;
    use crate::agent::config::{load, overrides::Overrides};

    /// A configuration with drop-ins, loaded.
    fn site() -> (TempDir, Config) {
        let site = tempfile::tempdir().unwrap();
        for directory in ["etc/conf.d", "srv"] {
            fs::create_dir_all(site.path().join(directory)).unwrap();
        }
        for file in ["etc/sensor.toml", "etc/conf.d/a.toml", "srv/b.toml"] {
            fs::write(site.path().join(file), "[control]\nenabled = false\n").unwrap();
        }
        let config = load(Some(&site.path().join("etc/sensor.toml")), &Overrides::default());
        (site, config.unwrap())
    }

    /// Those of an agent that was started by root with `config`, and could give all up.
    fn reduced(config: &Config) -> Privileges {
        let mut fence = Fence::default();
        for Rule { path, right } in rules::of_paths(&config.paths()) {
            // There may be no bpffs.
            let Ok(found) = fs::metadata(path) else { continue };
            fence.admit(&found, right);
        }
        Privileges {
            fence: Some(fence),
            needs: Needs::default(),
            held: CapabilitySet::all(),
            shown: Shown::default(),
        }
    }

    #[test]
    fn drop_ins_out_of_reach_are_explained() {
        let (site, config) = site();
        let at = |path: &str| site.path().join(path);
        let privileges = reduced(&config);
        let refused = |path: &str| {
            let said = privileges.check_file(&config).unwrap_err().to_string();
            let path = at(path).display().to_string();
            let expected =
                format!("configuration: the sandbox does not let the sensor read {path}\n");
            assert!(said.starts_with(&expected) && said.contains("restart the sensor"), "{said}");
        };
        fs::write(at("etc/conf.d/c.toml"), "").unwrap();
        privileges.check_file(&config).unwrap();
        symlink(at("srv/b.toml"), at("etc/conf.d/zz.toml")).unwrap();
        refused("etc/conf.d/zz.toml");
        // An agent that is started with it reaches where it leads.
        reduced(&config).check_file(&config).unwrap();
        fs::remove_dir_all(at("etc/conf.d")).unwrap();
        symlink(at("srv"), at("etc/conf.d")).unwrap();
        refused("etc/conf.d");
        reduced(&config).check_file(&config).unwrap();
    }

    #[test]
    fn drop_ins_that_permissions_refuse_are_told_at_the_start_and_at_a_reload() {
        let (site, config) = site();
        let privileges = reduced(&config);
        let without = |path: &str| {
            let path = site.path().join(path);
            let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            mode(0);
            let started = || foreign::refused(&config, &config.paths());
            let started = capabilities::without_any(started).unwrap();
            let reloaded = capabilities::without_any(|| privileges.check_file(&config)).unwrap();
            mode(0o755);
            let why = started.expect("it cannot be read");
            let expected =
                format!("cannot read {}: Permission denied (os error 13)", path.display());
            assert_eq!(why, expected);
            let said = reloaded.unwrap_err().to_string();
            assert!(said.starts_with(&expected) && said.contains("restart the sensor"), "{said}");
        };
        without("etc/conf.d/a.toml");
        without("etc/conf.d");
        assert_eq!(capabilities::without_any(|| foreign::of_read(&config.paths())), Some(None));
    }
}
