//! Flow records summed up by what they have in common, ordered by a metric.
//!
//! Memory is bounded: behind the limit, records of further groups are summed up together ([`Groups::others`]), so that the sums
//! still hold every record; who must not guess looks there first ([`Groups::check`]).

use super::{
    LimitReached, Selection,
    distinct::DistinctValues,
    group_by::GroupBy,
    key::{Keys, MOST_FIELDS},
    sums::{Metric, Summed, Sums},
    table::{Table, is_same},
};
use crate::flow::{
    batch::FlowBatch,
    fields::{Needs, OwnedValue},
    interfaces::Interfaces,
};

/// Rows whose groups are looked up together: so many misses of the cache are under way at a time.
const BLOCK: usize = 256;

/// Flows that have the same values.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// A value for each field; `None` where the flows have none.
    pub values: Vec<Option<OwnedValue>>,
    /// The beginning of its bucket of time, milliseconds since the epoch, where there are buckets.
    pub bucket: Option<u64>,
    /// Its sums.
    pub sums: Sums,
    /// How many distinct values its flows have, for each field of which they are counted.
    pub distinct: Vec<u64>,
}

/// What groups there are, and what is known of each.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// What flows of a group have in common; only the first [`MOST_FIELDS`] count.
    pub by: Vec<GroupBy>,
    /// Milliseconds of the buckets of time that groups are told apart by as well; none for the whole time.
    pub period: Option<u64>,
    /// What is summed up.
    pub metrics: Vec<Metric>,
    /// Groups that are held, at most.
    pub most_groups: usize,
}

impl Grouping {
    /// The columns that it reads.
    pub fn needs(&self) -> Needs {
        let by = self.by.iter().map(GroupBy::needs);
        let time = self.period.map(|_| super::TIME);
        by.chain(time).fold(Summed::new(&self.metrics).needs(), Needs::and)
    }
}

/// Fields of which distinct values are counted in each group.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// The fields. A flow without a value adds none.
    pub of: Vec<GroupBy>,
    /// Values that are held of each field, over all groups, at most.
    pub most: usize,
}

impl Distinct {
    /// The columns that it reads.
    pub fn needs(&self) -> Needs {
        self.of.iter().map(GroupBy::needs).fold(Needs::NONE, Needs::and)
    }
}

/// Groups of flows, and their sums.
pub struct Groups {
    by: Vec<GroupBy>,
    pub(super) keys: Keys,
    pub(super) summed: Summed,
    most_groups: usize,
    pub(super) table: Table,
    others: Sums,
    distinct: Vec<DistinctValues>,
    /// The groups of the rows at hand; kept for its memory.
    numbers: Vec<Option<u32>>,
    /// Rows at hand, their keys and the hashes of these; kept for their memory.
    rows: Vec<u32>,
    row_keys: Vec<u64>,
    hashes: Vec<u32>,
}

impl Groups {
    /// No flows yet.
    pub fn new(grouping: &Grouping) -> Self {
        Self::counting(grouping, &Distinct::default())
    }

    /// No flows yet; distinct values are counted as well.
    pub fn counting(grouping: &Grouping, distinct: &Distinct) -> Self {
        let mut by = grouping.by.clone();
        by.truncate(MOST_FIELDS);
        let keys = Keys::new(&by, grouping.period, grouping.most_groups);
        let summed = Summed::new(&grouping.metrics);
        Self {
            table: Table::new(keys.width(), keys.width() + summed.width()),
            by,
            keys,
            summed,
            most_groups: grouping.most_groups,
            others: Sums::default(),
            distinct: distinct.of.iter().map(|of| DistinctValues::new(of, distinct.most)).collect(),
            numbers: Vec::new(),
            rows: Vec::new(),
            row_keys: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// Counts the records of a batch that are selected.
    pub fn add(&mut self, batch: &FlowBatch, interfaces: &Interfaces, selection: &Selection) {
        self.add_received(batch, &[], interfaces, selection);
    }

    /// Counts the records of a batch that are selected; its rows belong to these times, milliseconds since the epoch.
    pub fn add_received(
        &mut self,
        batch: &FlowBatch,
        times: &[u64],
        interfaces: &Interfaces,
        selection: &Selection,
    ) {
        let mut rows = std::mem::take(&mut self.rows);
        let mut left = selection.rows(batch.len());
        loop {
            rows.clear();
            rows.extend(left.by_ref().take(BLOCK));
            if rows.is_empty() {
                break;
            }
            self.add_block(batch, times, interfaces, &rows);
        }
        self.rows = rows;
    }

    fn add_block(
        &mut self,
        batch: &FlowBatch,
        times: &[u64],
        interfaces: &Interfaces,
        rows: &[u32],
    ) {
        let Self { keys, table, row_keys, hashes, numbers, distinct, .. } = self;
        row_keys.clear();
        keys.write(batch, times, interfaces, rows, row_keys);
        // With no field, neighbours are mostly of one group: each is looked up once.
        let are_few = self.by.is_empty();
        let is_new = |key: &[u64], before: &[u64]| !are_few || !is_same(key, before);
        hashes.clear();
        let mut before: &[u64] = &[];
        for key in row_keys.chunks_exact(table.key) {
            if is_new(key, before) {
                hashes.push(table.hash(key));
            }
            before = key;
        }
        hashes.iter().for_each(|hash| table.prefetch_slot(*hash));
        hashes.iter().for_each(|hash| table.prefetch_record(*hash));
        let adder = self.summed.of_batch(batch);
        numbers.clear();
        let (mut left, mut found, mut before) = (hashes.iter(), None, &[][..]);
        for (key, row) in row_keys.chunks_exact(table.key).zip(rows) {
            if is_new(key, before)
                && let Some(hash) = left.next()
            {
                found = table.find_or_insert(key, *hash, self.most_groups);
            }
            before = key;
            match found {
                Some((number, _)) => {
                    adder.add(&mut table.record_mut(number)[key.len()..], *row as usize);
                }
                None => {
                    let mut words = vec![0; self.summed.width()];
                    adder.add(&mut words, *row as usize);
                    self.others.add(&self.summed.read(&words));
                }
            }
            if !distinct.is_empty() {
                numbers.push(found.map(|(number, _)| number));
            }
        }
        for values in distinct {
            values.add(batch, interfaces, rows, numbers);
        }
    }

    /// Adds the groups of others, which have the same grouping.
    pub fn merge(&mut self, others: &Self) {
        let (mut keys, mut hashes, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        let theirs: Vec<u32> = others.table.numbers().collect();
        let width = self.table.key;
        for block in theirs.chunks(BLOCK) {
            keys.clear();
            hashes.clear();
            for number in block {
                let their_key = &others.table.record(*number)[..width];
                self.keys.adopt(&others.keys, their_key, &mut keys);
                hashes.push(self.table.hash(&keys[keys.len() - width..]));
            }
            hashes.iter().for_each(|hash| self.table.prefetch_slot(*hash));
            hashes.iter().for_each(|hash| self.table.prefetch_record(*hash));
            for ((key, hash), number) in keys.chunks_exact(width).zip(&hashes).zip(block) {
                let sums = others.summed.read(&others.table.record(*number)[width..]);
                let found = self.table.find_or_insert(key, *hash, self.most_groups);
                match found {
                    Some((number, _)) => {
                        let record = self.table.record_mut(number);
                        self.summed.add_sums(&mut record[width..], &sums);
                    }
                    None => self.others.add(&sums),
                }
                numbers.push(found.map(|(number, _)| number));
            }
        }
        self.others.add(&others.others);
        for (own, theirs) in self.distinct.iter_mut().zip(&others.distinct) {
            own.merge(theirs, &numbers);
        }
    }

    /// What groups are told apart by.
    pub fn by(&self) -> &[GroupBy] {
        &self.by
    }

    /// The `count` largest groups by `metric`, the largest first; of equal ones the one with the lower values.
    pub fn largest(&self, metric: Metric, count: usize) -> Vec<Group> {
        let sum = |number: &u32| {
            self.summed.read(&self.table.record(*number)[self.table.key..]).of(metric)
        };
        let order = |left: &u32, right: &u32| {
            let sums = sum(right).cmp(&sum(left));
            sums.then_with(|| self.keys.order(self.key(*left), self.key(*right)))
        };
        let mut numbers: Vec<u32> = self.table.numbers().collect();
        if count < numbers.len() {
            numbers.select_nth_unstable_by(count, order);
            numbers.truncate(count);
        }
        numbers.sort_unstable_by(order);
        numbers.into_iter().map(|number| self.group(number)).collect()
    }

    /// All groups, by time and by their values.
    pub fn ordered(&self) -> Vec<Group> {
        let mut numbers: Vec<u32> = self.table.numbers().collect();
        numbers.sort_unstable_by(|left, right| self.keys.order(self.key(*left), self.key(*right)));
        numbers.into_iter().map(|number| self.group(number)).collect()
    }

    fn key(&self, number: u32) -> &[u64] {
        &self.table.record(number)[..self.table.key]
    }

    fn group(&self, number: u32) -> Group {
        let (key, sums) = self.table.record(number).split_at(self.table.key);
        Group {
            values: self.keys.values_of(key),
            bucket: self.keys.bucket(key),
            sums: self.summed.read(sums),
            distinct: self.distinct.iter().map(|values| values.count(number)).collect(),
        }
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.table.len()
    }

    /// Sums over all records.
    pub fn total(&self) -> Sums {
        let mut total = self.others;
        for record in self.table.records() {
            total.add(&self.summed.read(&record[self.table.key..]));
        }
        total
    }

    /// Sums over the records that found no room for a group of their own.
    pub fn others(&self) -> Sums {
        self.others
    }

    /// Whether every record has found a group, and every value a place where distinct ones are counted.
    ///
    /// # Errors
    /// When there were more groups, or more values, than the limit.
    pub fn check(&self) -> Result<(), LimitReached> {
        if self.others.flows() > 0 {
            return Err(LimitReached::Groups(self.most_groups));
        }
        self.distinct.iter().try_for_each(DistinctValues::check)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        flow::{
            batch::Source,
            columns::Column,
            fields::{Row, find},
            testing::{batches, flow, push},
        },
        hunt::Prefixes,
        nql::{columns::Mask, typed::Subject},
    };

    fn by(names: &[&str]) -> Vec<GroupBy> {
        let fields = names.iter().map(|name| Subject::Field(find(name).unwrap()));
        fields.map(GroupBy::subject).collect()
    }

    fn grouping(by: Vec<GroupBy>) -> Grouping {
        Grouping { by, period: None, metrics: Metric::ALL.to_vec(), most_groups: usize::MAX }
    }

    fn all(groups: &mut Groups, batch: &FlowBatch) {
        groups.add(batch, &Interfaces::default(), &Selection::All);
    }

    proptest! {
        /// The sums are those that a map by the values gives, in the order of the metric, however the flows were cut.
        #[test]
        fn groups_are_summed_and_ordered(
            flows in proptest::collection::vec(batches(60), 1..4),
            count in 0_usize..8,
            period in proptest::option::of(1_u64..100),
            selected in any::<u64>(),
        ) {
            let interfaces = Interfaces::default();
            let names = ["dstport", "protocol", "tags", "srcip", "clientip", "srcinternal", "icmptype"];
            let mut grouping = grouping(by(&names));
            grouping.period = period;
            grouping.by[3].prefixes = Some(Prefixes { v4: 31, v6: 127 });
            let (mut whole, mut merged) = (Groups::new(&grouping), Groups::new(&grouping));
            let mut expected: BTreeMap<String, (u64, Option<u128>)> = BTreeMap::new();
            for batch in &flows {
                let mut mask = Mask::NONE;
                let is_selected = |row: &usize| selected >> row & 1 != 0;
                (0..batch.len()).filter(is_selected).for_each(|row| mask.insert(row));
                let selection = Selection::Masks(vec![mask]);
                whole.add(batch, &interfaces, &selection);
                let mut part = Groups::new(&grouping);
                part.add(batch, &interfaces, &selection);
                merged.merge(&part);
                for row in (0..batch.len()).filter(|row| mask.contains(*row)) {
                    let row = Row { batch, row, interfaces: &interfaces };
                    let mut values: Vec<_> = grouping
                        .by
                        .iter()
                        .map(|by| OwnedValue::of(by.subject.value(row)))
                        .collect();
                    if let Some(OwnedValue::Ip(address)) = &mut values[3] {
                        *address = match *address {
                            std::net::IpAddr::V4(v4) => (u32::from(v4) & !1).to_be_bytes().into(),
                            std::net::IpAddr::V6(v6) => (u128::from(v6) & !1).to_be_bytes().into(),
                        };
                    }
                    let time = crate::hunt::time_of(batch, row.row);
                    let bucket = period.map(|period| time - time % period);
                    let sums = expected.entry(format!("{bucket:?} {values:?}")).or_default();
                    sums.0 += 1;
                    if batch.tells(Column::Octets, row.row) {
                        let octets = u128::from(batch.octets[row.row]);
                        sums.1 = Some(sums.1.unwrap_or(0) + octets);
                    }
                }
            }
            for groups in [&whole, &merged] {
                prop_assert_eq!(groups.groups(), expected.len());
                let flows: u64 = expected.values().map(|(flows, _)| flows).sum();
                prop_assert_eq!(groups.total().flows(), flows);
                prop_assert!(groups.check().is_ok());
                for group in groups.ordered() {
                    let (flows, octets) = expected[&format!("{:?} {:?}", group.bucket, group.values)];
                    prop_assert_eq!(group.sums.flows(), flows);
                    prop_assert_eq!(group.sums.of(Metric::Octets), octets);
                }
            }
            for metric in Metric::ALL {
                let largest = whole.largest(metric, count);
                prop_assert_eq!(&largest, &merged.largest(metric, count));
                prop_assert_eq!(largest.len(), count.min(expected.len()));
                let of = |group: &Group| group.sums.of(metric);
                prop_assert!(largest.windows(2).all(|pair| of(&pair[0]) >= of(&pair[1])));
                let all = whole.largest(metric, usize::MAX);
                prop_assert_eq!(&largest[..], &all[..largest.len()]);
            }
        }

        /// No record is lost where there is no room for its group, and the limit is named.
        #[test]
        fn the_limit_keeps_the_sums(batch in batches(60), limit in 0_usize..5) {
            let grouping = Grouping {
                most_groups: limit,
                ..grouping(by(&["srcip", "srcport", "protocol", "clientip"]))
            };
            let mut groups = Groups::new(&grouping);
            all(&mut groups, &batch);
            prop_assert!(groups.groups() <= limit);
            let shown: u64 = groups.ordered().iter().map(|group| group.sums.flows()).sum();
            prop_assert_eq!(shown + groups.others().flows(), batch.len() as u64);
            prop_assert_eq!(groups.total().flows(), batch.len() as u64);
            let expected = match groups.others().flows() {
                0 => Ok(()),
                _ => Err(LimitReached::Groups(limit)),
            };
            prop_assert_eq!(groups.check(), expected);
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
            let mut groups = Groups::new(&grouping(Vec::new()));
            batches.iter().for_each(|batch| all(&mut groups, batch));
            [Metric::Flows, Metric::Packets, Metric::Octets, Metric::ScaledBits]
                .map(|metric| groups.largest(Metric::Packets, 1)[0].sums.of(metric))
        };
        let twice = 2 * u128::from(u64::MAX);
        assert_eq!(sums(&[&told]), [Some(2), Some(twice), Some(twice), Some(8 * twice)]);
        assert_eq!(sums(&[&untold]), [Some(2), None, Some(twice), Some(8 * twice)]);
        let all = [Some(4), Some(twice), Some(2 * twice), Some(16 * twice)];
        assert_eq!(sums(&[&untold, &told]), all);
    }

    #[test]
    fn only_what_is_asked_for_is_summed() {
        let grouping = Grouping { metrics: vec![Metric::Packets], ..grouping(by(&["srcport"])) };
        let mut groups = Groups::new(&grouping);
        all(&mut groups, &flow(1, 1000, 2000, 10));
        let sums = groups.total();
        assert_eq!((sums.flows(), sums.of(Metric::Packets)), (1, Some(10)));
        assert_eq!(sums.of(Metric::Octets), None);
        let needs = Column::Packets.bit() | Column::SourcePort.bit();
        assert_eq!(grouping.needs(), Needs::columns(needs));
    }

    #[test]
    fn many_groups_keep_their_sums() {
        let mut batch = flow(0, 1000, 2000, 1);
        for number in 1..5000 {
            push(&mut batch, number, 1000, 2000, u64::from(number) + 1);
        }
        let mut groups = Groups::new(&grouping(by(&["dstip", "srcport", "srcip"])));
        (0..3).for_each(|_| all(&mut groups, &batch));
        assert_eq!(groups.groups(), 5000);
        let largest = groups.largest(Metric::Packets, 2);
        assert_eq!(largest[0].sums.of(Metric::Packets), Some(15_000));
        assert_eq!(largest[1].sums.of(Metric::Packets), Some(14_997));
    }
}
