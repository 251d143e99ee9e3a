//! Where decoded flows go: a batch for each kind of source and address family.

use sensor_core::flow::batch::{FlowBatch, Source};

/// One batch for each address family. While it is being filled, columns may be shorter than the batch: what they lack is
/// 0, and is put in when the batch is looked at.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(super) v4: FlowBatch,
    pub(super) v6: FlowBatch,
}

impl Pair {
    fn new(observed_by: Source) -> Self {
        Self { v4: FlowBatch::v4(observed_by), v6: FlowBatch::v6(observed_by) }
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
    /// All four: IPv4 and IPv6 of NetFlow and IPFIX, and of sFlow.
    pub fn all(&mut self) -> [&FlowBatch; 4] {
        self.each().map(|batch| {
            batch.level();
            &*batch
        })
    }

    fn each(&mut self) -> [&mut FlowBatch; 4] {
        let Self { netflow, sflow, .. } = self;
        [&mut netflow.v4, &mut netflow.v6, &mut sflow.v4, &mut sflow.v6]
    }

    /// Flows in them.
    pub fn rows(&self) -> usize {
        let pairs = [&self.netflow, &self.sflow];
        pairs.iter().map(|pair| pair.v4.len() + pair.v6.len()).sum()
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
        let is_due = |batch: &FlowBatch| batch.is_full() || all && !batch.is_empty();
        // Asked behind every datagram, and mostly none is.
        if !self.each().into_iter().any(|batch| is_due(batch)) {
            return;
        }
        let mut spare = std::mem::take(&mut self.spare);
        for batch in self.each() {
            if !is_due(batch) {
                continue;
            }
            batch.level();
            let nothing = match batch.ip_version() {
                4 => FlowBatch::v4(batch.observed_by),
                _ => FlowBatch::v6(batch.observed_by),
            };
            if let Some(mut back) = sink(std::mem::replace(batch, nothing)) {
                back.clear();
                spare.push(back);
            }
            let is_alike = |empty: &FlowBatch| {
                empty.observed_by == batch.observed_by && empty.ip_version() == batch.ip_version()
            };
            if let Some(place) = spare.iter().rposition(is_alike) {
                *batch = spare.remove(place);
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
        let rows = batches.each().into_iter().nth(number).expect("one of four");
        rows.packets.resize(10, 1);
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
        batches.netflow.v4.packets = vec![1];
        batches.exchange(true, |_| kept.take());
        batches.netflow.v6.packets = vec![1];
        batches.exchange(true, |_| None);
        assert_eq!(batches.netflow.v6.packets.as_ptr(), memory);
        assert_eq!((batches.rows(), batches.spare.len()), (0, 0));
        for _ in 0..3 * SPARE {
            batches.netflow.v4.packets = vec![1];
            batches.exchange(true, |_| Some(FlowBatch::v6(Source::Sflow)));
        }
        assert_eq!(batches.spare.len(), SPARE);
    }
}
