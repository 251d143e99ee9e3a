//! Where decoded flows go: a batch for each kind of source and address family.

use crate::flow::batch::{FlowBatch, Source};

/// One batch for each address family.
#[derive(Clone, Debug)]
pub struct Pair {
    /// IPv4.
    pub v4: FlowBatch,
    /// IPv6.
    pub v6: FlowBatch,
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
    pub netflow: Pair,
    /// sFlow.
    pub sflow: Pair,
}

impl Default for Batches {
    fn default() -> Self {
        Self { netflow: Pair::new(Source::NetFlow), sflow: Pair::new(Source::Sflow) }
    }
}

impl Batches {
    /// All four.
    pub fn all(&self) -> [&FlowBatch; 4] {
        [&self.netflow.v4, &self.netflow.v6, &self.sflow.v4, &self.sflow.v6]
    }

    /// All four.
    pub fn all_mut(&mut self) -> [&mut FlowBatch; 4] {
        [&mut self.netflow.v4, &mut self.netflow.v6, &mut self.sflow.v4, &mut self.sflow.v6]
    }

    /// Flows in them.
    pub fn rows(&self) -> usize {
        self.all().iter().map(|batch| batch.len()).sum()
    }

    /// Hands the batches that are full to `sink`, with `all` those that hold anything, and leaves empty ones.
    pub fn take(&mut self, all: bool, mut sink: impl FnMut(FlowBatch)) {
        for batch in self.all_mut() {
            if batch.is_full() || all && !batch.is_empty() {
                let empty = match batch.ip_version() {
                    4 => FlowBatch::v4(batch.observed_by),
                    _ => FlowBatch::v6(batch.observed_by),
                };
                sink(std::mem::replace(batch, empty));
            }
        }
    }
}
