//! `[security]`: what the agent takes from itself once it has started.

use sensor_core::{
    diagnostic::nearest,
    settings::schema::{Key, Setting, Table, Value, table},
};

use super::faults::Faults;

table! {
    /// `[security]`
    Security {
        /// Whether files and directories that the configuration does not name are out of reach (Landlock): `auto`, `on` or `off`.
        sandbox: String = "auto".to_owned();
    }
}

/// `[security]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecurityConfig {
    /// Whether the agent keeps to the files that its configuration names.
    pub sandbox: SandboxWish,
}

/// Whether the agent keeps to the files that its configuration names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxWish {
    /// Where there is a configuration file and the kernel can have it.
    #[default]
    Auto,
    /// In any case: without it, the agent does not start.
    On,
    /// No.
    Off,
}

impl SandboxWish {
    /// As the file spells them.
    const ALL: [(&str, Self); 3] = [("auto", Self::Auto), ("on", Self::On), ("off", Self::Off)];
}

/// Judges `[security]`.
pub(super) fn resolve(raw: &Security, faults: &mut Faults) -> SecurityConfig {
    let name = raw.sandbox.value.as_str();
    let wish = SandboxWish::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, wish)| wish);
    if wish.is_none() {
        let names = SandboxWish::ALL.map(|(name, _)| name);
        let found = match nearest(name, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("`{name}` is none of them"),
        };
        let must = format!("must be one of {}", names.join(", "));
        faults.report(&raw.sandbox, "security.sandbox", &must, &found);
    }
    SecurityConfig { sandbox: wish.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn three_words_are_known() {
        let read = |text: &str| from_text(text, &Overrides::default());
        let wish = |text: &str| read(text).expect("no faults").security.sandbox;
        assert_eq!(wish(""), SandboxWish::Auto);
        assert_eq!(wish("[security]\nsandbox = 'on'"), SandboxWish::On);
        assert_eq!(wish("[security]\nsandbox = 'off'"), SandboxWish::Off);
        let faults = read("[security]\nsandbox = 'offf'").expect_err("no such word");
        assert_eq!(faults.file[0].message, "`security.sandbox` must be one of auto, on, off");
        assert_eq!(faults.file[0].label.as_deref(), Some("did you mean `off`?"));
    }
}
