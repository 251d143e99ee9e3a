//! What the flows of a group have in common, as a few words: the form in which millions of groups are told apart.
//!
//! Numbers and addresses are words as they are. Other values are interned, those that hang on an address once per profile.

use std::{borrow::Cow, cmp::Ordering, net::IpAddr, sync::Arc};

use hashbrown::HashMap;

use super::group_by::{GroupBy, Prefixes};
use crate::{
    flow::{
        addresses::Addresses,
        batch::FlowBatch,
        fields::{Kind, Number, OwnedValue, Quantity, Reading, Row, Value},
        interfaces::Interfaces,
        profile::{Profiles, Side},
    },
    nql::typed::Subject,
};

/// Fields to group by, at most.
pub const MOST_FIELDS: usize = 7;

/// What stands in the words of a field: two bits each in the first word of a key.
mod kind {
    pub(super) const ABSENT: u64 = 0;
    /// A number, or an IPv4 address.
    pub(super) const NUMBER: u64 = 1;
    /// The number of an interned value.
    pub(super) const INTERNED: u64 = 2;
    /// An IPv6 address.
    pub(super) const V6: u64 = 3;
}

/// The number of values that are not interned any more.
const NO_VALUE: u64 = u64::MAX;

/// How the words of one field are made.
enum Part {
    /// A number of the row: one word.
    Number(Number),
    /// An address of the flow, cut to these lengths: two words.
    Address(Side, Prefixes),
    /// Any value: one word.
    Value { subject: Subject, prefixes: Option<Prefixes>, known: Known },
}

/// The number on which all that is read of a row hangs.
#[derive(Clone, Copy)]
enum HangsOn {
    /// The profile of the address of one side.
    Profile(Side),
    /// A number of 8 bits, where the row tells the column.
    Code(Quantity),
    /// None.
    Row,
}

/// The words of a value, by the number on which it hangs.
struct Known {
    hangs_on: HangsOn,
    /// Kept, so that no other table can stand in the same place.
    profiles: Option<Arc<Profiles>>,
    /// What stands there, and the word; none where no row has asked.
    words: Vec<Option<(u64, u64)>>,
}

impl Known {
    fn new(subject: &Subject) -> Self {
        let hangs_on = match (subject, subject.side()) {
            (_, Some(side)) => HangsOn::Profile(side),
            (Subject::Field(field), _) => match field.reading {
                Reading::Coded(quantity, _) => HangsOn::Code(quantity),
                _ => HangsOn::Row,
            },
            _ => HangsOn::Row,
        };
        Self { hangs_on, profiles: None, words: Vec::new() }
    }

    /// The place of a row's words; none where they are not kept.
    #[inline(always)]
    fn place(&mut self, batch: &FlowBatch, row: usize) -> Option<usize> {
        match self.hangs_on {
            HangsOn::Profile(side) => {
                let is_known = |known: &Arc<Profiles>| Arc::ptr_eq(known, &batch.profiles);
                if !self.profiles.as_ref().is_some_and(is_known) {
                    self.profiles = Some(batch.profiles.clone());
                    self.words.clear();
                }
                Some(batch.profile_number(side, row) as usize)
            }
            HangsOn::Code(quantity) => match quantity {
                Quantity::Column(column) if !batch.tells(column, row) => Some(256),
                quantity => Some(usize::from(quantity.value(batch, row) as u8)),
            },
            HangsOn::Row => None,
        }
    }

    #[inline(always)]
    fn get(&self, place: Option<usize>) -> Option<(u64, u64)> {
        *self.words.get(place?)?
    }

    fn keep(&mut self, place: Option<usize>, words: (u64, u64)) {
        let Some(place) = place else { return };
        if self.words.len() <= place {
            self.words.resize(place + 1, None);
        }
        self.words[place] = Some(words);
    }
}

/// Makes keys of rows, and values of keys.
pub(super) struct Keys {
    parts: Vec<Part>,
    /// Milliseconds of a bucket of time, which is one more word then.
    period: Option<u64>,
    /// Values that are interned, at most. Each group brings at most one for each field, and where there are more, groups have
    /// found no room: a value that is new then is that of no group.
    most_values: usize,
    values: Vec<OwnedValue>,
    numbers: HashMap<Box<[u8]>, u32>,
    /// The octets of the value at hand; kept for its memory.
    octets: Vec<u8>,
}

impl Keys {
    pub(super) fn new(by: &[GroupBy], period: Option<u64>, most_groups: usize) -> Self {
        let parts = by.iter().map(|GroupBy { subject, prefixes }| {
            let value = || Part::Value {
                subject: subject.clone(),
                prefixes: *prefixes,
                known: Known::new(subject),
            };
            match subject {
                Subject::Field(field) => match field.reading {
                    Reading::Address(side) => {
                        Part::Address(side, prefixes.unwrap_or(Prefixes::WHOLE))
                    }
                    Reading::Numbers(number, None) if field.kind != Kind::Text => {
                        Part::Number(number)
                    }
                    _ => value(),
                },
                Subject::Label(..) | Subject::PortLabel(_) => value(),
            }
        });
        Self {
            parts: parts.collect(),
            period,
            most_values: most_groups.saturating_mul(by.len()).min(u32::MAX as usize),
            values: Vec::new(),
            numbers: HashMap::new(),
            octets: Vec::new(),
        }
    }

    /// Words of a key: what stands in the others, the bucket of time, and those of each field.
    pub(super) fn width(&self) -> usize {
        let of_parts = |part: &Part| match part {
            Part::Address(..) => 2,
            Part::Number(_) | Part::Value { .. } => 1,
        };
        1 + usize::from(self.period.is_some()) + self.parts.iter().map(of_parts).sum::<usize>()
    }

    /// Appends the keys of rows of a batch to `keys`, which is empty. The rows belong to these times; where there are none, to those
    /// that the batch says.
    pub(super) fn write(
        &mut self,
        batch: &FlowBatch,
        times: &[u64],
        interfaces: &Interfaces,
        rows: &[u32],
        keys: &mut Vec<u64>,
    ) {
        let width = self.width();
        keys.resize(rows.len() * width, 0);
        let mut place = 1;
        if let Some(period) = self.period {
            for (key, row) in keys.chunks_exact_mut(width).zip(rows) {
                let row = *row as usize;
                let time = times.get(row).copied().unwrap_or_else(|| super::time_of(batch, row));
                key[place] = time - time % period;
            }
            place += 1;
        }
        for at in 0..self.parts.len() {
            let shift = 2 * at as u32;
            let rows = keys.chunks_exact_mut(width).zip(rows.iter().map(|row| *row as usize));
            match &mut self.parts[at] {
                Part::Number(number) => {
                    let number = *number;
                    for (key, row) in rows {
                        if let Some(value) = number.value(&Row { batch, row, interfaces }) {
                            key[place] = value;
                            key[0] |= kind::NUMBER << shift;
                        }
                    }
                    place += 1;
                }
                Part::Address(side, prefixes) => {
                    write_addresses(&batch.addresses, *side, *prefixes, rows, place, shift);
                    place += 2;
                }
                Part::Value { .. } => {
                    for (key, row) in rows {
                        let (kind, word) = self.value_word(at, Row { batch, row, interfaces });
                        key[place] = word;
                        key[0] |= kind << shift;
                    }
                    place += 1;
                }
            }
        }
    }

    /// What stands for the value of a part that has one, and its word.
    fn value_word(&mut self, at: usize, row: Row<'_>) -> (u64, u64) {
        let Part::Value { subject, prefixes, known } = &mut self.parts[at] else {
            return (kind::ABSENT, 0);
        };
        let place = known.place(row.batch, row.row);
        if let Some(words) = known.get(place) {
            return words;
        }
        let (value, prefixes) = (subject.value(row), *prefixes);
        let words = self.intern(value, prefixes);
        if let Part::Value { known, .. } = &mut self.parts[at] {
            known.keep(place, words);
        }
        words
    }

    fn intern(&mut self, value: Value<'_>, prefixes: Option<Prefixes>) -> (u64, u64) {
        let value = match value {
            Value::Absent => return (kind::ABSENT, 0),
            Value::Integer(number) => return (kind::NUMBER, number),
            Value::Ip(address) => Value::Ip(cut(address, prefixes)),
            other => other,
        };
        self.octets.clear();
        write_octets(&mut self.octets, value);
        if let Some(number) = self.numbers.get(self.octets.as_slice()) {
            return (kind::INTERNED, u64::from(*number));
        }
        if self.values.len() >= self.most_values {
            return (kind::INTERNED, NO_VALUE);
        }
        let number = self.values.len() as u32;
        self.values.extend(OwnedValue::of(value));
        self.numbers.insert(self.octets.as_slice().into(), number);
        (kind::INTERNED, number.into())
    }

    /// The bucket of time of a key: its beginning, milliseconds since the epoch.
    pub(super) fn bucket(&self, key: &[u64]) -> Option<u64> {
        self.period.map(|_| key[1])
    }

    /// Whether flows with this key have a value for each field.
    pub(super) fn is_whole(&self, key: &[u64]) -> bool {
        (0..self.parts.len()).all(|at| key[0] >> (2 * at) & 3 != kind::ABSENT)
    }

    /// The values of a key, one for each field; `None` where the flows have none.
    pub(super) fn values_of(&self, key: &[u64]) -> Vec<Option<OwnedValue>> {
        self.words(key).map(|word| self.value(word).map(Cow::into_owned)).collect()
    }

    /// What stands in a key for each field.
    fn words<'k>(&self, key: &'k [u64]) -> impl Iterator<Item = Word> + use<'k, '_> {
        let mut place = 1 + usize::from(self.period.is_some());
        self.parts.iter().enumerate().map(move |(at, part)| {
            let kind = key[0] >> (2 * at) & 3;
            let word = match part {
                Part::Address(..) => {
                    place += 2;
                    u128::from(key[place - 1]) << 64 | u128::from(key[place - 2])
                }
                Part::Number(_) | Part::Value { .. } => {
                    place += 1;
                    key[place - 1].into()
                }
            };
            Word { kind, word, is_address: matches!(part, Part::Address(..)) }
        })
    }

    fn value(&self, word: Word) -> Option<Cow<'_, OwnedValue>> {
        let Word { kind, word, is_address } = word;
        Some(match kind {
            kind::ABSENT => return None,
            kind::INTERNED => Cow::Borrowed(self.values.get(word as usize)?),
            kind::V6 => Cow::Owned(OwnedValue::Ip(IpAddr::V6(word.into()))),
            _ if is_address => Cow::Owned(OwnedValue::Ip(IpAddr::V4((word as u32).into()))),
            _ => Cow::Owned(OwnedValue::Integer(word as u64)),
        })
    }

    /// The order of two keys: that of their buckets, and of their values, field by field.
    pub(super) fn order(&self, left: &[u64], right: &[u64]) -> Ordering {
        let buckets = self.bucket(left).cmp(&self.bucket(right));
        buckets.then_with(|| {
            let pairs = self.words(left).zip(self.words(right));
            pairs
                .map(|(left, right)| match (left.kind, right.kind) {
                    (kind::INTERNED, kind::INTERNED) => octets_of(self.value(left).as_deref())
                        .cmp(&octets_of(self.value(right).as_deref())),
                    (first, second) => first.cmp(&second).then(left.word.cmp(&right.word)),
                })
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        })
    }

    /// The key with which `self` tells apart what `key` of `other` does, appended to `own`. Both have the same fields.
    pub(super) fn adopt(&mut self, other: &Self, key: &[u64], own: &mut Vec<u64>) {
        own.extend_from_slice(key);
        let first = own.len() - key.len();
        let mut place = 1 + usize::from(self.period.is_some());
        for at in 0..self.parts.len() {
            match self.parts[at] {
                Part::Address(..) => place += 2,
                Part::Number(_) => place += 1,
                Part::Value { .. } => {
                    if key[0] >> (2 * at) & 3 == kind::INTERNED
                        && let Some(value) = other.values.get(key[place] as usize)
                    {
                        own[first + place] = self.intern(value.value(), None).1;
                    }
                    place += 1;
                }
            }
        }
    }
}

/// What stands for a field in a key.
#[derive(Clone, Copy)]
struct Word {
    kind: u64,
    word: u128,
    is_address: bool,
}

#[inline(always)]
fn write_addresses<'k>(
    addresses: &Addresses,
    side: Side,
    prefixes: Prefixes,
    rows: impl Iterator<Item = (&'k mut [u64], usize)>,
    place: usize,
    shift: u32,
) {
    match addresses {
        Addresses::V4 { source, destination } => {
            let column = if side == Side::Source { source } else { destination };
            let mask = mask_v4(prefixes.v4);
            for (key, row) in rows {
                key[place] = u64::from(column[row] & mask);
                key[0] |= kind::NUMBER << shift;
            }
        }
        Addresses::V6 { source, destination } => {
            let column = if side == Side::Source { source } else { destination };
            let mask = mask_v6(prefixes.v6);
            for (key, row) in rows {
                let address = column[row] & mask;
                (key[place], key[place + 1]) = (address as u64, (address >> 64) as u64);
                key[0] |= kind::V6 << shift;
            }
        }
    }
}

fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0)
}

fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0)
}

fn cut(address: IpAddr, prefixes: Option<Prefixes>) -> IpAddr {
    match (address, prefixes) {
        (address, None) => address,
        (IpAddr::V4(address), Some(Prefixes { v4, .. })) => {
            IpAddr::V4((u32::from(address) & mask_v4(v4)).into())
        }
        (IpAddr::V6(address), Some(Prefixes { v6, .. })) => {
            IpAddr::V6((u128::from(address) & mask_v6(v6)).into())
        }
    }
}

fn octets_of(value: Option<&OwnedValue>) -> Vec<u8> {
    let mut octets = Vec::new();
    write_octets(&mut octets, value.map_or(Value::Absent, OwnedValue::value));
    octets
}

/// Appends a value so that different values give different octets, and numbers and addresses sort as they should.
fn write_octets(octets: &mut Vec<u8>, value: Value<'_>) {
    let text = |octets: &mut Vec<u8>, text: &str| {
        octets.extend_from_slice(text.as_bytes());
        // No text holds it: it is no octet of UTF-8.
        octets.push(0xff);
    };
    match value {
        Value::Absent => octets.push(0),
        Value::Integer(number) | Value::NumberText(number) => {
            octets.push(1);
            octets.extend_from_slice(&number.to_be_bytes());
        }
        Value::Float(number) => {
            octets.push(2);
            octets.extend_from_slice(&number.to_bits().to_be_bytes());
        }
        Value::Bool(flag) => octets.extend_from_slice(&[3, u8::from(flag)]),
        Value::Ip(IpAddr::V4(address)) => {
            octets.push(4);
            octets.extend_from_slice(&address.octets());
        }
        Value::Ip(IpAddr::V6(address)) => {
            octets.push(6);
            octets.extend_from_slice(&address.octets());
        }
        Value::Mac(address) => {
            octets.push(7);
            octets.extend_from_slice(&address);
        }
        Value::Text(one) => {
            octets.push(8);
            text(octets, one);
        }
        Value::Texts(texts) => {
            octets.push(9);
            texts.iter().for_each(|one| text(octets, one));
            octets.push(0xfe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_texts_are_told_apart() {
        let octets = |value: Value<'_>| {
            let mut octets = Vec::new();
            write_octets(&mut octets, value);
            octets
        };
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let (two, one) = (texts(&["a", "b"]), texts(&["ab"]));
        assert_ne!(octets(Value::Texts(&two)), octets(Value::Texts(&one)));
        assert_ne!(octets(Value::Text("a")), octets(Value::Texts(&texts(&["a"]))));
        let numbers = [9, 80, 443, 65_535].map(|number| octets(Value::NumberText(number)));
        assert!(numbers.is_sorted());
    }

    #[test]
    fn prefixes_of_any_length() {
        assert_eq!([mask_v4(0), mask_v4(8), mask_v4(32)], [0, 0xff00_0000, u32::MAX]);
        assert_eq!([mask_v6(0), mask_v6(1), mask_v6(128)], [0, 1 << 127, u128::MAX]);
    }
}
