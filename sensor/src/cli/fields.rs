//! `sensor fields`: the fields of one kind of record.

use sensor_core::{
    diagnostic::{Findings, Theme},
    flow::fields::{Kind, Origin, RecordKind},
};
use serde::Serialize;

use super::{
    args::FieldsArgs,
    report::{Body, Outcome, report},
};

/// The table.
#[derive(Serialize)]
struct Table {
    fields: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    r#type: &'static str,
    /// Of whole numbers that have fewer than 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<u8>,
    filled: bool,
    elements: &'static [u16],
    extension: bool,
    meaning: &'static str,
}

/// Prints the field table to stdout.
pub fn fields(arguments: &FieldsArgs) -> anyhow::Result<()> {
    report(arguments.json, Ok(Outcome::well(table(arguments.context.into()), Findings::default())))
}

fn table(context: RecordKind) -> Table {
    let rows = context.fields().iter().map(|field| Row {
        name: field.name,
        r#type: field.kind.name(),
        bits: match field.kind {
            Kind::Unsigned(bits) => Some(bits),
            _ => None,
        },
        filled: field.is_filled(),
        elements: field.elements,
        extension: field.origin == Origin::Extension,
        meaning: field.doc,
    });
    Table { fields: rows.collect() }
}

impl Body for Table {
    fn text(&self) -> String {
        let style = Theme::COLOR.heading;
        let heading = "FIELD                   TYPE      FILLED  IPFIX ELEMENTS        MEANING";
        let mut text = format!("{style}{heading}{style:#}\n");
        for row in &self.fields {
            let elements: Vec<String> = row.elements.iter().map(u16::to_string).collect();
            let filled = if row.filled { "yes" } else { "-" };
            let extension = if row.extension { " (extension)" } else { "" };
            text.push_str(&format!(
                "{:<23} {:<9} {filled:<7} {:<21} {}{extension}\n",
                row.name,
                row.r#type,
                elements.join(", "),
                row.meaning,
            ));
        }
        text
    }
}
