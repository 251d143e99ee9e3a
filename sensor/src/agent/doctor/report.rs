//! Everything that was found out. `docs/doctor.md` describes its keys.

use serde::Serialize;

use super::finding::{Finding, Status};

/// What `sensor doctor` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst status of all findings.
    pub status: Status,
    /// What was found, by area.
    pub findings: Vec<Finding>,
    /// The selected interfaces.
    pub interfaces: Vec<Interface>,
    /// What the configuration takes.
    pub memory: Memory,
}

/// A selected interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its driver, where it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Whether its driver runs XDP programs, where the kernel says (Linux 6.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_xdp: Option<bool>,
    /// Whether it does for frames in several buffers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xdp_frags: Option<bool>,
    /// How received packets would be counted; absent if no way works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<&'static str>,
    /// How sent packets would be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<&'static str>,
    /// Better ways for either, and why not.
    pub reasons: Vec<String>,
}

/// Memory, octets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The kernel's flow tables, taken at the start.
    pub kernel_tables: u64,
    /// The flow cache when it is full.
    pub flow_cache: u64,
    /// What devices tell of themselves, and receive buffers.
    pub intake: u64,
    /// Keys that all policies may watch together.
    pub policy_keys: u64,
    /// What they take if all of them are watched.
    pub policies: u64,
}

impl Report {
    /// How many findings have `status`.
    pub fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use crate::agent::doctor::judge::{judge, testing::troubled};

    /// Paths of all keys of a document.
    fn keys(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    found.insert(path.clone());
                    keys(&path, value, found);
                }
            }
            Value::Array(items) => {
                items.iter().for_each(|item| keys(&format!("{path}[]"), item, found));
            }
            _ => {}
        }
    }

    #[test]
    fn the_page_describes_every_key_and_no_other() {
        let page = include_str!("../../../docs/doctor.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let described: BTreeSet<_> = rows.map(str::to_owned).collect();
        let document = serde_json::to_value(judge(&troubled())).expect("it can be written");
        let mut found = BTreeSet::new();
        keys("", &document, &mut found);
        assert_eq!(found, described);
    }
}
