//! An event for people: one line, coloured by severity on a terminal, details below it when asked for.

use std::fmt::Write as _;

use sensor_core::policy::alert::{Alert, Extremes, Severity};

use super::{
    parts::{bogon, measured, rfc3339},
    summary,
};
use crate::export::log::line::octets;

/// How an event is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// With the escape sequences of a terminal.
    pub colour: bool,
    /// With details below.
    pub verbose: bool,
}

/// Appends the line and, where they are asked for, the details, without a line end.
pub fn write(out: &mut Vec<u8>, event: &Alert, style: Style) {
    let mut text = String::new();
    let (on, off) = if style.colour { (colour(event.severity), "\x1b[0m") } else { ("", "") };
    let time = rfc3339(event.timestamp);
    let end = match (&event.threshold, event.reason) {
        (_, Some(reason)) => format!("  ({})", reason.name()),
        (Some(_), None) => format!("  ({})", measured(event)),
        (None, None) if event.records > 1 => format!("  ({} flows)", event.records),
        (None, None) => String::new(),
    };
    // Writing to a `String` cannot fail.
    let _: std::fmt::Result = write!(
        text,
        "{} {on}{:<6} {:<7} {}{off}  {}{end}",
        time.replace('T', " ").trim_end_matches('Z'),
        event.severity.name(),
        event.kind.name(),
        Plain(&event.policy.name),
        Plain(&summary::subject(event)),
    );
    if style.verbose {
        details(&mut text, event);
    }
    out.extend_from_slice(text.as_bytes());
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "\x1b[1;31m",
        Severity::Medium => "\x1b[33m",
        Severity::Low => "\x1b[36m",
    }
}

fn details(text: &mut String, event: &Alert) {
    let policy = &event.policy;
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _: std::fmt::Result = write!(text, "\n    {name:<11} {}", Plain(value));
        }
    };
    row("meaning", &policy.description);
    row("categories", &policy.categories.join(", "));
    row("match", &policy.search);
    if policy.window > 0 {
        row("window", &format!("{} s", policy.window));
    }
    row("threshold", event.threshold.as_deref().unwrap_or_default());
    row("from", &rfc3339(event.start));
    row("to", &rfc3339(event.end));
    let flows = match event.suppressed {
        0 => event.records.to_string(),
        more => format!("{}, {more} of them suppressed", event.records),
    };
    row("flows", &flows);
    row("bits", &extremes(event.metrics.scaled_bits));
    row("packets", &extremes(event.metrics.scaled_packets));
    row("seen by", &event.sources.join(", "));
    row("src ports", &ports(&event.source_ports));
    row("dst ports", &ports(&event.destination_ports));
    row("top src", &counted(&event.top.sources));
    row("top dst", &counted(&event.top.destinations));
    row("top sport", &counted(&event.top.source_ports));
    row("top dport", &counted(&event.top.destination_ports));
    for sample in &event.samples {
        row("flow", &summary::flow(sample));
    }
    for (address, profile) in &event.addresses {
        let mut known: Vec<String> = Vec::new();
        let flags = [
            (profile.internal, "internal"),
            (profile.local, "of this host"),
            (bogon(*address, profile), "bogon"),
        ];
        known.extend(
            flags
                .iter()
                .filter(|(flag, _)| *flag == Some(true))
                .map(|(_, name)| (*name).to_owned()),
        );
        known.extend(
            profile.labels.iter().map(|(name, values)| format!("{name}={}", values.join(","))),
        );
        known.extend(profile.country.clone());
        known.extend(profile.owner_as.number.map(|number| format!("AS{number}")));
        known.extend(profile.owner_as.organisation.clone());
        known.extend(
            profile.reputation.iter().flatten().map(|category| format!("reputation {category}")),
        );
        if !known.is_empty() {
            row("address", &format!("{address}: {}", known.join(", ")));
        }
    }
}

fn extremes(of: Extremes) -> String {
    if of.sum == 0 {
        return String::new();
    }
    format!(
        "{} in all, {}/s, {} to {} a flow",
        octets(of.sum),
        octets(of.rate as u64),
        octets(of.min),
        octets(of.max)
    )
}

fn counted<T: std::fmt::Display>(values: &[(T, u32)]) -> String {
    let parts: Vec<_> = values.iter().map(|(value, flows)| format!("{value} ({flows})")).collect();
    parts.join(" ")
}

fn ports(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

/// Text of others: names and labels must not control the terminal.
struct Plain<'a>(&'a str);

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| f.write_char(if c.is_control() { '\u{fffd}' } else { c }))
    }
}
