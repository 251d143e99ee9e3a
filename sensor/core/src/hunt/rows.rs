//! The first rows of a question, in an order that is the same however the data were cut and read.

use crate::flow::batch::{Addresses, FlowBatch};

/// Which rows come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    #[default]
    OldestFirst,
    /// The newest.
    NewestFirst,
}

/// The place of a row among all that are stored: its time, and, where times are equal, the number that it was stored with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Milliseconds since the epoch.
    pub time: u64,
    /// No other row has it.
    pub sequence: u64,
}

/// A row that is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    place: Place,
    batch: u32,
    row: u32,
}

/// At most so many rows: the first, in the order, of those that were offered.
#[derive(Debug)]
pub struct Rows {
    order: Order,
    most: usize,
    /// Only rows behind this one are wanted: the last of the page before.
    after: Option<Place>,
    kept: Vec<Kept>,
    /// The last of those that were kept at the last cut, if they were as many as may be.
    worst: Option<Place>,
    /// None behind this one is wanted, whatever is kept here.
    expected: Option<Place>,
    batches: Vec<FlowBatch>,
    offered: u64,
}

impl Rows {
    /// No rows yet; at most `most`, those behind `after` in the order.
    pub fn new(order: Order, most: usize, after: Option<Place>) -> Self {
        Self {
            order,
            most,
            after,
            kept: Vec::new(),
            worst: None,
            expected: None,
            batches: Vec::new(),
            offered: 0,
        }
    }

    /// Whether a row that stands at this place would be kept, for all that is known so far.
    pub fn wants(&self, place: Place) -> bool {
        let is_behind = |other: &Place| self.comes_before(*other, place);
        self.most > 0
            && self.after.as_ref().is_none_or(is_behind)
            && self.worst.is_none_or(|worst| self.comes_before(place, worst))
    }

    /// Whether one that was received then could be kept, for all that is known so far.
    pub(super) fn wants_between(&self, first: u64, last: u64) -> bool {
        let oldest = Place { time: first, sequence: 0 };
        let newest = Place { time: last, sequence: u64::MAX };
        let (best, worst) = match self.order {
            Order::OldestFirst => (oldest, newest),
            Order::NewestFirst => (newest, oldest),
        };
        self.most > 0
            && self.after.is_none_or(|after| self.comes_before(after, worst))
            && self.worst.is_none_or(|last| self.comes_before(best, last))
    }

    /// Others have as many rows as are wanted, up to this one.
    pub(super) fn expect(&mut self, last: Option<Place>) {
        if let Some(last) = last
            && self.worst.is_none_or(|worst| self.comes_before(last, worst))
        {
            self.worst = Some(last);
            self.expected = Some(last);
        }
    }

    /// The last of the rows that were found, if they are as many as are wanted.
    pub(super) fn last(&mut self) -> Option<Place> {
        if self.kept.len() < self.most {
            return None;
        }
        self.cut();
        self.kept.last().filter(|_| self.kept.len() == self.most).map(|kept| kept.place)
    }

    /// Those of the rows that would be kept, in any order: of rows that stand at these places, their numbers.
    pub(super) fn first_of(&self, places: impl Iterator<Item = Place>) -> Vec<u32> {
        let mut wanted: Vec<(u32, Place)> =
            (0..).zip(places).filter(|(_, place)| self.wants(*place)).collect();
        if wanted.len() > self.most {
            let order = |left: &(u32, Place), right: &(u32, Place)| match self.order {
                Order::OldestFirst => left.1.cmp(&right.1),
                Order::NewestFirst => right.1.cmp(&left.1),
            };
            wanted.select_nth_unstable_by(self.most, order);
            wanted.truncate(self.most);
        }
        wanted.into_iter().map(|(row, _)| row).collect()
    }

    /// Offers the rows of a batch, which has nothing but selected ones; `places` says where each stands.
    pub fn add(&mut self, mut batch: FlowBatch, places: &[Place]) {
        self.offered += batch.len() as u64;
        let wanted: Vec<usize> = (0..batch.len()).filter(|row| self.wants(places[*row])).collect();
        if wanted.is_empty() {
            return;
        }
        batch.keep(&wanted);
        let number = self.batches.len() as u32;
        let places = wanted.iter().map(|row| places[*row]);
        self.kept.extend((0..).zip(places).map(|(row, place)| Kept { place, batch: number, row }));
        self.batches.push(batch);
        if self.kept.len() > self.most.saturating_mul(2).max(self.most.saturating_add(1024)) {
            self.cut();
        }
    }

    /// Adds the rows of others, which have the same order and limit.
    pub fn merge(&mut self, others: Self) {
        self.offered += others.offered;
        let first = self.batches.len() as u32;
        self.batches.extend(others.batches);
        let moved = others.kept.into_iter().map(|kept| Kept { batch: kept.batch + first, ..kept });
        self.kept.extend(moved);
        self.cut();
    }

    /// How many rows were offered: selected, whether kept or not.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// Calls `each` for every row, in order.
    pub fn for_each(&mut self, mut each: impl FnMut(&FlowBatch, usize, Place)) {
        self.cut();
        for Kept { place, batch, row } in &self.kept {
            each(&self.batches[*batch as usize], *row as usize, *place);
        }
    }

    /// All rows as batches, oldest first, and where each row stands. A batch has rows of one slice of time, `slice` milliseconds long;
    /// within one, rows of the same family and kind of source stand together, whatever the files were that they came from.
    pub fn into_batches(mut self, slice: u64) -> Vec<(FlowBatch, Vec<Place>)> {
        let slice = slice.max(1);
        let parts = self.take_batches();
        let mut all = Vec::with_capacity(parts.len());
        for (batch, places) in parts {
            let slices = places.iter().map(|place| place.time / slice).collect();
            split(batch, places, slices, |_, batch, places| all.push((batch, places)));
        }
        all.sort_by_cached_key(|(batch, places)| {
            let first = places.iter().min().copied().unwrap_or(NOWHERE);
            let is_v6 = matches!(batch.addresses, Addresses::V6 { .. });
            (first.time / slice, is_v6, batch.observed_by as u8, first)
        });
        all
    }

    /// All rows as batches, one row behind the other in the order in which they were received, and where each stands. A batch has rows of one slice of time, `slice`
    /// milliseconds long. The order does not depend on the files that they came from: what one kind of source told is not put together, so there are as
    /// many batches as there were changes from one to another.
    pub fn in_order(mut self, slice: u64) -> Vec<(FlowBatch, Vec<Place>)> {
        let slice = slice.max(1);
        let parts = self.take_batches();
        let mut order: Vec<(Place, usize, usize)> = Vec::with_capacity(self.kept.len());
        for (at, (_, places)) in parts.iter().enumerate() {
            order.extend(places.iter().enumerate().map(|(row, place)| (*place, at, row)));
        }
        order.sort_unstable();
        let mut runs: Vec<Vec<u64>> =
            parts.iter().map(|(_, places)| vec![0; places.len()]).collect();
        let (mut run, mut before) = (0, None);
        for (place, at, row) in order {
            let goes_on = before.is_some_and(|(time, batch, last)| {
                time == place.time / slice && batch == at && last < row
            });
            run += u64::from(!goes_on);
            runs[at][row] = run;
            before = Some((place.time / slice, at, row));
        }
        let mut all = Vec::new();
        for ((batch, places), runs) in parts.into_iter().zip(runs) {
            split(batch, places, runs, |run, batch, places| all.push((run, batch, places)));
        }
        all.sort_unstable_by_key(|(run, ..)| *run);
        all.into_iter().map(|(_, batch, places)| (batch, places)).collect()
    }

    /// The batches that hold the rows, and where each row stands.
    fn take_batches(&mut self) -> Vec<(FlowBatch, Vec<Place>)> {
        self.cut();
        let mut places: Vec<Vec<Place>> =
            self.batches.iter().map(|batch| vec![NOWHERE; batch.len()]).collect();
        for Kept { place, batch, row } in &self.kept {
            places[*batch as usize][*row as usize] = *place;
        }
        std::mem::take(&mut self.batches).into_iter().zip(places).collect()
    }

    pub(super) fn comes_before(&self, left: Place, right: Place) -> bool {
        match self.order {
            Order::OldestFirst => left < right,
            Order::NewestFirst => left > right,
        }
    }

    /// Leaves the first rows, in order, and batches that have no other.
    fn cut(&mut self) {
        match self.order {
            Order::OldestFirst => self.kept.sort_unstable_by_key(|kept| kept.place),
            Order::NewestFirst => {
                self.kept.sort_unstable_by_key(|kept| std::cmp::Reverse(kept.place));
            }
        }
        self.kept.truncate(self.most);
        self.worst = self.kept.last().filter(|_| self.kept.len() == self.most).map(|k| k.place);
        self.expect(self.expected);
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); self.batches.len()];
        for kept in &self.kept {
            rows[kept.batch as usize].push(kept.row as usize);
        }
        let mut numbers = Vec::with_capacity(rows.len());
        let mut batches = Vec::new();
        for (mut batch, rows) in std::mem::take(&mut self.batches).into_iter().zip(&mut rows) {
            numbers.push(batches.len() as u32);
            if !rows.is_empty() {
                rows.sort_unstable();
                batch.keep(rows);
                batches.push(batch);
            }
        }
        for kept in &mut self.kept {
            let rows = &rows[kept.batch as usize];
            kept.row = rows.partition_point(|row| *row < kept.row as usize) as u32;
            kept.batch = numbers[kept.batch as usize];
        }
        self.batches = batches;
    }
}

/// Gives the parts of a batch, each with the rows of one key, and the key. A row is copied a logarithmic number of times.
fn split(
    batch: FlowBatch,
    places: Vec<Place>,
    keys: Vec<u64>,
    mut part: impl FnMut(u64, FlowBatch, Vec<Place>),
) {
    let mut left = vec![(batch, places, keys)];
    while let Some((mut batch, places, keys)) = left.pop() {
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { continue };
        if first == last {
            part(*first, batch, places);
            continue;
        }
        // The key in the middle belongs to the later half, unless nothing is before it.
        let middle = sorted[sorted.len() / 2];
        let bound = if middle == *first { middle + 1 } else { middle };
        let (early, late): (Vec<usize>, Vec<usize>) =
            (0..keys.len()).partition(|row| keys[*row] < bound);
        let of = |rows: &[usize], batch| {
            let places = rows.iter().map(|row| places[*row]).collect();
            (batch, places, rows.iter().map(|row| keys[*row]).collect())
        };
        let mut before = batch.clone();
        before.keep(&early);
        left.push(of(&early, before));
        batch.keep(&late);
        left.push(of(&late, batch));
    }
}

/// Before it is known.
const NOWHERE: Place = Place { time: 0, sequence: 0 };

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::testing::{flow, push};

    /// A batch with a row for each number, which its octets are.
    fn batch(numbers: &[u64]) -> FlowBatch {
        let mut batch = flow(1, 1000, 2000, numbers[0]);
        numbers[1..].iter().for_each(|number| push(&mut batch, 1, 1000, 2000, *number));
        batch
    }

    proptest! {
        /// The rows are the first of all, whatever the batches they came in, and whoever collected them.
        #[test]
        fn the_first_rows_are_kept(
            times in proptest::collection::vec(0_u64..20, 1..80),
            cuts in proptest::collection::vec(1_usize..10, 1..40),
            most in 0_usize..12,
            newest in any::<bool>(),
            page in proptest::option::of((0_u64..20, 0_u64..80)),
        ) {
            let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
            let after = page.map(|(time, sequence)| Place { time, sequence });
            let all: Vec<Place> = (0..).zip(&times).map(|(sequence, time)| Place { time: *time, sequence }).collect();
            let mut expected: Vec<Place> = all.clone();
            expected.sort();
            if newest {
                expected.reverse();
            }
            expected.retain(|place| after.is_none_or(|after| match newest {
                true => *place < after,
                false => *place > after,
            }));
            expected.truncate(most);
            let mut parts = [0; 2].map(|_| Rows::new(order, most, after));
            let (mut left, mut turn) = (&all[..], 0);
            for cut in cuts.iter().cycle() {
                let (now, later) = left.split_at((*cut).min(left.len()));
                if now.is_empty() {
                    break;
                }
                let numbers: Vec<u64> = now.iter().map(|place| place.sequence).collect();
                parts[turn % 2].add(batch(&numbers), now);
                (left, turn) = (later, turn + 1);
            }
            let [mut rows, others] = parts;
            rows.merge(others);
            prop_assert_eq!(rows.offered(), all.len() as u64);
            let mut found = Vec::new();
            rows.for_each(|batch, row, place| {
                assert_eq!(batch.octets[row], place.sequence);
                found.push(place);
            });
            prop_assert_eq!(found, expected);
        }
    }

    proptest! {
        /// Every row is in the batch of its slice of time, with what it tells, and the batches are in order.
        #[test]
        fn batches_are_slices_of_time(
            times in proptest::collection::vec(0_u64..40, 1..60),
            cut in 1_usize..20,
            slice in 1_u64..15,
        ) {
            let all: Vec<Place> =
                (1..).zip(&times).map(|(sequence, time)| Place { time: *time, sequence }).collect();
            let mut rows = Rows::new(Order::NewestFirst, 50, None);
            for places in all.chunks(cut) {
                let numbers: Vec<u64> = places.iter().map(|place| place.sequence).collect();
                rows.add(batch(&numbers), places);
            }
            let mut expected = all.clone();
            expected.sort_by_key(|place| std::cmp::Reverse(*place));
            expected.truncate(50);
            let (mut found, mut last) = (Vec::new(), 0);
            for (batch, places) in rows.into_batches(slice) {
                let slices: Vec<u64> = places.iter().map(|place| place.time / slice).collect();
                prop_assert!(slices.iter().all(|own| *own == slices[0] && *own >= last));
                last = slices[0];
                let numbers: Vec<u64> = places.iter().map(|place| place.sequence).collect();
                prop_assert_eq!(&batch.octets, &numbers);
                found.extend(places);
            }
            found.sort_by_key(|place| std::cmp::Reverse(*place));
            prop_assert_eq!(found, expected);
        }
    }

    proptest! {
        /// Rows are in the order in which they were received, whatever the batches they came in: files are made into others.
        #[test]
        fn the_order_of_batches_is_that_of_their_rows(
            times in proptest::collection::vec(0_u64..12, 1..60),
            kinds in proptest::collection::vec(0_usize..4, 60),
            slice in 1_u64..15,
        ) {
            let all: Vec<Place> =
                (1..).zip(&times).map(|(sequence, time)| Place { time: *time, sequence }).collect();
            let mut rows = Rows::new(Order::OldestFirst, 50, None);
            // What stands together in a file is what tells the same, so that files interleave.
            for kind in 0..4 {
                let own = all.iter().zip(&kinds).filter(|(_, own)| **own == kind);
                let own: Vec<Place> = own.map(|(place, _)| *place).collect();
                if !own.is_empty() {
                    let numbers: Vec<u64> = own.iter().map(|place| place.sequence).collect();
                    rows.add(batch(&numbers), &own);
                }
            }
            let mut expected = all;
            expected.sort();
            expected.truncate(50);
            let mut found = Vec::new();
            for (batch, places) in rows.in_order(slice) {
                prop_assert!(places.iter().all(|own| own.time / slice == places[0].time / slice));
                let numbers: Vec<u64> = places.iter().map(|place| place.sequence).collect();
                prop_assert_eq!(&batch.octets, &numbers);
                found.extend(places);
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut rows = Rows::new(Order::NewestFirst, 10, None);
        for sequence in 0..5000_u64 {
            rows.add(
                batch(&[1, 2]),
                &[0, 1].map(|row| Place { time: sequence, sequence: sequence * 2 + row }),
            );
        }
        assert!(rows.kept.len() <= 10 + 1024 && rows.batches.len() <= 10 + 1024);
        assert!(!rows.wants(Place { time: 3, sequence: 6 }));
        assert!(rows.wants(Place { time: 6000, sequence: 6 }));
    }
}
