//! Batches that outputs still read: their memory is written to again once the last of them is done.
//!
//! Outputs let go of a batch on their own threads, long after it was offered. Memory that is asked for anew for every batch,
//! and given back by another thread, costs more than decoding flows into it.

use std::sync::Arc;

use sensor_core::flow::batch::FlowBatch;

/// Batches that are watched: as many as outputs that keep up have at once.
const MOST: usize = 8;

/// Batches that outputs still read, or that nobody has asked for since, in the order in which they were offered.
#[derive(Debug, Default)]
pub struct LentBatches(Vec<Arc<FlowBatch>>);

impl LentBatches {
    /// Watches `batch`, and returns one that nobody reads any more, if there is one: that which was offered last, since more
    /// of it is in the processor's caches than of others. So no more are in use at a time than outputs need, although a slow
    /// moment of theirs has made more.
    pub fn exchange(&mut self, batch: Arc<FlowBatch>) -> Option<FlowBatch> {
        self.0.push(batch);
        let free = self.0.iter().rposition(|lent| Arc::strong_count(lent) == 1);
        let place = free.or((self.0.len() > MOST).then_some(0))?;
        Arc::into_inner(self.0.remove(place))
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
        let (one, other) = (batch(), batch());
        assert!(lent.exchange(one.clone()).is_none());
        assert!(lent.exchange(other.clone()).is_none(), "both are still read");
        drop(one);
        let third = batch();
        assert!(lent.exchange(third.clone()).is_some());
        assert!(lent.exchange(third.clone()).is_none(), "all are read");
        assert!(lent.exchange(batch()).is_some(), "nobody reads the one that is offered");
    }

    #[test]
    fn what_was_offered_last_comes_back_first() {
        let mut lent = LentBatches::default();
        let read: Vec<_> = (0..3).map(|_| batch()).collect();
        let memory: Vec<_> = read.iter().map(Arc::as_ptr).collect();
        for batch in &read {
            assert!(lent.exchange(batch.clone()).is_none());
        }
        drop(read);
        let own = batch();
        let reader = own.clone();
        assert!(lent.exchange(own).is_some());
        let left: Vec<_> = lent.0.iter().map(Arc::as_ptr).collect();
        assert_eq!(left, [memory[0], memory[1], Arc::as_ptr(&reader)]);
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
