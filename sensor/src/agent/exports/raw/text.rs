//! A [`Document`] as indented text.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::Value;

use super::document::{Document, Field, Message, Set, Template};

/// A length that each record tells (RFC 7011 section 7).
const VARIABLE: u16 = 65_535;

/// Appends `document` to `out`. Writing to a `String` cannot fail.
pub fn write(out: &mut String, document: &Document) {
    let Document { received_ms, from, to, octets, reading } = document;
    let _ = write!(out, "{} {from}", time(*received_ms));
    if let Some(to) = to {
        let _ = write!(out, " -> {to}");
    }
    let _ = writeln!(out, ", {octets} octets");
    reading.messages.iter().for_each(|message| write_message(out, message));
    if let Some(fault) = &reading.fault {
        let _ = writeln!(out, "  not decoded: {}", printable(fault));
    }
    if reading.undecoded_octets != 0 {
        let _ = writeln!(out, "  octets not decoded: {}", reading.undecoded_octets);
    }
}

fn write_message(out: &mut String, message: &Message) {
    let Message { version, sequence, domain, uptime_ms, export_time, export_nanoseconds, sets } =
        message;
    let _ = write!(out, "  version {version}, sequence {sequence}");
    if let Some(domain) = domain {
        let _ = write!(out, ", domain {domain}");
    }
    if let Some(uptime) = uptime_ms {
        let _ = write!(out, ", uptime {uptime} ms");
    }
    let milliseconds = export_nanoseconds.unwrap_or(0) / 1_000_000;
    let exported = u64::from(*export_time) * 1000 + u64::from(milliseconds);
    let _ = writeln!(out, ", exported {}", time(exported));
    sets.iter().for_each(|set| write_set(out, set));
}

fn write_set(out: &mut String, set: &Set) {
    out.push_str("    ");
    if let (Some(id), Some(length)) = (set.id, set.length) {
        let _ = write!(out, "set {id}, {length} octets: ");
    }
    let _ = writeln!(out, "{}", set.kind);
    set.templates.iter().for_each(|template| write_template(out, template));
    for (place, record) in set.records.iter().enumerate() {
        let _ = writeln!(out, "      record {}", place + 1);
        for Field { name, value, .. } in record {
            let _ = match value {
                Value::String(text) => writeln!(out, "        {name} {}", printable(text)),
                other => writeln!(out, "        {name} {other}"),
            };
        }
    }
    if let Some(octets) = set.rest_octets {
        let _ = writeln!(
            out,
            "      octets outside values (padding, length prefixes, or not decoded): {octets}"
        );
    }
}

fn write_template(out: &mut String, template: &Template) {
    let _ = writeln!(out, "      template {}", template.id);
    for field in &template.fields {
        let _ = write!(out, "        {} (", field.name);
        if let Some(enterprise) = field.enterprise {
            let _ = write!(out, "{enterprise}:");
        }
        let _ = write!(out, "{}), ", field.element);
        let _ = match field.length {
            VARIABLE => write!(out, "variable length"),
            length => write!(out, "{length} octets"),
        };
        out.push_str(if field.scope { ", scope\n" } else { "\n" });
    }
}

fn time(milliseconds: u64) -> String {
    // Behind the year 9999 there is no such text.
    match UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)) {
        Some(time) if milliseconds < 253_402_300_800_000 => {
            humantime::format_rfc3339_millis(time).to_string()
        }
        _ => format!("{milliseconds} ms"),
    }
}

/// A router's text may hold what terminals obey.
fn printable(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).collect()
}
