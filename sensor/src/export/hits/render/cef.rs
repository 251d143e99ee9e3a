//! An event in ArcSight's Common Event Format (Implementing ArcSight CEF, version 0), without a syslog header.
//!
//! Standard keys where the dictionary has them; `cs1` to `cs5` and `cn1` to `cn3` carry their labels with them.

use std::{fmt::Write as _, net::IpAddr};

use sensor_core::{
    flow::fields::OwnedValue,
    policy::alert::{Alert, Severity},
};

use super::{
    parts::{agreed, agreed_address, id, shown, track},
    summary,
};

/// Appends the line, without a line end.
pub fn write(out: &mut Vec<u8>, event: &Alert) {
    let mut line = format!(
        "CEF:0|flow-sensor|sensor|{}|{}|{}|{}|",
        env!("CARGO_PKG_VERSION"),
        Header(&event.policy.name),
        Header(if event.policy.description.is_empty() {
            &event.policy.name
        } else {
            &event.policy.description
        }),
        severity(event.severity)
    );
    let mut extension = Extension { line: &mut line, first: true };
    fill(&mut extension, event);
    out.extend_from_slice(line.as_bytes());
}

/// On CEF's scale from 0 to 10: the middle of its Low, Medium and High.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 2,
        Severity::Medium => 5,
        Severity::High => 8,
    }
}

fn fill(extension: &mut Extension<'_>, event: &Alert) {
    let policy = &event.policy;
    extension.put("externalId", &id(event));
    extension.put("rt", &event.timestamp.to_string());
    extension.put("start", &event.start.to_string());
    extension.put("end", &event.end.to_string());
    extension.put("cat", &policy.categories.join(","));
    extension.put("act", event.kind.name());
    extension.put("cnt", &event.records.to_string());
    extension.put("msg", &summary::of(event));
    if let Some(reason) = event.reason {
        extension.put("reason", reason.name());
    }
    for (field, v4, v6, label) in [
        ("srcip", "src", "c6a2", "Source IPv6 Address"),
        ("dstip", "dst", "c6a3", "Destination IPv6 Address"),
    ] {
        match agreed_address(event, field) {
            Some(IpAddr::V4(address)) => extension.put(v4, &address.to_string()),
            Some(IpAddr::V6(address)) => extension.labelled(v6, label, &address.to_string()),
            None => {}
        }
    }
    const FIELDS: [(&str, &str); 8] = [
        ("srcport", "spt"),
        ("dstport", "dpt"),
        ("protocol", "proto"),
        ("srcipname", "shost"),
        ("dstipname", "dhost"),
        ("srcmac", "smac"),
        ("dstmac", "dmac"),
        ("application", "app"),
    ];
    for (field, key) in FIELDS {
        if let Some(value) = agreed(event, field) {
            extension.put(key, &shown(value));
        }
    }
    // 0 is inbound, 1 is outbound.
    match agreed(event, "direction") {
        Some(OwnedValue::Text(way)) if &**way == "ingress" => extension.put("deviceDirection", "0"),
        Some(OwnedValue::Text(way)) if &**way == "egress" => extension.put("deviceDirection", "1"),
        _ => {}
    }
    if let Some(source) = event.sources.first() {
        extension.put("dvchost", source);
    }
    extension.labelled("cs1", "track", &track(event));
    extension.labelled("cs2", "threshold", event.threshold.as_deref().unwrap_or_default());
    extension.labelled("cs3", "search", &policy.search);
    extension.labelled("cs4", "group", &policy.group);
    extension.labelled("cs5", "factors", &policy.factors.join(","));
    extension.labelled("cn1", "rollupperiod", &policy.window.to_string());
    extension.labelled("cn2", "bitsxrate", &event.metrics.scaled_bits.sum.to_string());
    extension.labelled("cn3", "packetsxrate", &event.metrics.scaled_packets.sum.to_string());
}

struct Extension<'a> {
    line: &'a mut String,
    first: bool,
}

impl Extension<'_> {
    /// A key and its value, unless that is empty.
    fn put(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let blank = if std::mem::take(&mut self.first) { "" } else { " " };
        // Writing to a `String` cannot fail.
        let _: std::fmt::Result = write!(self.line, "{blank}{key}={}", Escaped(value));
    }

    /// A key whose meaning is told by another.
    fn labelled(&mut self, key: &str, label: &str, value: &str) {
        if !value.is_empty() {
            self.put(&format!("{key}Label"), label);
            self.put(key, value);
        }
    }
}

/// A value of the header: `\` and `|` are escaped, and there are no line ends.
struct Header<'a>(&'a str);

impl std::fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' | '|' => write!(f, "\\{character}")?,
                control if control.is_control() => f.write_char(' ')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A value of the extension: `\` and `=` are escaped, line ends are written out.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' | '=' => write!(f, "\\{character}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                control if control.is_control() => f.write_char(' ')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
