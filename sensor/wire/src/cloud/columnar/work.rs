//! What reading a file may still cost: a few octets of it may ask for as much of each many times over, as pages that several columns
//! share, pages that turn out to be broken behind their last value but one, or a long text that every row has.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::fault::Fault;

/// How much of something may still come, for all who read a file together: octets that are read, decompressed, written out or
/// repeated; values.
#[derive(Clone, Debug)]
pub struct Work(Arc<AtomicU64>);

impl Work {
    /// So much.
    pub fn of(amount: u64) -> Self {
        Self(Arc::new(AtomicU64::new(amount)))
    }

    /// What has not been taken.
    pub fn left(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Takes what is going to be done.
    ///
    /// # Errors
    /// There is less.
    pub fn take(&self, amount: u64) -> Result<(), Fault> {
        let left = self.left().checked_sub(amount).ok_or(Fault::Repeated)?;
        self.0.store(left, Relaxed);
        Ok(())
    }

    /// Takes what has been done, whatever came of it.
    pub fn spend(&self, amount: usize) {
        self.0.store(self.left().saturating_sub(amount as u64), Relaxed);
    }
}
