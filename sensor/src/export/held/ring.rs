//! What is held: the newest batches, finished and never changed again. A reader takes them along by their counters, and holds up nobody.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use sensor_core::{flow::batch::FlowBatch, sync::Unpoisoned as _};

use super::{batch::Held, snapshot::Snapshot};

/// Batches that are held, at most: where few flows end at a time, each batch has few records, and costs more than these.
const MOST_BATCHES: usize = 8192;

/// The number of the first record: none that is stored has one so large.
pub const FIRST: u64 = 1 << 63;

/// The newest records, at most so many.
#[derive(Debug)]
pub struct Ring {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    most: u64,
    batches: VecDeque<Arc<Held>>,
    records: u64,
    /// All that was received from then on is here.
    whole_from: u64,
    /// The number of the next record.
    next: u64,
}

impl Ring {
    /// For at most `most` records; it is `now` now, milliseconds since the epoch.
    pub fn new(most: u64, now: u64) -> Self {
        let batches = VecDeque::new();
        let state = State { most, batches, records: 0, whole_from: now, next: FIRST };
        Self { state: Mutex::new(state) }
    }

    /// Holds at most `most` records from now on.
    pub fn set_most(&self, most: u64) {
        let mut gone = Vec::new();
        let mut state = self.state.lock().unpoisoned();
        state.most = most;
        state.cut(&mut gone);
    }

    /// Records that it has room for.
    pub fn most(&self) -> u64 {
        self.state.lock().unpoisoned().most
    }

    /// Takes a batch; the oldest make room for it.
    pub fn push(&self, batch: FlowBatch) {
        if batch.is_empty() {
            return;
        }
        // Freed behind the lock.
        let mut gone = Vec::new();
        let held = Held::new(batch, 0);
        let mut state = self.state.lock().unpoisoned();
        let first = state.next;
        state.next += held.batch.len() as u64;
        state.records += held.batch.len() as u64;
        state.batches.push_back(Arc::new(Held { first, ..held }));
        state.cut(&mut gone);
        drop(state);
    }

    /// Says that a record is lacking that was received then.
    pub fn lacks(&self, time: u64) {
        let mut state = self.state.lock().unpoisoned();
        state.whole_from = state.whole_from.max(time.saturating_add(1));
    }

    /// What is held now.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state.lock().unpoisoned();
        let batches: Vec<Arc<Held>> = state.batches.iter().cloned().collect();
        let whole_from = state.whole_from;
        drop(state);
        Snapshot::new(batches, whole_from)
    }
}

impl State {
    fn cut(&mut self, gone: &mut Vec<Arc<Held>>) {
        while (self.records > self.most || self.batches.len() > MOST_BATCHES)
            && self.batches.len() > 1
            && let Some(oldest) = self.batches.pop_front()
        {
            self.records -= oldest.batch.len() as u64;
            self.whole_from = self.whole_from.max(oldest.received.1.saturating_add(1));
            gone.push(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use sensor_core::{
        flow::testing,
        hunt::archive::{Archive as _, Records, Wanted},
    };

    use super::*;

    fn batch(hosts: std::ops::Range<u16>, offered: u64) -> FlowBatch {
        let mut batch = FlowBatch::v4(sensor_core::flow::batch::Source::Host);
        hosts.for_each(|host| testing::push(&mut batch, host, 1, 2, 100));
        batch.offered = offered;
        batch
    }

    fn numbers(snapshot: &Snapshot) -> Vec<(u64, u64)> {
        let Ok(file) = snapshot.open(0) else { return Vec::new() };
        let mut found = Vec::new();
        for piece in 0..file.pieces().len() {
            let mut scan = file.scan(piece).unwrap();
            let mut records =
                Records { batch: batch(0..0, 0), received: Vec::new(), sequence: Vec::new() };
            while scan.advance(&mut records) > 0 {
                let wanted = Wanted { received: true, sequence: true, ..Wanted::default() };
                scan.read(wanted, None, &mut records).unwrap();
                found.extend(
                    records
                        .received
                        .iter()
                        .copied()
                        .zip(records.sequence.iter().map(|n| n - FIRST)),
                );
            }
        }
        found
    }

    #[test]
    fn the_oldest_make_room_and_what_is_whole_follows() {
        let ring = Ring::new(4, 1000);
        assert_eq!(ring.snapshot().whole_from(), 1000);
        ring.push(batch(0..2, 1010));
        ring.push(batch(0..2, 1020));
        let early = ring.snapshot();
        assert_eq!((early.records(), early.whole_from()), (4, 1000));
        ring.push(batch(0..1, 1030));
        let late = ring.snapshot();
        assert_eq!((late.records(), late.whole_from()), (3, 1011));
        assert_eq!(numbers(&late), [(1020, 2), (1020, 3), (1030, 4)]);
        // Whoever has it still reads what has gone since.
        assert_eq!(numbers(&early).first(), Some(&(1010, 0)));
        // One that is larger than the ring is held all the same: it is what came last.
        ring.push(batch(0..9, 1040));
        let large = ring.snapshot();
        assert_eq!((large.records(), large.whole_from()), (9, 1031));
        ring.push(batch(0..0, 1050));
        ring.lacks(1060);
        assert_eq!((ring.snapshot().records(), ring.snapshot().whole_from()), (9, 1061));
    }

    #[test]
    fn a_source_that_tells_the_time_is_believed() {
        let mut told = batch(0..3, 5000);
        told.received = vec![4990, 4980, 4985];
        let held = Held::new(told, 1);
        assert_eq!((held.received, held.time(1)), ((4980, 4990), 4980));
    }

    #[test]
    fn small_batches_are_bounded_too() {
        let ring = Ring::new(1_000_000, 0);
        (0..MOST_BATCHES as u64 + 3).for_each(|time| ring.push(batch(0..1, time)));
        let snapshot = ring.snapshot();
        assert_eq!((snapshot.records(), snapshot.whole_from()), (MOST_BATCHES as u64, 3));
    }
}
