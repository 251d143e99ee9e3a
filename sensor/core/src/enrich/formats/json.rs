//! Labels as JSON: an object of addresses, each with its contexts, or a list of labels one by one.
//!
//! `{"10.0.0.5": {"role": "web", "securitygroup": ["production", "pci"]}}`, or
//! `[{"ip": "10.0.0.5", "context": "role", "labels": ["web"]}]`.
//!
//! The parts are kept as they are written until each is judged, so that a fault has its place and spoils only itself.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    label_file::{LabelFile, Piece},
    lines::Lines,
};
use crate::diagnostic::Diagnostic;

/// An object with its keys in the order of the text, those that come twice included.
struct Object<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A label of the second form.
#[derive(Deserialize)]
struct Label {
    ip: String,
    context: String,
    #[serde(alias = "values", alias = "label", alias = "value")]
    labels: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a string or a list of strings")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

pub(super) fn read(file: &mut LabelFile<'_, '_>) {
    let lines = Lines::of(file.text);
    let whole: Result<&RawValue, _> = serde_json::from_str(file.text);
    let raw = match whole {
        Ok(raw) => raw,
        Err(error) => {
            let fault = fault_in(file.text, 0, &error);
            return file.report.fault(fault.help("nothing in this file is valid"));
        }
    };
    if raw.get().starts_with('[') {
        list(file, &lines, raw);
    } else {
        object(file, &lines, raw);
    }
}

fn list(file: &mut LabelFile<'_, '_>, lines: &Lines, raw: &RawValue) {
    let labels: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    for raw in labels {
        let start = offset(file.text, raw);
        match serde_json::from_str::<Label>(raw.get()) {
            Ok(label) => {
                let span = start..start + raw.get().len();
                let piece = |text: String| Piece { text: text.into(), span: span.clone() };
                let values: Vec<_> = label.labels.into_vec().into_iter().map(piece).collect();
                let line = lines.number(start);
                file.entry(line, &piece(label.ip), &piece(label.context), &values);
            }
            Err(error) => {
                let fault = fault_in(file.text, start, &error);
                let form = r#"a label is {"ip": "10.0.0.5", "context": "role", "labels": ["web"]}"#;
                file.report.fault(fault.help(form));
            }
        }
    }
}

fn object(file: &mut LabelFile<'_, '_>, lines: &Lines, raw: &RawValue) {
    let start = offset(file.text, raw);
    let addresses: Object<'_> = match serde_json::from_str(raw.get()) {
        Ok(addresses) => addresses,
        Err(error) => return file.report.fault(fault_in(file.text, start, &error)),
    };
    for (subject, raw) in addresses.0 {
        let subject = key(file.text, subject, raw);
        let contexts: Object<'_> = match serde_json::from_str(raw.get()) {
            Ok(contexts) => contexts,
            Err(error) => {
                let fault = fault_in(file.text, offset(file.text, raw), &error);
                file.report.fault(fault.help(r#"an address has contexts: {"role": "web"}"#));
                continue;
            }
        };
        for (context, raw) in contexts.0 {
            let start = offset(file.text, raw);
            let context = key(file.text, context, raw);
            match serde_json::from_str::<OneOrMany>(raw.get()) {
                Ok(values) => {
                    let span = start..start + raw.get().len();
                    let piece = |text: String| Piece { text: text.into(), span: span.clone() };
                    let values: Vec<_> = values.into_vec().into_iter().map(piece).collect();
                    file.entry(lines.number(start), &subject, &context, &values);
                }
                Err(error) => file.report.fault(fault_in(file.text, start, &error)),
            }
        }
    }
}

/// Where a part begins in the text that it was cut from.
fn offset(text: &str, part: &RawValue) -> usize {
    part.get().as_ptr() as usize - text.as_ptr() as usize
}

/// The key before a value. Where it does not stand right before it as it reads, since it has escapes or much space behind
/// it, the place is the value's.
fn key<'k>(text: &str, key: String, value: &RawValue) -> Piece<'k> {
    let end = offset(text, value);
    let from = text.ceil_char_boundary(end.saturating_sub(key.len() + 32));
    let found = text[from..end].rfind(&format!("\"{key}\"")).map(|at| from + at);
    let span = found.map_or(end..end + value.get().len(), |start| start..start + key.len() + 2);
    Piece { text: key.into(), span }
}

/// A fault that was found in the part of `text` from `start` on, by its line and column.
pub(in crate::enrich) fn fault_in(
    text: &str,
    start: usize,
    error: &serde_json::Error,
) -> Diagnostic {
    let line_start = match error.line() {
        0 | 1 => start,
        line => {
            let newlines = text[start..].match_indices('\n');
            newlines.map(|(at, _)| start + at + 1).nth(line - 2).unwrap_or(start)
        }
    };
    let at = line_start + error.column().saturating_sub(1);
    let shown = error.to_string();
    let message = shown.rsplit_once(" at line ").map_or(shown.as_str(), |(message, _)| message);
    Diagnostic::error(message, at..at + 1)
}
