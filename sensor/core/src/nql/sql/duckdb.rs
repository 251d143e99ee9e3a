//! The words of DuckDB.

use super::{
    expression::Shape,
    print::{ELEMENT, Printed, Words},
    refusal::Why,
    stored::{Stored, Values},
};

pub(super) struct DuckDb;

/// IPv4 addresses, as ends of a range.
const MAPPED: &str =
    "unhex('00000000000000000000ffff00000000') AND unhex('00000000000000000000ffffffffffff')";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

impl Words for DuckDb {
    fn text(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    fn address(&self, address: u128) -> String {
        format!("unhex('{address:032x}')")
    }

    fn mac(&self, [a, b, c, d, e, f]: [u8; 6]) -> String {
        format!("unhex('{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}')")
    }

    fn stored(&self, stored: Stored) -> Result<String, Why> {
        match stored {
            Stored::ReceivedTold => Err(Why::NotStored(
                "files say once a row group whether the source told when it received the records",
            )),
            Stored::VlanAtIngress => {
                Err(Why::NotStored("files say once a row group whether VLANs are those at ingress"))
            }
            Stored::Sensor => Err(Why::NotStored("files are those of one sensor")),
            _ if stored.values() == Values::Application => Err(Why::Lacking(
                "DuckDB has applications as octets, not as the numbers that devices name",
            )),
            _ => Ok(stored.name().to_owned()),
        }
    }

    fn is_told(&self, stored: Stored) -> String {
        format!("({} IS NOT NULL)", stored.name())
    }

    fn milliseconds(&self, time: &str) -> String {
        format!("epoch_ms({time})")
    }

    fn document(&self, document: &str, steps: &[Printed], shape: Shape) -> String {
        let mut path = vec!["$".to_owned()];
        let mut is_computed = false;
        let mut pieces = Vec::new();
        for step in steps {
            match step {
                Printed::Key(key) => path.push(format!(".\"{key}\"")),
                Printed::At(place) => path.push(format!("[{place}]")),
                Printed::Number(number) => {
                    is_computed = true;
                    path.push(".\"".to_owned());
                    pieces.push(self.text(&path.concat()));
                    pieces.push(self.decimal(number));
                    path = vec!["\"".to_owned()];
                }
            }
        }
        if shape == Shape::Texts {
            path.push("[*]".to_owned());
        }
        pieces.push(self.text(&path.concat()));
        let path = if is_computed { format!("({})", pieces.join(" || ")) } else { pieces.concat() };
        match shape {
            Shape::Text | Shape::Texts => format!("json_extract_string({document}, {path})"),
            Shape::Integer => format!("CAST(json_extract({document}, {path}) AS UBIGINT)"),
            Shape::Real => format!("CAST(json_extract({document}, {path}) AS DOUBLE)"),
            Shape::Flag => format!("CAST(json_extract({document}, {path}) AS BOOLEAN)"),
            Shape::Count => format!("json_array_length({document}, {path})"),
        }
    }

    fn list(&self, first: &str, second: &str) -> String {
        format!("(CASE WHEN coalesce(len({first}), 0) > 0 THEN {first} ELSE {second} END)")
    }

    fn product(&self, factors: &[String]) -> String {
        let most = u64::MAX;
        let first = factors.first().map_or("1", String::as_str);
        let mut product = self.wide(first);
        for factor in factors.iter().skip(1) {
            product += &format!(" * {factor}");
        }
        format!("(CASE WHEN {product} > {most} THEN {most} ELSE {product} END)")
    }

    fn wide(&self, number: &str) -> String {
        format!("CAST({number} AS HUGEINT)")
    }

    fn time(&self, milliseconds: u64) -> String {
        format!("make_timestamptz({milliseconds}000)")
    }

    fn hexadecimal(&self, octets: &str) -> String {
        format!("hex({octets})")
    }

    fn quotient(&self, of: &str, by: &str) -> String {
        format!("({of} // {by})")
    }

    fn shifted(&self, number: &str, bits: u8) -> String {
        format!("({number} >> {bits})")
    }

    fn masked(&self, number: &str, mask: u64) -> String {
        format!("({number} & {mask})")
    }

    fn prefix(&self, address: &str, v4: u8, v6: u8) -> Result<String, Why> {
        if !v4.is_multiple_of(4) || !v6.is_multiple_of(4) {
            return Err(Why::Lacking(
                "DuckDB cuts addresses only to prefixes whose length is a multiple of 4",
            ));
        }
        let cut =
            |bits: u32| format!("unhex(rpad(substr(hex({address}), 1, {}), 32, '0'))", bits / 4);
        let (v4, v6) = (cut(96 + u32::from(v4)), cut(v6.into()));
        Ok(format!("(CASE WHEN {address} BETWEEN {MAPPED} THEN {v4} ELSE {v6} END)"))
    }

    fn as_real(&self, number: &str) -> String {
        format!("CAST({number} AS DOUBLE)")
    }

    fn spelled(&self, list: &str) -> String {
        format!("(CASE WHEN len({list}) > 0 THEN CAST(to_json({list}) AS VARCHAR) END)")
    }

    fn decimal(&self, number: &str) -> String {
        format!("CAST({number} AS VARCHAR)")
    }

    /// `lower` folds more than ASCII.
    fn folded(&self, text: &str) -> String {
        format!("translate({text}, '{UPPER}', '{LOWER}')")
    }

    fn parsed(&self, _: &str) -> Result<String, Why> {
        Err(Why::Lacking("DuckDB reads no addresses in text; ask for single ones"))
    }

    fn ends(&self, address: u128) -> String {
        let address = self.address(address);
        format!("(srcip = {address} OR dstip = {address})")
    }

    fn matches(&self, text: &str, regex: &str) -> String {
        format!("regexp_matches({text}, {})", self.text(regex))
    }

    fn near(&self, _: &str, _: &str, _: usize) -> Result<String, Why> {
        Err(Why::Lacking("DuckDB counts edits of octets, not of characters"))
    }

    fn some_of(&self, list: &str, condition: &str) -> String {
        format!("(coalesce(len(list_filter({list}, lambda {ELEMENT}: {condition})), 0) > 0)")
    }

    fn shared(&self, one: &str, other: &str) -> String {
        format!("list_has_any({one}, {other})")
    }
}
