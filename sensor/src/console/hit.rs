//! A hit as it is stored, as far as people look at it, and the query that its flows fulfil.

use sensor_core::flow::fields::{self, Kind};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is read of a stored hit.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredHit {
    /// When it came, and when its flows did.
    pub stored: When,
    /// The event: of an incident, the one with this number.
    pub id: String,
    /// `start`, `ongoing`, `end` or `hit`.
    pub alerttype: String,
    /// How bad it is.
    pub severity: String,
    /// The policy.
    pub algorithm: String,
    /// What happened, in a line.
    pub summary: String,
    /// The query of the policy.
    pub search: String,
    /// The values that it is tracked by, as text.
    #[serde(default)]
    pub track: String,
    /// The values that it is tracked by.
    #[serde(default)]
    pub tracked: Map<String, Value>,
    /// When the threshold first held, milliseconds since the epoch.
    #[serde(default)]
    pub start: u64,
    /// The last packet so far.
    #[serde(default)]
    pub end: u64,
    /// Records in it.
    #[serde(default)]
    pub records: u64,
    /// What was compared with what.
    #[serde(default)]
    pub measured: Vec<Measured>,
}

/// A number and its limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Measured {
    /// What was measured.
    pub value: f64,
    /// What it was compared with.
    pub limit: f64,
}

/// Times of receipt, milliseconds since the epoch.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct When {
    /// That of the hit.
    pub received: u64,
    /// Those of its flows.
    pub flows: Span,
}

/// A half-open range.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Span {
    /// The first millisecond.
    pub from: u64,
    /// The one behind the last.
    pub to: u64,
}

impl StoredHit {
    /// The query that its flows fulfil: that of the policy, the tracked values, and `and`, where it is given. A field that flows of a key
    /// lack adds no condition.
    pub fn query(&self, and: &str) -> String {
        let mut parts = Vec::new();
        let own = [self.search.as_str(), and];
        parts.extend(
            own.iter().filter(|text| !text.trim().is_empty()).map(|text| format!("({text})")),
        );
        for (name, value) in &self.tracked {
            match value {
                Value::Null => {}
                Value::Array(all) => {
                    parts.extend(all.iter().map(|value| condition(name, value)));
                }
                value => parts.push(condition(name, value)),
            }
        }
        parts.join(" && ")
    }
}

fn condition(name: &str, value: &Value) -> String {
    let is_text =
        fields::find(name).is_none_or(|field| matches!(field.kind, Kind::Text | Kind::TextList));
    match value {
        Value::String(text) if is_text => format!("{name} == {}", quoted(text)),
        // Addresses, and numbers that have too many digits for JSON.
        Value::String(text) => format!("{name} == {text}"),
        value => format!("{name} == {value}"),
    }
}

/// A text as a query has it.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use sensor_core::nql::{Filter, Options, lists::Lists};
    use serde_json::json;

    use super::*;

    #[test]
    fn flows_of_a_hit_fulfil_its_query_and_have_its_values() {
        let hit: StoredHit = serde_json::from_value(json!({
            "stored": {"received": 9, "flows": {"from": 1, "to": 10}},
            "id": "00ab-1", "alerttype": "start", "severity": "low", "algorithm": "p",
            "summary": "s", "search": "dstport == 22 || dstport == 23",
            "tracked": {"srcip": "10.0.0.1", "dstport": 22, "label.src.role": ["a\"b", "c"], "srcinternal": true, "flowsrcname": "r 1"},
        }))
        .unwrap();
        let query = hit.query("octets > 1");
        assert_eq!(
            query,
            "(dstport == 22 || dstport == 23) && (octets > 1) && dstport == 22 && flowsrcname == \"r 1\" \
             && label.src.role == \"a\\\"b\" && label.src.role == \"c\" && srcinternal == true && srcip == 10.0.0.1"
        );
        let lists = Lists::default();
        let compiled = Filter::compile(&query, &Options::new(&lists));
        assert!(compiled.is_ok(), "{compiled:?}");
    }
}
