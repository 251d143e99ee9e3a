//! Where decoded flows go: a batch for each kind of source, address family, and set of columns that is told.
//!
//! Some columns are told in all rows of a batch or in none ([`Column::TOLD_BY_BATCH`]), and templates differ in them: so a batch
//! is open for each set of columns that records leave out. It costs a comparison a set of records.

use sensor_core::flow::{
    batch::{FlowBatch, Source},
    columns::Column,
};

/// The batches of one address family that are being filled. While that lasts, columns may be shorter than the batch: what they
/// lack is 0, and is put in when the batch is looked at.
#[derive(Clone, Debug)]
pub struct Open {
    /// At least one; the one that was filled last is at `last`.
    all: Vec<Filling>,
    last: usize,
    /// What had to make room for others.
    ready: Vec<FlowBatch>,
    /// How often another batch was turned to, and how many have been opened.
    turns: u64,
    opened: u64,
}

/// A batch that is being filled.
#[derive(Clone, Debug)]
struct Filling {
    batch: FlowBatch,
    /// The columns of [`Column::TOLD_BY_BATCH`] that its rows do not tell.
    untold: u128,
    /// When it was last turned to.
    turn: u64,
    /// Its number among all that have been opened.
    number: u64,
}

/// Batches that are open at a time, for as many sets of columns: routers of one network differ in few.
const MOST_OPEN: usize = 16;

impl Open {
    fn new(batch: FlowBatch) -> Self {
        let first = Filling { batch, untold: 0, turn: 0, number: 0 };
        Self { all: vec![first], last: 0, ready: Vec::new(), turns: 0, opened: 1 }
    }

    /// The batch for rows that do not tell the columns `untold`, of those of [`Column::TOLD_BY_BATCH`].
    #[inline(always)]
    pub fn of(&mut self, untold: u128) -> &mut FlowBatch {
        if self.all[self.last].untold != untold {
            self.turn_to(untold);
        }
        &mut self.all[self.last].batch
    }

    #[cold]
    fn turn_to(&mut self, untold: u128) {
        self.turns += 1;
        let all = &mut self.all;
        let known = all.iter().position(|filling| filling.untold == untold);
        let place = known.or_else(|| all.iter().position(|filling| filling.batch.is_empty()));
        self.last = match place {
            Some(place) => place,
            None if all.len() < MOST_OPEN => {
                let batch = empty(&all[0].batch);
                all.push(Filling { batch, untold, turn: 0, number: self.opened });
                self.opened += 1;
                all.len() - 1
            }
            None => {
                let oldest = all.iter().enumerate().min_by_key(|(_, filling)| filling.turn);
                oldest.map_or(0, |(place, _)| place)
            }
        };
        let filling = &mut self.all[self.last];
        if filling.untold != untold && !filling.batch.is_empty() {
            self.ready.push(filling.renew());
        }
        let filling = &mut self.all[self.last];
        if filling.batch.is_empty() {
            filling.number = self.opened;
            self.opened += 1;
        }
        filling.turn = self.turns;
        filling.untold = untold;
        filling.batch.untold = untold & Column::UNTELLABLE;
    }

    /// Puts the batch that was turned to last among those that are ready.
    #[cold]
    pub fn close_last(&mut self) {
        let filling = &mut self.all[self.last];
        if !filling.batch.is_empty() {
            self.ready.push(filling.renew());
            filling.number = self.opened;
            self.opened += 1;
        }
    }

    /// Number and rows of each batch that is open.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (u64, usize)> {
        self.all.iter().map(|filling| (filling.number, filling.batch.len()))
    }

    fn rows(&self) -> usize {
        let open: usize = self.all.iter().map(|filling| filling.batch.len()).sum();
        open + self.ready.iter().map(FlowBatch::len).sum::<usize>()
    }

    fn is_due(&self, all: bool) -> bool {
        let is_due = |batch: &FlowBatch| batch.is_full() || all && !batch.is_empty();
        !self.ready.is_empty() || self.all.iter().any(|filling| is_due(&filling.batch))
    }
}

impl Filling {
    /// Makes the batch one that can be looked at, and leaves an empty one.
    fn renew(&mut self) -> FlowBatch {
        self.batch.level();
        let mut next = empty(&self.batch);
        next.untold = self.batch.untold;
        std::mem::replace(&mut self.batch, next)
    }
}

/// An empty batch of the same family and source.
fn empty(batch: &FlowBatch) -> FlowBatch {
    match batch.ip_version() {
        4 => FlowBatch::v4(batch.observed_by),
        _ => FlowBatch::v6(batch.observed_by),
    }
}

/// The open batches of both address families.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(super) v4: Open,
    pub(super) v6: Open,
}

impl Pair {
    fn new(observed_by: Source) -> Self {
        Self {
            v4: Open::new(FlowBatch::v4(observed_by)),
            v6: Open::new(FlowBatch::v6(observed_by)),
        }
    }
}

/// Decoded flows, until somebody takes them.
#[derive(Clone, Debug)]
pub struct Batches {
    /// NetFlow and IPFIX.
    pub(super) netflow: Pair,
    /// sFlow.
    pub(super) sflow: Pair,
    spare: Vec<FlowBatch>,
}

impl Default for Batches {
    fn default() -> Self {
        Self {
            netflow: Pair::new(Source::NetFlow),
            sflow: Pair::new(Source::Sflow),
            spare: Vec::new(),
        }
    }
}

/// Batches whose memory waits to be used again.
const SPARE: usize = 8;

impl Batches {
    /// Those that were filled last: IPv4 and IPv6 of NetFlow and IPFIX, and of sFlow.
    pub fn last(&mut self) -> [&FlowBatch; 4] {
        self.each().map(|open| {
            let batch = &mut open.all[open.last].batch;
            batch.level();
            &*batch
        })
    }

    /// All that hold anything, those of NetFlow and IPFIX first.
    pub fn all(&mut self) -> Vec<&FlowBatch> {
        self.level();
        let Self { netflow, sflow, .. } = self;
        let open = [&netflow.v4, &netflow.v6, &sflow.v4, &sflow.v6];
        let all = open.into_iter().flat_map(|open| {
            open.ready.iter().chain(open.all.iter().map(|filling| &filling.batch))
        });
        all.filter(|batch| !batch.is_empty()).collect()
    }

    /// The batch of NetFlow and IPFIX of this number, of IPv6 or IPv4; none where it is not open any more.
    pub fn find(&self, v6: bool, number: u64) -> Option<&FlowBatch> {
        let open = if v6 { &self.netflow.v6 } else { &self.netflow.v4 };
        let filling = open.all.iter().find(|filling| filling.number == number)?;
        Some(&filling.batch)
    }

    /// Makes all that are open such as can be looked at.
    pub fn level(&mut self) {
        let open = self.each().into_iter().flat_map(|open| &mut open.all);
        open.for_each(|filling| filling.batch.level());
    }

    fn each(&mut self) -> [&mut Open; 4] {
        let Self { netflow, sflow, .. } = self;
        [&mut netflow.v4, &mut netflow.v6, &mut sflow.v4, &mut sflow.v6]
    }

    /// Flows in them.
    pub fn rows(&self) -> usize {
        let pairs = [&self.netflow, &self.sflow];
        pairs.iter().map(|pair| pair.v4.rows() + pair.v6.rows()).sum()
    }

    /// Hands the batches that are full to `sink`, with `all` those that hold anything, and leaves empty ones.
    pub fn take(&mut self, all: bool, mut sink: impl FnMut(FlowBatch)) {
        self.exchange(all, |batch| {
            sink(batch);
            None
        });
    }

    /// As [`Batches::take`]; `sink` gives a batch back that nobody needs any more, this or an earlier one. The next flows are
    /// written to its memory, of which more is in the processor's caches than of any that has waited.
    pub fn exchange(&mut self, all: bool, mut sink: impl FnMut(FlowBatch) -> Option<FlowBatch>) {
        // Asked behind every datagram, and mostly none is.
        if !self.each().into_iter().any(|open| open.is_due(all)) {
            return;
        }
        let mut spare = std::mem::take(&mut self.spare);
        let mut hand_on = |batch: FlowBatch, spare: &mut Vec<FlowBatch>| {
            if let Some(mut back) = sink(batch) {
                back.clear();
                spare.push(back);
            }
        };
        for open in self.each().into_iter().filter(|open| open.is_due(all)) {
            for batch in open.ready.drain(..) {
                hand_on(batch, &mut spare);
            }
            for filling in &mut open.all {
                let is_due = filling.batch.is_full() || all && !filling.batch.is_empty();
                if !is_due {
                    continue;
                }
                hand_on(filling.renew(), &mut spare);
                let batch = &mut filling.batch;
                let is_alike = |empty: &FlowBatch| {
                    empty.observed_by == batch.observed_by
                        && empty.ip_version() == batch.ip_version()
                };
                if let Some(place) = spare.iter().rposition(is_alike) {
                    let untold = batch.untold;
                    *batch = spare.remove(place);
                    batch.untold = untold;
                }
            }
        }
        // Of what there is too much, the oldest goes.
        spare.drain(..spare.len().saturating_sub(SPARE));
        self.spare = spare;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills the batches of a kind that `number` says, and gives the memory of what comes out back, as far as `back` says.
    fn pass(batches: &mut Batches, number: usize, back: bool) -> *const u64 {
        let open = batches.each().into_iter().nth(number).expect("one of four");
        open.of(0).packets.resize(10, 1);
        let mut memory = std::ptr::null();
        batches.exchange(true, |batch| {
            assert_eq!(batch.len(), 10);
            memory = batch.packets.as_ptr();
            back.then_some(batch)
        });
        assert_eq!(batches.rows(), 0);
        memory
    }

    #[test]
    fn the_memory_that_comes_back_is_written_to_next() {
        let mut batches = Batches::default();
        for number in 0..4 {
            let first = pass(&mut batches, number, true);
            assert_eq!(pass(&mut batches, number, true), first, "kind {number}");
            assert_eq!(pass(&mut batches, number, false), first, "kind {number}");
        }
    }

    #[test]
    fn batches_of_other_kinds_wait_for_their_turn_and_the_oldest_of_too_many_go() {
        let mut batches = Batches::default();
        let kept = FlowBatch { packets: vec![1; 64], ..FlowBatch::v6(Source::NetFlow) };
        let memory = kept.packets.as_ptr();
        let mut kept = Some(kept);
        batches.netflow.v4.of(0).packets = vec![1];
        batches.exchange(true, |_| kept.take());
        batches.netflow.v6.of(0).packets = vec![1];
        batches.exchange(true, |_| None);
        assert_eq!(batches.netflow.v6.of(0).packets.as_ptr(), memory);
        assert_eq!((batches.rows(), batches.spare.len()), (0, 0));
        for _ in 0..3 * SPARE {
            batches.netflow.v4.of(0).packets = vec![1];
            batches.exchange(true, |_| Some(FlowBatch::v6(Source::Sflow)));
        }
        assert_eq!(batches.spare.len(), SPARE);
    }

    #[test]
    fn rows_of_other_columns_have_batches_of_their_own_and_the_oldest_makes_room() {
        let mut batches = Batches::default();
        let all = Column::TOLD_BY_BATCH;
        let sets: Vec<u128> = (0..128)
            .map(|bit| 1_u128 << bit)
            .filter(|bit| all & bit != 0)
            .chain([0, all])
            .chain([Column::PORTS])
            .collect();
        assert!(sets.len() > MOST_OPEN, "{}", sets.len());
        // In turns, as long as there is room.
        for _ in 0..3 {
            for untold in &sets[..MOST_OPEN] {
                let batch = batches.netflow.v4.of(*untold);
                assert_eq!(batch.untold, untold & Column::UNTELLABLE);
                batch.packets.push(1);
            }
        }
        assert!(batches.netflow.v4.ready.is_empty());
        let number = batches.netflow.v4.lengths().next().expect("a batch").0;
        assert_eq!(batches.find(false, number).map(FlowBatch::len), Some(3));
        for untold in &sets[MOST_OPEN..] {
            batches.netflow.v4.of(*untold).packets.push(2);
        }
        assert_eq!(batches.find(false, number).map(FlowBatch::len), None);
        assert_eq!(batches.rows(), 3 * MOST_OPEN + sets.len() - MOST_OPEN);
        let mut found = Vec::new();
        batches.take(true, |batch| found.push((batch.untold, batch.packets)));
        let expected = sets.iter().enumerate().map(|(at, untold)| {
            let rows = if at < MOST_OPEN { vec![1; 3] } else { vec![2] };
            (untold & Column::UNTELLABLE, rows)
        });
        let mut expected: Vec<_> = expected.collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(batches.rows(), 0);
    }
}
