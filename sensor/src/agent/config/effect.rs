//! What a reload does about a key that has changed: the one table, which the agent, `sensor check` and the documents share.

/// What becomes of a changed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A reload puts it in force.
    Applied,
    /// It takes effect when the sensor is started again.
    Restart,
}

impl Effect {
    /// As people are told.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Applied => "applied on reload",
            Self::Restart => "needs a restart",
        }
    }
}

use Effect::{Applied, Restart};

/// Sections, and single keys of a section that differ from the rest of it.
pub const TABLE: [(&str, Effect); 35] = [
    ("capture", Restart),
    ("capture.interfaces", Applied),
    ("capture.interval", Applied),
    // Between two programs on one interface packets would pass unseen, or be seen twice.
    ("interface", Restart),
    ("flow", Applied),
    ("engine", Restart),
    ("export", Applied),
    ("collector", Applied),
    ("ipfix_file", Applied),
    ("store", Applied),
    ("clickhouse", Applied),
    ("kafka", Applied),
    ("nats", Applied),
    ("listen", Applied),
    ("intake", Applied),
    // Which worker knows the templates of a device follows from their number.
    ("intake.workers", Restart),
    ("device", Applied),
    ("forward", Applied),
    ("cloud", Applied),
    ("ingest", Applied),
    ("ingest.listen", Restart),
    ("policies", Applied),
    ("hits", Applied),
    ("labels", Applied),
    ("networks", Applied),
    ("geo", Applied),
    ("reputation", Applied),
    ("tag", Applied),
    ("control", Restart),
    ("console", Restart),
    ("metrics", Restart),
    // What has been given up cannot be had back.
    ("security", Restart),
    ("log", Applied),
    ("log.format", Restart),
    ("lists", Applied),
];

/// What a reload does about the key at `path`, such as `flow.idle_timeout`: the row of the key, or else of its section.
/// What no row is about needs a restart.
pub fn of(path: &str) -> Effect {
    row(path).unwrap_or(Restart)
}

fn row(path: &str) -> Option<Effect> {
    let found = TABLE.iter().find(|(key, _)| *key == path).map(|(_, effect)| *effect);
    found.or_else(|| row(path.rsplit_once('.')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{diff::section, sections::Sections};
    use sensor_core::settings::schema::{Key, Table as _};

    fn walk(keys: &[Key], below: &str, paths: &mut Vec<String>) {
        for key in keys {
            let path = format!("{below}{}", key.name);
            walk(key.inner, &format!("{path}."), paths);
            paths.push(path);
        }
    }

    /// A section as in the file, a key by its path.
    fn written(key: &str) -> String {
        if key.contains('.') { key.to_owned() } else { section(key) }
    }

    #[test]
    fn the_documentation_says_the_same() {
        let text = include_str!("../../../docs/reload.md");
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
        let row =
            |(key, effect): &(&str, Effect)| format!("| `{}` | {} |", written(key), effect.shown());
        assert_eq!(rows, TABLE.iter().map(row).collect::<Vec<_>>());
    }

    #[test]
    fn every_key_is_applied_or_needs_a_restart_and_no_row_is_about_nothing() {
        let mut paths = Vec::new();
        walk(Sections::KEYS, "", &mut paths);
        assert!(paths.len() > 100, "{}", paths.len());
        let without: Vec<_> = paths.iter().filter(|path| row(path).is_none()).collect();
        assert_eq!(without, [""; 0]);
        for (key, _) in TABLE {
            assert!(paths.iter().any(|path| path == key), "{key} is no key");
        }
    }
}
