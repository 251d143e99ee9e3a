//! A value of a record as JSON, by what is known of its element: as `decode --options` shows it.

use sensor_wire::template::{
    Specifier,
    names::{self, Kind},
};
use serde_json::Value;

use crate::export::log::options;

/// The value `octets` of a field of `specifier`.
pub fn value(specifier: &Specifier, octets: &[u8]) -> Value {
    let kind = names::name(specifier).map_or(Kind::Unknown, |(_, kind)| kind);
    let mut text = Vec::new();
    options::write_value(&mut text, kind, octets);
    // It is JSON, as the lines are that it is written for.
    serde_json::from_slice(&text).unwrap_or_default()
}
