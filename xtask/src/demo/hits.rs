//! The account of hits at the end, from what the sensor itself has written, as JSON lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::incidents::EXPECTED;

/// Which policies have hit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<String, BTreeSet<String>>);

impl Seen {
    /// Reads the sensor's lines.
    ///
    /// # Errors
    /// When a line is not an event.
    pub fn parse(lines: &str) -> Result<Self> {
        let mut seen = Self::default();
        for line in lines.lines() {
            let event: Value = serde_json::from_str(line).context("read the sensor's hits")?;
            let text = |key: &str| {
                event[key].as_str().with_context(|| format!("a hit without `{key}`: {line}"))
            };
            let (policy, severity) = (text("algorithm")?, text("severity")?);
            seen.0.entry(policy.to_owned()).or_default().insert(severity.to_owned());
        }
        Ok(seen)
    }

    /// The expected policies that have not hit.
    pub fn missed(&self) -> usize {
        EXPECTED.iter().filter(|expected| !self.0.contains_key(expected.policy)).count()
    }

    /// A row for each expected policy, and one for all others that have hit.
    pub fn account(&self) -> String {
        let mut text = String::new();
        for expected in &EXPECTED {
            let (mark, severities) = match self.0.get(expected.policy) {
                Some(severities) => ("seen", in_order(severities)),
                None => ("not seen", String::new()),
            };
            // Writing to a `String` cannot fail.
            let _: std::fmt::Result = writeln!(
                text,
                "  {mark:<8}  {:<31} {severities:<12} {}",
                expected.policy, expected.what
            );
        }
        let others = self.0.keys().filter(|name| EXPECTED.iter().all(|e| e.policy != *name));
        let others: Vec<&str> = others.map(String::as_str).collect();
        if !others.is_empty() {
            let _: std::fmt::Result = writeln!(text, "  others    {}", others.join(", "));
        }
        text
    }
}

/// What to look for: a row for each expected policy.
pub fn announcement() -> String {
    EXPECTED.iter().map(|e| format!("  {:<31} {}\n", e.policy, e.what)).collect()
}

/// From low to high.
fn in_order(severities: &BTreeSet<String>) -> String {
    let known = ["low", "medium", "high"];
    known.into_iter().filter(|name| severities.contains(*name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(policy: &str, severity: &str) -> String {
        format!("{{\"algorithm\":\"{policy}\",\"severity\":\"{severity}\"}}\n")
    }

    #[test]
    fn what_is_not_in_the_file_is_missed() {
        let all: String = EXPECTED.iter().map(|e| event(e.policy, "low")).collect();
        assert_eq!(Seen::parse(&all).unwrap().missed(), 0);
        let without_scan: Vec<&str> =
            all.lines().filter(|line| !line.contains("scan_vertical_internal")).collect();
        let seen = Seen::parse(&without_scan.join("\n")).unwrap();
        assert_eq!(seen.missed(), 1);
        assert!(seen.account().contains("not seen  scan_vertical_internal"), "{}", seen.account());
        assert_eq!(Seen::parse("").unwrap().missed(), EXPECTED.len());
    }

    #[test]
    fn severities_are_told_in_order_and_other_policies_by_name() {
        let lines = [
            event("scan_vertical_internal", "medium"),
            event("scan_vertical_internal", "low"),
            event("odd", "high"),
        ];
        let account = Seen::parse(&lines.concat()).unwrap().account();
        assert!(account.contains("low, medium"), "{account}");
        assert!(account.contains("others    odd"), "{account}");
    }

    #[test]
    fn a_line_that_is_no_event_is_a_fault() {
        assert!(Seen::parse("nonsense").is_err());
        assert!(Seen::parse("{\"severity\":\"low\"}").is_err());
    }
}
