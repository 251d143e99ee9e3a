//! The words of ClickHouse.

use std::net::Ipv6Addr;

use super::{
    expression::Shape,
    print::{ELEMENT, Printed, Words},
    refusal::Why,
    stored::{Stored, Values},
};

pub(super) struct ClickHouse;

impl Words for ClickHouse {
    fn text(&self, text: &str) -> String {
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
    }

    fn address(&self, address: u128) -> String {
        format!("toIPv6('{}')", Ipv6Addr::from(address))
    }

    fn mac(&self, [a, b, c, d, e, f]: [u8; 6]) -> String {
        format!("unhex('{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}')")
    }

    fn stored(&self, stored: Stored) -> Result<String, Why> {
        Ok(stored.name().to_owned())
    }

    fn is_told(&self, stored: Stored) -> String {
        match stored.values() {
            Values::Document => format!("notEmpty({})", stored.name()),
            _ => format!("isNotNull({})", stored.name()),
        }
    }

    fn milliseconds(&self, time: &str) -> String {
        format!("toUnixTimestamp64Milli({time})")
    }

    fn document(&self, document: &str, steps: &[Printed], shape: Shape) -> String {
        let mut path = document.to_owned();
        for step in steps {
            path += &match step {
                Printed::Key(key) => format!(", {}", self.text(key)),
                Printed::At(place) => format!(", {}", place + 1),
                Printed::Number(number) => format!(", ifNull({}, '')", self.decimal(number)),
            };
        }
        match shape {
            Shape::Text => format!("JSONExtract({path}, 'Nullable(String)')"),
            Shape::Integer => format!("JSONExtract({path}, 'Nullable(UInt64)')"),
            Shape::Real => format!("JSONExtract({path}, 'Nullable(Float64)')"),
            Shape::Flag => format!("JSONExtract({path}, 'Nullable(Bool)')"),
            Shape::Texts => format!("JSONExtract({path}, 'Array(String)')"),
            Shape::Count => format!("if(JSONHas({path}), JSONLength({path}), NULL)"),
        }
    }

    fn list(&self, first: &str, second: &str) -> String {
        format!("if(empty({first}), {second}, {first})")
    }

    fn product(&self, factors: &[String]) -> String {
        let most = u64::MAX;
        let first = factors.first().map_or("1", String::as_str);
        let mut product = self.wide(first);
        for factor in factors.iter().skip(1) {
            product += &format!(" * {factor}");
        }
        format!("toUInt64(if({product} > {most}, {most}, {product}))")
    }

    fn wide(&self, number: &str) -> String {
        format!("toUInt128({number})")
    }

    fn time(&self, milliseconds: u64) -> String {
        format!("fromUnixTimestamp64Milli({milliseconds}, 'UTC')")
    }

    fn hexadecimal(&self, octets: &str) -> String {
        format!("hex({octets})")
    }

    /// Also where a condition besides says that the divisor is not 0, it is computed.
    fn quotient(&self, of: &str, by: &str) -> String {
        format!("intDivOrZero({of}, {by})")
    }

    fn shifted(&self, number: &str, bits: u8) -> String {
        format!("bitShiftRight({number}, {bits})")
    }

    fn masked(&self, number: &str, mask: u64) -> String {
        format!("bitAnd({number}, {mask})")
    }

    fn prefix(&self, address: &str, v4: u8, v6: u8) -> Result<String, Why> {
        let cut = |bits: u8| format!("tupleElement(IPv6CIDRToRange({address}, {bits}), 1)");
        let (v4, v6) = (cut(96 + v4), cut(v6));
        let (low, high) = ("toIPv6('::ffff:0.0.0.0')", "toIPv6('::ffff:255.255.255.255')");
        Ok(format!("if({address} BETWEEN {low} AND {high}, {v4}, {v6})"))
    }

    fn as_real(&self, number: &str) -> String {
        format!("toFloat64({number})")
    }

    fn spelled(&self, list: &str) -> String {
        format!("if(empty({list}), NULL, toJSONString({list}))")
    }

    fn decimal(&self, number: &str) -> String {
        format!("toString({number})")
    }

    /// Of ASCII alone.
    fn folded(&self, text: &str) -> String {
        format!("lower({text})")
    }

    fn parsed(&self, text: &str) -> Result<String, Why> {
        Ok(format!("toIPv6OrNull({text})"))
    }

    /// The index over both sides is on just this array.
    fn ends(&self, address: u128) -> String {
        format!("has([srcip, dstip], {})", self.address(address))
    }

    fn matches(&self, text: &str, regex: &str) -> String {
        format!("match({text}, {})", self.text(regex))
    }

    fn near(&self, text: &str, word: &str, distance: usize) -> Result<String, Why> {
        Ok(format!("(editDistanceUTF8({text}, {}) <= {distance})", self.text(word)))
    }

    fn some_of(&self, list: &str, condition: &str) -> String {
        format!("arrayExists({ELEMENT} -> {condition}, {list})")
    }

    fn shared(&self, one: &str, other: &str) -> String {
        format!("hasAny({one}, {other})")
    }
}
