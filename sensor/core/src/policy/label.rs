//! Labels that policies write: on which address, with which values, for how long.
//!
//! A value may take parts from the flow that raised it: `"{protocol}/{srcport}"` remembers which ports a server answers on.

use std::fmt::{self, Write as _};

use super::alert::Severity;
use crate::flow::fields::{Field, Row};

/// A label that a policy writes.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelRule {
    /// The field that has the address.
    pub field: &'static Field,
    /// Context of the label.
    pub context: String,
    /// Its values.
    pub values: Vec<Template>,
    /// How long it lasts, milliseconds.
    pub expires: u64,
    /// The severity from which on an incident is labelled, of a policy that gives events as well; `None` where the label takes
    /// their place.
    pub at_severity: Option<Severity>,
}

/// A value, with places for values of the flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(pub Vec<Part>);

/// What a [`Template`] consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// The value of a field.
    Field(&'static Field),
}

impl Template {
    /// The fields whose values it takes.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + '_ {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Field(field) => Some(*field),
        })
    }

    /// The value for a flow; `None` where the flow has no value for one of the fields.
    pub fn render(&self, row: Row<'_>) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Field(field) => write!(text, "{}", field.value(row).plain()?).ok()?,
            }
        }
        Some(text)
    }
}

/// As it is written in a policy.
impl fmt::Display for Template {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => out.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Field(field) => write!(out, "{{{}}}", field.name),
        })
    }
}
