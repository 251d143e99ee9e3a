//! `sensor fields`: the field table for people.

use super::args::FieldsArgs;
use crate::{
    flow::fields::{FIELDS, Origin},
    stdio,
};

/// Prints the field table to stdout.
pub fn fields(_: &FieldsArgs) -> anyhow::Result<()> {
    let mut text =
        String::from("FIELD                   TYPE      FILLED  IPFIX ELEMENTS        MEANING\n");
    for field in FIELDS {
        let elements: Vec<String> = field.elements.iter().map(u16::to_string).collect();
        let filled = if field.read.is_some() { "yes" } else { "-" };
        let extension = if field.origin == Origin::Extension { " (extension)" } else { "" };
        text.push_str(&format!(
            "{:<23} {:<9} {filled:<7} {:<21} {}{extension}\n",
            field.name,
            field.kind.name(),
            elements.join(", "),
            field.doc,
        ));
    }
    Ok(stdio::print(text)?)
}
