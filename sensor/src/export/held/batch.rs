//! A batch that is held: finished, and never changed again.

use sensor_core::flow::batch::FlowBatch;

/// A batch that is held.
#[derive(Debug)]
pub struct Held {
    /// Its records.
    pub batch: FlowBatch,
    /// The number of the first: no other record of the ring has it or that of one behind it.
    pub first: u64,
    /// When the first and the last of them were received, milliseconds since the epoch.
    pub received: (u64, u64),
}

impl Held {
    /// Of a batch that the outputs were offered; its numbers begin at `first`.
    pub fn new(batch: FlowBatch, first: u64) -> Self {
        let mut held = Self { batch, first, received: (0, 0) };
        let times = (0..held.batch.len()).map(|row| held.time(row));
        let (least, most) = (times.clone().min(), times.max());
        held.received = least.zip(most).unwrap_or((held.batch.offered, held.batch.offered));
        held
    }

    /// When a record was received: as its source tells, or else when the outputs were offered it. The flow store says the same.
    #[inline]
    pub fn time(&self, row: usize) -> u64 {
        self.batch.received.get(row).copied().unwrap_or(self.batch.offered)
    }
}
