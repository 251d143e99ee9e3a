//! Values of the crate as JSON.

use std::fmt::Write as _;

use netflow_parser::{DataNumber, FieldValue, variable_versions::field_value::DurationValue};
use serde_json::Value;

/// The value as JSON: a number, a text, octets in hexadecimal, or the crate's structure of flags.
pub fn json(value: &FieldValue) -> Value {
    match value {
        FieldValue::String(text) => text.value.as_str().into(),
        FieldValue::Ip4Addr(address) => address.to_string().into(),
        FieldValue::Ip6Addr(address) => address.to_string().into(),
        FieldValue::Vec(octets) | FieldValue::DataNumber(DataNumber::Vec(octets)) => {
            hex(octets).into()
        }
        // JSON readers take numbers of 64 bits.
        FieldValue::DataNumber(DataNumber::U128(number)) => number.to_string().into(),
        FieldValue::DataNumber(DataNumber::I128(number)) => number.to_string().into(),
        FieldValue::ProtocolType(protocol) => u8::from(*protocol).into(),
        FieldValue::Duration(
            DurationValue::Seconds { value, .. } | DurationValue::Millis { value, .. },
        ) => (*value).into(),
        FieldValue::Duration(time) => {
            let time = time.as_duration();
            format!("{}.{:09}", time.as_secs(), time.subsec_nanos()).into()
        }
        other => match serde_json::to_value(other) {
            Ok(value) => inner(value),
            Err(_) => format!("{other:?}").into(),
        },
    }
}

/// What the names of the crate's variants are wrapped around.
fn inner(value: Value) -> Value {
    match value {
        Value::Object(object) if object.len() == 1 => {
            object.into_iter().next().map_or(Value::Null, |(_, value)| inner(value))
        }
        other => other,
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::from("0x"), |mut text, octet| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
