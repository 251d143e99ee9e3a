//! What goes from thread to thread, and where it comes out.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::{
    flow::{batch::FlowBatch, interfaces::Interfaces},
    policy::{alert::Alert, detector::Clocked},
    sync::Unpoisoned as _,
};

/// Takes what comes out, on whichever thread finished it, in order. Where sources do the work themselves, several may hand
/// their batches on at a time.
pub trait Output: Send + Sync + 'static {
    /// Takes an event.
    fn event(&self, event: Alert);
    /// Takes a batch, behind its events; gives back one that nobody needs any more, this or an earlier one.
    fn batch(&self, batch: FlowBatch) -> Option<FlowBatch>;
}

/// A batch on its way through the shards.
pub(super) struct Stage {
    pub(super) batch: FlowBatch,
    pub(super) interfaces: Arc<Interfaces>,
    pub(super) clocked: Clocked,
}

/// A worker has ended by itself.
pub(super) struct Gone;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unpoisoned()
}
