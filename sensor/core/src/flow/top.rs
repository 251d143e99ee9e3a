//! The largest groups of flows: records summed up by the values of up to [`MOST_FIELDS`] fields, ordered by a metric.
//!
//! Memory is bounded: behind [`Top::new`]'s limit, flows of further groups are summed up together ([`Top::others`]), so that
//! the sums still hold every record.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
};

use hashbrown::HashTable;

use super::{
    batch::FlowBatch,
    columns::Column,
    fields::{Field, OwnedValue, Row, Value},
    interfaces::Interfaces,
};

/// Fields to group by, at most.
pub const MOST_FIELDS: usize = 7;

/// What groups are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// Octets of the IP packets.
    #[default]
    Octets,
    /// Packets.
    Packets,
    /// Flow records.
    Flows,
    /// Bits of the IP packets.
    Bits,
    /// Packets times the sample rate.
    ScaledPackets,
    /// Bits times the sample rate.
    ScaledBits,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Octets,
        Self::Packets,
        Self::Flows,
        Self::Bits,
        Self::ScaledPackets,
        Self::ScaledBits,
    ];

    /// Its name on command lines and in output: the field of NQL, where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Octets => "octets",
            Self::Packets => "packets",
            Self::Flows => "flows",
            Self::Bits => "bits",
            Self::ScaledPackets => "packetsxrate",
            Self::ScaledBits => "bitsxrate",
        }
    }
}

/// Sums over the records of a group. They are wide enough for any number of records, whatever these count; a sum over
/// records of which none tells the number is absent, and not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    flows: u64,
    packets: Option<Sum>,
    octets: Option<Sum>,
}

/// A sum of numbers as reported, and times the sample rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    reported: u128,
    scaled: u128,
}

impl Sum {
    fn add(sum: &mut Option<Self>, number: u64, rate: u32) {
        let Self { reported, scaled } = sum.get_or_insert_default();
        // 2^32 records of the highest numbers fit in.
        *reported += u128::from(number);
        *scaled += u128::from(number) * u128::from(rate);
    }
}

impl Sums {
    fn add(&mut self, batch: &FlowBatch, row: usize) {
        let rate = batch.sample_rate(row).unwrap_or(1);
        self.flows += 1;
        if batch.tells(Column::Packets, row) {
            Sum::add(&mut self.packets, batch.packets[row], rate);
        }
        if batch.tells(Column::Octets, row) {
            Sum::add(&mut self.octets, batch.octets[row], rate);
        }
    }

    /// Flow records.
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// The sum of one metric; none where no record tells it.
    pub fn of(&self, metric: Metric) -> Option<u128> {
        match metric {
            Metric::Octets => self.octets.map(|sum| sum.reported),
            Metric::Packets => self.packets.map(|sum| sum.reported),
            Metric::Flows => Some(self.flows.into()),
            Metric::Bits => self.octets.map(|sum| sum.reported.saturating_mul(8)),
            Metric::ScaledPackets => self.packets.map(|sum| sum.scaled),
            Metric::ScaledBits => self.octets.map(|sum| sum.scaled.saturating_mul(8)),
        }
    }
}

/// Flows that have the same values.
#[derive(Clone, Debug)]
pub struct Group {
    /// By it groups are told apart, and ordered where their sums are the same.
    key: Box<[u8]>,
    /// A value for each field; `None` where the flows have none.
    pub values: Vec<Option<OwnedValue>>,
    /// Its sums.
    pub sums: Sums,
}

/// Groups of flows, and their sums.
#[derive(Debug)]
pub struct Top {
    by: Vec<&'static Field>,
    most_groups: usize,
    groups: HashTable<Group>,
    hasher: RandomState,
    total: Sums,
    others: Sums,
    /// The key of the row at hand; kept for its memory.
    key: Vec<u8>,
}

impl Top {
    /// Groups by the first [`MOST_FIELDS`] of `by`; holds at most `most_groups` groups.
    pub fn new(mut by: Vec<&'static Field>, most_groups: usize) -> Self {
        by.truncate(MOST_FIELDS);
        Self {
            by,
            most_groups,
            groups: HashTable::new(),
            hasher: RandomState::new(),
            total: Sums::default(),
            others: Sums::default(),
            key: Vec::new(),
        }
    }

    /// Counts the records of a batch.
    pub fn add(&mut self, batch: &FlowBatch, interfaces: &Interfaces) {
        for row in 0..batch.len() {
            self.total.add(batch, row);
            self.add_row(Row { batch, row, interfaces });
        }
    }

    fn add_row(&mut self, row: Row<'_>) {
        self.key.clear();
        for field in &self.by {
            write_key(&mut self.key, field.value(row));
        }
        let hash = self.hasher.hash_one(&self.key);
        if let Some(group) = self.groups.find_mut(hash, |group| *group.key == *self.key) {
            group.sums.add(row.batch, row.row);
        } else if self.groups.len() >= self.most_groups {
            self.others.add(row.batch, row.row);
        } else {
            let values = self.by.iter().map(|field| OwnedValue::of(field.value(row))).collect();
            let mut sums = Sums::default();
            sums.add(row.batch, row.row);
            let group = Group { key: self.key.as_slice().into(), values, sums };
            let hasher = &self.hasher;
            self.groups.insert_unique(hash, group, |group| hasher.hash_one(&*group.key));
        }
    }

    /// The fields that groups are told apart by.
    pub fn by(&self) -> &[&'static Field] {
        &self.by
    }

    /// The `count` largest groups by `metric`, the largest first; of equal ones the one with the lower values.
    pub fn largest(&self, metric: Metric, count: usize) -> Vec<&Group> {
        let order = |a: &&Group, b: &&Group| {
            let sums = b.sums.of(metric).cmp(&a.sums.of(metric));
            sums.then_with(|| a.key.cmp(&b.key))
        };
        let mut groups: Vec<&Group> = self.groups.iter().collect();
        if count < groups.len() {
            groups.select_nth_unstable_by(count, order);
            groups.truncate(count);
        }
        groups.sort_unstable_by(order);
        groups
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Sums over all records.
    pub fn total(&self) -> Sums {
        self.total
    }

    /// Sums over the records that found no room for a group of their own.
    pub fn others(&self) -> Sums {
        self.others
    }
}

/// Appends a value so that different values give different octets, and numbers and addresses sort as they should.
fn write_key(key: &mut Vec<u8>, value: Value<'_>) {
    let text = |key: &mut Vec<u8>, text: &str| {
        key.extend_from_slice(text.as_bytes());
        // No text holds it: it is no octet of UTF-8.
        key.push(0xff);
    };
    match value {
        Value::Absent => key.push(0),
        Value::Integer(number) | Value::NumberText(number) => {
            key.push(1);
            key.extend_from_slice(&number.to_be_bytes());
        }
        Value::Float(number) => {
            key.push(2);
            key.extend_from_slice(&number.to_bits().to_be_bytes());
        }
        Value::Bool(flag) => key.extend_from_slice(&[3, u8::from(flag)]),
        Value::Ip(IpAddr::V4(address)) => {
            key.push(4);
            key.extend_from_slice(&address.octets());
        }
        Value::Ip(IpAddr::V6(address)) => {
            key.push(6);
            key.extend_from_slice(&address.octets());
        }
        Value::Mac(address) => {
            key.push(7);
            key.extend_from_slice(&address);
        }
        Value::Text(one) => {
            key.push(8);
            text(key, one);
        }
        Value::Texts(texts) => {
            key.push(9);
            texts.iter().for_each(|one| text(key, one));
            key.push(0xfe);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::flow::{
        batch::Source,
        fields::find,
        testing::{batches, flow, push},
    };

    fn fields(names: &[&str]) -> Vec<&'static Field> {
        names.iter().map(|name| find(name).unwrap()).collect()
    }

    proptest! {
        /// The sums are those that a map by the values' texts gives, in the order of the metric.
        #[test]
        fn groups_are_summed_and_ordered(batch in batches(60), count in 0_usize..8) {
            let interfaces = Interfaces::default();
            let by = fields(&["dstport", "protocol", "tags"]);
            let mut top = Top::new(by.clone(), usize::MAX);
            top.add(&batch, &interfaces);
            let mut expected: HashMap<String, (u64, Option<u128>)> = HashMap::new();
            for row in 0..batch.len() {
                let row = Row { batch: &batch, row, interfaces: &interfaces };
                let key: Vec<_> = by.iter().map(|field| OwnedValue::of(field.value(row))).collect();
                let sums = expected.entry(format!("{key:?}")).or_default();
                sums.0 += 1;
                if batch.tells(Column::Octets, row.row) {
                    let octets = u128::from(batch.octets[row.row]);
                    sums.1 = Some(sums.1.unwrap_or(0) + octets);
                }
            }
            prop_assert_eq!(top.groups(), expected.len());
            prop_assert_eq!(top.total().flows(), batch.len() as u64);
            for metric in [Metric::Flows, Metric::Octets] {
                let largest = top.largest(metric, count);
                prop_assert_eq!(largest.len(), count.min(expected.len()));
                for group in &largest {
                    let (flows, octets) = expected[&format!("{:?}", group.values)];
                    prop_assert_eq!(group.sums.flows(), flows);
                    prop_assert_eq!(group.sums.of(Metric::Octets), octets);
                }
                let of = |group: &Group| group.sums.of(metric);
                prop_assert!(largest.windows(2).all(|pair| of(pair[0]) >= of(pair[1])));
                let least = largest.last().map_or(Some(u128::MAX), |group| of(group));
                let larger = top.groups.iter().filter(|group| of(group) > least).count();
                prop_assert!(larger <= largest.len());
            }
        }

        /// No record is lost where there is no room for its group.
        #[test]
        fn the_limit_keeps_the_sums(batch in batches(60), limit in 0_usize..5) {
            let mut top = Top::new(fields(&["srcip", "srcport"]), limit);
            top.add(&batch, &Interfaces::default());
            prop_assert!(top.groups() <= limit);
            let shown: u64 = top
                .largest(Metric::Flows, usize::MAX)
                .iter()
                .map(|group| group.sums.flows())
                .sum();
            prop_assert_eq!(shown + top.others().flows(), batch.len() as u64);
        }
    }

    #[test]
    fn sums_are_of_what_is_told_and_do_not_overflow() {
        let mut told = flow(1, 1000, 2000, u64::MAX);
        push(&mut told, 1, 1000, 2000, u64::MAX);
        told.octets.fill(u64::MAX);
        let mut untold = told.clone();
        (untold.observed_by, untold.untold) = (Source::Aws, Column::Packets.bit());
        let sums = |batches: &[&FlowBatch]| {
            let mut top = Top::new(Vec::new(), 1);
            batches.iter().for_each(|batch| top.add(batch, &Interfaces::default()));
            [Metric::Flows, Metric::Packets, Metric::Octets, Metric::ScaledBits]
                .map(|metric| top.largest(Metric::Packets, 1)[0].sums.of(metric))
        };
        let twice = 2 * u128::from(u64::MAX);
        assert_eq!(sums(&[&told]), [Some(2), Some(twice), Some(twice), Some(8 * twice)]);
        assert_eq!(sums(&[&untold]), [Some(2), None, Some(twice), Some(8 * twice)]);
        let all = [Some(4), Some(twice), Some(2 * twice), Some(16 * twice)];
        assert_eq!(sums(&[&untold, &told]), all);
    }

    #[test]
    fn equal_sums_are_ordered_by_their_values() {
        let keys = [9_u64, 80, 443, 65_535].map(|number| {
            let mut key = Vec::new();
            write_key(&mut key, Value::Integer(number));
            key
        });
        assert!(keys.is_sorted());
    }

    #[test]
    fn lists_and_texts_are_told_apart() {
        fn key(value: Value<'_>) -> Vec<u8> {
            let mut key = Vec::new();
            write_key(&mut key, value);
            key
        }
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_ne!(key(Value::Texts(&texts(&["a", "b"]))), key(Value::Texts(&texts(&["ab"]))));
        assert_ne!(key(Value::Text("a")), key(Value::Texts(&texts(&["a"]))));
    }
}
