//! What has changed between two configurations, by key: whatever the order, the comments and the places in the file.

use sensor_core::settings::schema::{Table as _, Value as _};

use super::{
    effect::{self, Effect},
    resolve::Config,
    sections::Sections,
};

/// Keys whose values differ, in the order of the sections: `flow.idle_timeout`; of sections that may be there several times
/// the section, `collector`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Those that a reload puts in force.
    pub applied: Vec<String>,
    /// Those that take effect when the sensor is started again.
    pub restart: Vec<String>,
}

impl Diff {
    /// From `old` to `new`.
    pub fn between(old: &Config, new: &Config) -> Self {
        const INTERFACES: &str = "capture.interfaces";
        let mut keys = Vec::new();
        old.written.sections.compare(&new.written.sections, "", &mut keys);
        // Where nobody names one, it depends on the listeners whether any is captured.
        let changes = old.capture.interfaces != new.capture.interfaces;
        if changes && !keys.iter().any(|key| key == INTERFACES) {
            keys.insert(0, INTERFACES.to_owned());
        }
        // Programs are loaded at the start, and only where there is something to capture.
        let captures = !old.capture.interfaces.is_empty() && !new.capture.interfaces.is_empty();
        let is_applied =
            |key: &String| effect::of(key) == Effect::Applied && (captures || key != INTERFACES);
        let (applied, restart) = keys.into_iter().partition(is_applied);
        Self { applied, restart }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.restart.is_empty()
    }
}

/// The section of a key as it is written in the file: `[flow]`, `[[collector]]`.
pub fn section(key: &str) -> String {
    let name = key.split('.').next().unwrap_or(key);
    let is_list = Sections::KEYS.iter().any(|section| section.name == name && section.is_list);
    if is_list { format!("[[{name}]]") } else { format!("[{name}]") }
}

/// The sections of `keys`, each once.
pub fn sections(keys: &[String]) -> Vec<String> {
    let mut sections: Vec<String> = keys.iter().map(|key| section(key)).collect();
    sections.dedup();
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{load, overrides::Overrides};

    fn parsed(text: &str) -> Config {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        load(Some(file.path()), &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn check(old: &str, new: &str, applied: &[&str], restart: &[&str]) {
        let diff = Diff::between(&parsed(old), &parsed(new));
        assert_eq!((diff.applied, diff.restart), (owned(applied), owned(restart)));
    }

    fn owned(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|&key| key.to_owned()).collect()
    }

    #[test]
    fn keys_that_differ_are_told_by_what_becomes_of_them() {
        let old = "[flow]\nidle_timeout = '15s'\n[log]\nlevel = 'info'\n[[hits]]\nurl = 'stdout'\n";
        check(old, old, &[], &[]);
        check(old, &format!("# a remark\n{}", old.replace(" = ", "=")), &[], &[]);
        check("", "[flow]\nidle_timeout = '15s'", &[], &[]);
        check(old, &old.replace("15s", "16s"), &["flow.idle_timeout"], &[]);
        check("", "engine.threads = 3", &[], &["engine.threads"]);
        let listen = "listen = [{ url = 'netflow://127.0.0.1' }]\n";
        check(listen, &listen.replace("127.0.0.1", "127.0.0.2"), &["listen"], &[]);
        check(listen, &format!("intake.workers = 2\n{listen}"), &[], &["intake.workers"]);
        check(listen, &format!("intake.rate_limit = 2\n{listen}"), &["intake.rate_limit"], &[]);
        // Programs are loaded at the start only; and who listens to routers captures nothing, unless they say so.
        check("", "capture.interfaces = ['eth0']", &["capture.interfaces"], &[]);
        check("", listen, &["listen"], &["capture.interfaces"]);
        let both = format!("capture.interfaces = ['auto']\n{listen}");
        check("", &both, &["listen"], &[]);
        check(&both, &both.replace("'auto'", ""), &[], &["capture.interfaces"]);
        check(old, &old.replace("info", "warn"), &["log.level"], &[]);
        check(old, &format!("{old}[[hits]]\nurl = 'journald'"), &["hits"], &[]);
        check(
            "",
            "capture.kernel_memory = '64MiB'\n[geo]\nasn = 'x'",
            &["geo.asn"],
            &["capture.kernel_memory"],
        );
        let decoder = |tls: &str| format!("[[collector]]\nurl = 'tls://a'\ntls = {{ {tls} }}");
        check(&decoder("ca = 'a'"), &decoder("ca = 'b'"), &["collector"], &[]);
        let over = "[[policies.override]]\nmatch = 'a'\nseverity = { low = 'count() > 1' }\n\
            discard = ['srcip == 10.0.0.1']\nexpect = ['a']\n";
        check(over, &format!("# Moved.\n\n{over}"), &[], &[]);
        for (was, is) in [("'a'", "'b'"), ("> 1", "> 2"), ("low", "high"), ("10.0.0.1", "10.0.0.2")]
        {
            check(over, &over.replacen(was, is, 1), &["policies.override"], &[]);
        }
        check("", "policies.enable = ['a']", &["policies.enable"], &[]);
        check(
            "lists = { a = 'x', b = 'y' }",
            "lists = { b = 'z', c = 'x' }",
            &["lists.a", "lists.b", "lists.c"],
            &[],
        );
    }

    #[test]
    fn sections_are_named_as_they_are_written() {
        let keys =
            owned(&["flow.idle_timeout", "flow.max_flows", "hits", "lists.a", "intake.allow"]);
        assert_eq!(sections(&keys), ["[flow]", "[[hits]]", "[lists]", "[intake]"]);
    }
}
