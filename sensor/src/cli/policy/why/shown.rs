//! Values, and places of queries, for people and programs.

use std::ops::Range;

use sensor_core::{
    diagnostic::{Diagnostic, Finding},
    flow::fields::OwnedValue,
    nql::literal,
    policy::{threshold::Measured, written::WrittenText},
};
use serde::Serialize;

/// A field and its value as text.
#[derive(Clone, Serialize)]
pub struct FieldValue {
    pub field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl FieldValue {
    /// A field of a key or of a flow.
    pub fn of(field: &str, value: Option<&OwnedValue>) -> Self {
        Self { field: field.to_owned(), value: value.map(literal::value_text) }
    }

    /// `srcip 10.0.0.1`.
    pub fn text(&self) -> String {
        format!("{} {}", self.field, self.value.as_deref().unwrap_or("(none)"))
    }
}

/// Several of them on a line.
pub fn line(values: &[FieldValue]) -> String {
    values.iter().map(FieldValue::text).collect::<Vec<_>>().join(", ")
}

/// What people need of a flow to find it; programs get all fields.
const BRIEF: [&str; 10] = [
    "srcip",
    "dstip",
    "srcport",
    "dstport",
    "protocol",
    "octets",
    "packets",
    "tcpflagsint",
    "flowsrcname",
    "duration",
];

/// A flow on a line, in brief.
pub fn brief(flow: &[FieldValue]) -> String {
    let brief = flow.iter().filter(|value| BRIEF.contains(&value.field.as_str()));
    line(&brief.cloned().collect::<Vec<_>>())
}

/// A comparison of a threshold, and what there was.
#[derive(Clone, Serialize)]
pub struct Compared {
    pub function: String,
    pub value: f64,
    pub operator: &'static str,
    pub limit: f64,
}

impl Compared {
    /// The same for people and programs.
    pub fn of(measured: &Measured) -> Self {
        let Measured { function, value, operator, limit } = measured;
        Self { function: function.clone(), value: *value, operator: operator.text(), limit: *limit }
    }

    /// `18 of 25 distinct(dstip)`; of other comparisons than with a least number the comparison itself.
    pub fn text(&self) -> String {
        let Self { function, value, operator, limit } = self;
        match *operator {
            ">=" => format!("{value} of {limit} {function}"),
            _ => format!("{function} is {value}, needed {operator} {limit}"),
        }
    }
}

/// Several comparisons on a line.
pub fn compared(measured: &[Compared]) -> String {
    measured.iter().map(Compared::text).collect::<Vec<_>>().join("; ")
}

/// Part of a query at its place.
pub fn note(
    query: &WrittenText,
    part: &Range<usize>,
    message: String,
    label: &str,
) -> Option<Finding> {
    let note = |span| Diagnostic::note(message, span).label(label);
    query.finding(part, note).into_iter().next()
}
