//! What came of a test, compared with what was expected.

use std::collections::{BTreeMap, BTreeSet};

use super::{expected::Expected, flows::BEGIN, raw::Fields};
use crate::{
    diagnostic::Diagnostic,
    nql::literal,
    policy::alert::{Alert, EventKind, LabelAction},
    settings::schema::Setting,
};

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it is as expected.
    pub passed: bool,
    /// Lines for people: expected and not found (`-`), found and not expected (`+`), both (two spaces).
    pub difference: String,
    /// The policies that an event or a label came from.
    pub fired: BTreeSet<String>,
}

/// An event or label by its attributes.
pub type Found = BTreeMap<String, String>;

/// Attributes that an expectation may name, besides `track.FIELD`.
const ATTRIBUTES: [&str; 13] = [
    "type",
    "policy",
    "severity",
    "records",
    "suppressed",
    "reason",
    "threshold",
    "at",
    "sources",
    "sequence",
    "address",
    "context",
    "value",
];

/// Reads what a test expects of an event.
pub fn expected(event: &Setting<Fields>, faults: &mut Vec<Diagnostic>) -> Vec<(String, String)> {
    for entry in &event.value.0 {
        let name = entry.name();
        if !ATTRIBUTES.contains(&name.as_str()) && !name.starts_with("track.") {
            let fault = Diagnostic::error(format!("an event has no `{name}`"), entry.span.clone());
            faults.push(fault.help(format!("there are track.FIELD, {}", ATTRIBUTES.join(", "))));
        }
    }
    event.value.0.iter().map(|entry| (entry.name(), entry.value.shown())).collect()
}

/// The attributes of an event.
pub fn of_event(event: &Alert) -> Found {
    let mut found = Found::from([
        ("type".to_owned(), event.kind.name().to_owned()),
        ("policy".to_owned(), event.policy.name.clone()),
        ("severity".to_owned(), event.severity.name().to_owned()),
        ("records".to_owned(), event.records.to_string()),
        ("suppressed".to_owned(), event.suppressed.to_string()),
        ("sequence".to_owned(), event.sequence.to_string()),
        ("sources".to_owned(), event.sources.join(", ")),
        ("at".to_owned(), at(event.timestamp)),
    ]);
    found.extend(event.reason.map(|reason| ("reason".to_owned(), reason.name().to_owned())));
    found.extend(event.threshold.as_ref().map(|text| ("threshold".to_owned(), text.to_string())));
    found.extend(
        event
            .track
            .iter()
            .map(|(name, value)| (format!("track.{name}"), literal::value_text(value))),
    );
    found
}

/// The attributes of a label.
pub fn of_label(label: &LabelAction) -> Found {
    Found::from([
        ("type".to_owned(), "label".to_owned()),
        ("policy".to_owned(), label.policy.clone()),
        ("address".to_owned(), label.address.to_string()),
        ("context".to_owned(), label.context.clone()),
        ("value".to_owned(), label.values.join(", ")),
    ])
}

/// Time after the beginning of the test.
fn at(time: u64) -> String {
    let after = std::time::Duration::from_millis(time.saturating_sub(BEGIN));
    humantime::format_duration(after).to_string()
}

/// Compares what was found with what was expected.
pub fn compare(expected: &Expected, events: &[Alert], found: &[Found]) -> Outcome {
    let fired = found.iter().filter_map(|found| found.get("policy").cloned()).collect();
    match expected {
        Expected::Fires(fires) => {
            let severities = events
                .iter()
                .filter(|event| event.kind != EventKind::Hit)
                .map(|event| event.severity);
            let hit = events.iter().any(|event| event.kind == EventKind::Hit);
            let highest = match severities.max() {
                Some(severity) => severity.name(),
                None if hit => "hit",
                None if found.is_empty() => "nothing",
                None => "label",
            };
            let mut difference = String::new();
            if highest != fires {
                difference = format!("- {fires}\n+ {highest}\n");
                difference
                    .extend(found.iter().map(|found| format!("+   {}\n", line(found.iter()))));
            }
            Outcome { passed: highest == fires, difference, fired }
        }
        Expected::Events(expected) => {
            let difference = lines(expected, found);
            let passed = difference.lines().all(|line| line.starts_with("  "));
            Outcome { passed, difference: if passed { String::new() } else { difference }, fired }
        }
    }
}

fn matches(expected: &[(String, String)], found: &Found) -> bool {
    expected.iter().all(|(name, value)| found.get(name) == Some(value))
}

/// The longest common run of both in their order, and what is not in it.
fn lines(expected: &[Vec<(String, String)>], found: &[Found]) -> String {
    let mut longest = vec![vec![0_u32; found.len() + 1]; expected.len() + 1];
    for (at, wanted) in expected.iter().enumerate().rev() {
        for (beside, other) in found.iter().enumerate().rev() {
            longest[at][beside] = if matches(wanted, other) {
                longest[at + 1][beside + 1] + 1
            } else {
                longest[at + 1][beside].max(longest[at][beside + 1])
            };
        }
    }
    let (mut text, mut at, mut beside) = (String::new(), 0, 0);
    while at < expected.len() || beside < found.len() {
        let both = expected.get(at).zip(found.get(beside));
        let (sign, shown) = match both {
            Some((wanted, other)) if matches(wanted, other) => {
                at += 1;
                beside += 1;
                (' ', line(other.iter()))
            }
            Some(_) if longest[at][beside + 1] >= longest[at + 1][beside] => {
                beside += 1;
                ('+', line(found[beside - 1].iter()))
            }
            None if at == expected.len() => {
                beside += 1;
                ('+', line(found[beside - 1].iter()))
            }
            _ => {
                at += 1;
                ('-', line(expected[at - 1].iter().map(|(name, value)| (name, value))))
            }
        };
        text.push_str(&format!("{sign} {shown}\n"));
    }
    text
}

fn line<'a>(attributes: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let mut attributes: Vec<_> = attributes.collect();
    // What is tracked comes after the severity.
    let rank =
        |name: &str| ATTRIBUTES.iter().position(|known| *known == name).map_or(5, |at| 2 * at);
    attributes.sort_by_key(|(name, _)| (rank(name), (*name).clone()));
    let shown = attributes.into_iter().map(|(name, value)| match name.as_str() {
        "type" | "policy" | "severity" => value.clone(),
        name => format!("{}={value}", name.trim_start_matches("track.")),
    });
    shown.collect::<Vec<_>>().join(" ")
}
