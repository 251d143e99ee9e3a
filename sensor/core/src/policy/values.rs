//! Values of fields as words: what keys consist of, and what is counted distinct.
//!
//! An address takes two words (IPv4 as in RFC 4291 section 2.5.5.2), everything else one. Texts are numbered.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use super::{model::KEY_FIELDS, window::mix};
use crate::flow::{
    batch::Addresses,
    columns::Column,
    fields::{Field, Kind, OwnedValue, Reading, Row, TextRule, Value},
    mac,
    profile::Side,
};

/// Texts that are numbered at most, of each policy; what has more is no key.
const MOST_TEXTS: usize = 1 << 18;
/// Marks a number that the language treats as text.
const NUMBER_TEXT: u64 = 1 << 63;

/// Numbers of the texts in the keys of a policy. Each policy has its own, so that its keys mean the same wherever it is
/// asked.
#[derive(Debug, Default)]
pub struct Texts {
    numbers: HashMap<Box<str>, u64>,
    texts: Vec<Box<str>>,
}

impl Texts {
    fn number(&mut self, text: &str) -> Option<u64> {
        if let Some(&number) = self.numbers.get(text) {
            return Some(number);
        }
        if self.texts.len() >= MOST_TEXTS {
            return None;
        }
        let number = self.texts.len() as u64;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        Some(number)
    }
}

/// How a field is read from a row as words.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// `srcip`
    Source,
    /// `dstip`
    Destination,
    /// `srcport`
    SourcePort,
    /// `dstport`
    DestinationPort,
    /// `protocolint`
    Protocol,
    /// Any other.
    Other(&'static Field),
}

impl Part {
    /// The quickest way to read `field`.
    pub fn of(field: &'static Field) -> Self {
        match (&field.reading, field.reading.plain_column()) {
            (Reading::Address(Side::Source), _) => Self::Source,
            (Reading::Address(Side::Destination), _) => Self::Destination,
            (_, Some(Column::SourcePort)) => Self::SourcePort,
            (_, Some(Column::DestinationPort)) => Self::DestinationPort,
            (_, Some(Column::Protocol)) => Self::Protocol,
            _ => Self::Other(field),
        }
    }

    /// Words that a value takes.
    pub fn words(self) -> usize {
        match self {
            Self::Source | Self::Destination => 2,
            Self::Other(field) if field.kind == Kind::Ip => 2,
            _ => 1,
        }
    }

    /// The value in a row; of one word, the first is 0. `None` where the row has none.
    #[inline(always)]
    pub fn read(self, row: Row<'_>, texts: &mut Texts) -> Option<[u64; 2]> {
        let at = row.row;
        Some(match self {
            Self::Source => match &row.batch.addresses {
                Addresses::V4 { source, .. } => v4(source[at]),
                Addresses::V6 { source, .. } => v6(source[at]),
            },
            Self::Destination => match &row.batch.addresses {
                Addresses::V4 { destination, .. } => v4(destination[at]),
                Addresses::V6 { destination, .. } => v6(destination[at]),
            },
            Self::SourcePort => [0, row.batch.port(Side::Source, at)?.into()],
            Self::DestinationPort => [0, row.batch.port(Side::Destination, at)?.into()],
            Self::Protocol => [0, row.batch.protocol[at].into()],
            Self::Other(field) => return words(field.value(row), texts),
        })
    }

    /// The value in a row as one word, to be counted. It depends on nothing but the value.
    #[inline(always)]
    pub fn word(self, row: Row<'_>, texts: &mut Texts) -> Option<u64> {
        if let Self::Other(field) = self
            && let Value::Text(text) = field.value(row)
        {
            return Some(text_hash(text));
        }
        self.read(row, texts).map(|[high, low]| if high == 0 { low } else { mix(high) ^ low })
    }
}

/// Words of the longest key.
pub const KEY_WORDS: usize = 2 * KEY_FIELDS;

/// The fields of a key.
#[derive(Debug)]
pub struct KeyFields {
    fields: Vec<&'static Field>,
    parts: Vec<Part>,
}

impl KeyFields {
    /// A key of these fields.
    pub fn new(fields: &[&'static Field]) -> Self {
        Self {
            fields: fields.to_vec(),
            parts: fields.iter().map(|field| Part::of(field)).collect(),
        }
    }

    /// Words of a key.
    pub fn words(&self) -> usize {
        self.parts.iter().map(|part| part.words()).sum()
    }

    /// The key of a row; `None` where a part is missing.
    #[inline(always)]
    pub fn read<'b>(
        &self,
        row: Row<'_>,
        texts: &mut Texts,
        buffer: &'b mut [u64; KEY_WORDS],
    ) -> Option<&'b [u64]> {
        // What most keys are comes first: known beforehand, their parts are read without asking what each is.
        let length = match &*self.parts {
            [Part::Source] => read(&[Part::Source], row, texts, buffer),
            [Part::Destination] => read(&[Part::Destination], row, texts, buffer),
            [Part::Source, Part::Destination] => {
                read(&[Part::Source, Part::Destination], row, texts, buffer)
            }
            others => read(others, row, texts, buffer),
        }?;
        Some(&buffer[..length])
    }

    /// The key of some values, one a field.
    pub fn of_values(&self, values: &[OwnedValue], texts: &mut Texts) -> Option<Vec<u64>> {
        let mut key = Vec::new();
        for (part, value) in self.parts.iter().zip(values) {
            let both = words(value.value(), texts)?;
            key.extend_from_slice(&both[2 - part.words()..]);
        }
        Some(key)
    }

    /// Names and values of a key.
    pub fn values(&self, key: &[u64], texts: &Texts) -> Vec<(&'static str, OwnedValue)> {
        let mut rest = key;
        let fields = self.fields.iter().zip(&self.parts);
        fields
            .map(|(field, part)| {
                let (own, after) = rest.split_at(part.words());
                rest = after;
                let both = [if own.len() == 2 { own[0] } else { 0 }, own[own.len() - 1]];
                (field.name, value(field, both, texts))
            })
            .collect()
    }
}

/// Writes the words of some parts; returns how many these are.
#[inline(always)]
fn read(
    parts: &[Part],
    row: Row<'_>,
    texts: &mut Texts,
    buffer: &mut [u64; KEY_WORDS],
) -> Option<usize> {
    let mut length = 0;
    for part in parts {
        let [high, low] = part.read(row, texts)?;
        if part.words() == 2 {
            buffer[length] = high;
            length += 1;
        }
        buffer[length] = low;
        length += 1;
    }
    Some(length)
}

/// A number for a text; different texts have different ones, as good as always.
pub fn text_hash(text: &str) -> u64 {
    text.as_bytes().chunks(8).fold(text.len() as u64, |hash, chunk| {
        mix(hash ^ chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    })
}

fn v4(address: u32) -> [u64; 2] {
    [0, 0xffff_0000_0000 | u64::from(address)]
}

fn v6(address: u128) -> [u64; 2] {
    [(address >> 64) as u64, address as u64]
}

/// A value as words.
pub fn words(value: Value<'_>, texts: &mut Texts) -> Option<[u64; 2]> {
    let low = match value {
        Value::Absent | Value::Texts(_) => return None,
        Value::Ip(IpAddr::V4(address)) => return Some(v4(address.into())),
        Value::Ip(IpAddr::V6(address)) => return Some(v6(address.into())),
        Value::Integer(number) => number,
        Value::Float(number) => number.to_bits(),
        Value::Bool(flag) => flag.into(),
        Value::Mac(address) => mac::number(address),
        Value::NumberText(number) => number | NUMBER_TEXT,
        Value::Text(text) => texts.number(text)?,
    };
    Some([0, low])
}

/// The value of `field` that became these words.
pub fn value(field: &Field, [high, low]: [u64; 2], texts: &Texts) -> OwnedValue {
    match (field.kind, field.text) {
        (Kind::Ip, _) => OwnedValue::Ip(address([high, low])),
        (Kind::Unsigned(_) | Kind::Integer, _) => OwnedValue::Integer(low),
        (Kind::Float, _) => OwnedValue::Float(f64::from_bits(low)),
        (Kind::Bool, _) => OwnedValue::Bool(low != 0),
        (Kind::Text, TextRule::Mac) => OwnedValue::Mac(mac::octets(low)),
        (Kind::Text | Kind::TextList, _) if low & NUMBER_TEXT != 0 => {
            OwnedValue::NumberText(low & !NUMBER_TEXT)
        }
        (Kind::Text | Kind::TextList, _) => {
            let text = usize::try_from(low).ok().and_then(|number| texts.texts.get(number));
            OwnedValue::Text(text.cloned().unwrap_or_default())
        }
    }
}

fn address([high, low]: [u64; 2]) -> IpAddr {
    let address = Ipv6Addr::from(u128::from(high) << 64 | u128::from(low));
    match address.to_ipv4_mapped() {
        Some(address) => IpAddr::V4(address),
        None => IpAddr::V6(address),
    }
}
