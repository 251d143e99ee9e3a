//! Who looks at live flows: a few taps, each with a short queue of batches. The flow path never waits for one, and costs one
//! atomic load where there is none.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use sensor_core::{flow::batch::FlowBatch, sync::Unpoisoned as _};
use tokio::sync::mpsc::{self, error::TrySendError};

/// Taps at once.
pub const MOST: usize = 8;
/// Batches that wait for a tap.
const WAITING: usize = 16;

/// All taps.
#[derive(Default)]
pub struct Taps {
    /// How many there are, so that nobody looks for the lock in vain.
    open: AtomicUsize,
    taps: RwLock<Vec<Entry>>,
}

struct Entry {
    batches: mpsc::Sender<Arc<FlowBatch>>,
    missed: Arc<AtomicU64>,
}

/// Why there is no tap.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The query has faults; shown in full, over several lines.
    #[error("the query is invalid\n\n{0}")]
    Query(String),
    /// [`MOST`] are open.
    #[error("{MOST} taps are open already; close one first")]
    TooMany,
}

/// One tap; dropping it closes it.
pub struct Tap {
    batches: mpsc::Receiver<Arc<FlowBatch>>,
    missed: Arc<AtomicU64>,
    taps: Arc<Taps>,
}

impl Taps {
    /// Opens a tap; none when [`MOST`] are open.
    pub fn open(self: &Arc<Self>) -> Option<Tap> {
        let mut taps = self.taps.write().unpoisoned();
        if taps.len() >= MOST {
            return None;
        }
        let (batches, received) = mpsc::channel(WAITING);
        let missed = Arc::<AtomicU64>::default();
        taps.push(Entry { batches, missed: missed.clone() });
        self.open.store(taps.len(), Relaxed);
        Some(Tap { batches: received, missed, taps: self.clone() })
    }

    /// Whether anybody looks.
    pub fn are_open(&self) -> bool {
        self.open.load(Relaxed) > 0
    }

    /// Shows a batch to every tap that has room; the others miss it.
    pub fn offer(&self, batch: &Arc<FlowBatch>) {
        for tap in &*self.taps.read().unpoisoned() {
            if let Err(TrySendError::Full(batch)) = tap.batches.try_send(batch.clone()) {
                tap.missed.fetch_add(batch.len() as u64, Relaxed);
            }
        }
    }
}

impl Tap {
    /// The next batch; none once there are no more.
    pub async fn next(&mut self) -> Option<Arc<FlowBatch>> {
        self.batches.recv().await
    }

    /// Records that came too fast since the last call.
    pub fn take_missed(&self) -> u64 {
        self.missed.swap(0, Relaxed)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let mut taps = self.taps.taps.write().unpoisoned();
        taps.retain(|entry| !Arc::ptr_eq(&entry.missed, &self.missed));
        self.taps.open.store(taps.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::flow::testing;

    #[test]
    fn a_tap_that_is_slow_misses_batches_and_holds_nobody_up() {
        let taps = Arc::<Taps>::default();
        assert!(!taps.are_open());
        let mut slow = taps.open().expect("there is room");
        assert!(taps.are_open());
        let mut batch = testing::flow(1, 1_700_000_000_000, 1_700_000_001_000, 100);
        testing::push(&mut batch, 2, 1_700_000_000_000, 1_700_000_001_000, 100);
        let batch = Arc::new(batch);
        for _ in 0..WAITING + 2 {
            taps.offer(&batch);
        }
        assert_eq!((slow.take_missed(), slow.take_missed()), (4, 0));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let next = runtime.block_on(slow.next()).expect("the first waits");
        assert_eq!(next.len(), 2);
        drop(slow);
        assert!(!taps.are_open());
        taps.offer(&batch);
    }

    #[test]
    fn there_are_not_too_many() {
        let taps = Arc::<Taps>::default();
        let mut open: Vec<_> = (0..MOST).filter_map(|_| taps.open()).collect();
        assert_eq!(open.len(), MOST);
        assert!(taps.open().is_none());
        open.pop();
        assert!(taps.open().is_some());
    }
}
