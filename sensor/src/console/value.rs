//! Values and numbers as documents have them. A number above 2^53 is a text of its digits: programs that know only floating point numbers
//! would change it.

use sensor_core::{
    flow::fields::{OwnedValue, Value},
    hunt::{GroupBy, Metric, Sums},
};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::export::log::top;

/// The largest number up to which all are exact as floating point numbers.
const EXACT: u128 = 1 << 53;

/// A number that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u128);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0) {
            Ok(number) if self.0 <= EXACT => serializer.serialize_u64(number),
            _ => serializer.collect_str(&self.0),
        }
    }
}

impl From<u64> for Count {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

/// Sums over flows. What none of them tells is null, and not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Octets of the IP packets.
    pub octets: Option<Count>,
    /// Packets.
    pub packets: Option<Count>,
    /// Flow records.
    pub flows: Count,
}

/// What is summed up for documents.
pub const METRICS: [Metric; 3] = [Metric::Octets, Metric::Packets, Metric::Flows];

impl Told {
    /// Sums of groups.
    pub fn of(sums: &Sums) -> Self {
        let of = |metric| match sums.flows() {
            0 => Some(Count(0)),
            _ => sums.of(metric).map(Count),
        };
        Self {
            octets: of(Metric::Octets),
            packets: of(Metric::Packets),
            flows: sums.flows().into(),
        }
    }
}

/// A value of a field.
pub fn json(value: Value<'_>) -> Json {
    match value {
        Value::Absent => Json::Null,
        Value::Integer(number) if u128::from(number) <= EXACT => number.into(),
        Value::Integer(number) | Value::NumberText(number) => number.to_string().into(),
        Value::Float(number) => number.into(),
        Value::Bool(flag) => flag.into(),
        Value::Ip(address) => address.to_string().into(),
        Value::Mac([a, b, c, d, e, f]) => {
            format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}").into()
        }
        Value::Text(text) => text.into(),
        Value::Texts(texts) => texts.into(),
    }
}

/// The values that flows of a group have in common.
pub fn key(by: &[GroupBy], values: &[Option<OwnedValue>]) -> Vec<Json> {
    let one = |(by, value): (&GroupBy, &Option<OwnedValue>)| match value {
        None => Json::Null,
        Some(value) => match top::shown(by, value) {
            Some(prefix) => prefix.into(),
            None => json(value.value()),
        },
    };
    by.iter().zip(values).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_floating_point_would_change_are_texts() {
        let text = |number: u128| serde_json::to_string(&Count(number)).unwrap();
        assert_eq!(text(1 << 53), "9007199254740992");
        assert_eq!(text((1 << 53) + 1), "\"9007199254740993\"");
        assert_eq!(text(1 << 70), "\"1180591620717411303424\"");
        assert_eq!(json(Value::Integer(u64::MAX)), Json::from("18446744073709551615"));
        assert_eq!(json(Value::Integer(7)), Json::from(7));
    }
}
