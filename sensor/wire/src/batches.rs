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
        let mut spare = std::mem::take(&mut self.spare);
        for batch in self.each() {
            if batch.is_full() || all && !batch.is_empty() {
                batch.level();
                let place = spare.iter().position(|empty| {
                    empty.observed_by == batch.observed_by
                        && empty.ip_version() == batch.ip_version()
                });
                let empty = match (place, batch.ip_version()) {
                    (Some(place), _) => spare.swap_remove(place),
                    (None, 4) => FlowBatch::v4(batch.observed_by),
                    (None, _) => FlowBatch::v6(batch.observed_by),
                };
                sink(std::mem::replace(batch, empty));
            }
        }
        self.spare = spare;
    }

    /// Takes back a batch that nobody needs any more: the next one is written to its memory.
    pub fn give_back(&mut self, mut batch: FlowBatch) {
        if self.spare.len() < SPARE {
            batch.clear();
            self.spare.push(batch);
        }
    }
}
