//! All labels of a flow under the names that NQL has for them: what is written of a record, and what columns of labels show.

use super::{
    fields::{Row, Value},
    profile::Side,
    protocol,
};

/// The context of the labels that say what a host is for.
pub const ROLE: &str = "role";

/// Calls `each` with the name and the values of every label of the row: `label.src.CONTEXT` and `label.dst.CONTEXT` of its
/// addresses, `label.port.PROTOCOL` of its ports. No value occurs twice under a name.
pub fn for_each(row: Row<'_>, mut each: impl FnMut(&str, &[String])) {
    let mut name = String::new();
    for (side, prefix) in [(Side::Source, "label.src."), (Side::Destination, "label.dst.")] {
        for (context, values) in &row.batch.profile(side, row.row).labels {
            if !values.is_empty() {
                name.clear();
                name.push_str(prefix);
                name.push_str(context);
                each(&name, values);
            }
        }
    }
    let number = row.batch.protocol[row.row];
    let texts = |side| match row.port_label(side, number) {
        Value::Texts(texts) => texts,
        _ => &[],
    };
    let (source, destination) = (texts(Side::Source), texts(Side::Destination));
    if source.is_empty() && destination.is_empty() {
        return;
    }
    let further = destination.iter().filter(|label| !source.contains(label));
    let values: Vec<String> = source.iter().chain(further).cloned().collect();
    each(&port_label(number), &values);
}

/// The name of the labels that ports of the protocol with this number have: `label.port.tcp`, or the number where the
/// protocol has no name.
pub fn port_label(number: u8) -> String {
    // A name that several numbers share says too little.
    match protocol::name(number).filter(|name| protocol::number(name) == Some(number)) {
        Some(name) => format!("label.port.{name}"),
        None => format!("label.port.{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_protocol_have_one_name() {
        for (number, name) in [(6, "tcp"), (17, "udp"), (253, "253"), (200, "200")] {
            assert_eq!(port_label(number), format!("label.port.{name}"));
        }
    }
}
