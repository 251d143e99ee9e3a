//! Batches that outputs still read: their memory is written to again once the last of them is done.
//!
//! Outputs let go of a batch on their own threads, long after it was offered. Memory that is asked for anew for every batch,
//! and given back by another thread, costs more than decoding flows into it.

use std::{collections::VecDeque, sync::Arc};

use sensor_core::flow::batch::FlowBatch;

/// Batches that are watched: as many as outputs that keep up have at once.
const MOST: usize = 8;

/// Batches that outputs still read, the oldest first.
#[derive(Debug, Default)]
pub struct LentBatches(VecDeque<Arc<FlowBatch>>);

impl LentBatches {
    /// Watches `batch`, and returns one that nobody reads any more, if there is one.
    pub fn exchange(&mut self, batch: Arc<FlowBatch>) -> Option<FlowBatch> {
        self.0.push_back(batch);
        let is_free = self.0.front().is_some_and(|oldest| Arc::strong_count(oldest) == 1);
        if is_free || self.0.len() > MOST {
            self.0.pop_front().and_then(Arc::into_inner)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::flow::batch::Source;

    fn batch() -> Arc<FlowBatch> {
        Arc::new(FlowBatch::v4(Source::NetFlow))
    }

    #[test]
    fn a_batch_comes_back_when_nobody_reads_it() {
        let mut lent = LentBatches::default();
        let read = batch();
        assert!(lent.exchange(read.clone()).is_none());
        assert!(lent.exchange(batch()).is_none(), "the older one is still read");
        drop(read);
        assert!(lent.exchange(batch()).is_some());
        assert!(lent.exchange(batch()).is_some());
    }

    #[test]
    fn batches_that_are_read_for_long_are_not_watched_for_ever() {
        let mut lent = LentBatches::default();
        let all: Vec<_> = (0..100).map(|_| batch()).collect();
        for batch in &all {
            assert!(lent.exchange(batch.clone()).is_none());
        }
        assert_eq!(lent.0.len(), MOST);
    }
}
