//! What a reload has replaced while batches on their way still use it: kept until they do no more.
//!
//! Freeing tables of many labels takes milliseconds. Without this, whoever happened to hold the last share would pay for it:
//! a thread that flows wait for.

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use sensor_core::sync::Unpoisoned as _;

type Share = Arc<dyn Any + Send + Sync>;

/// Shares of things that are out of use.
#[derive(Default)]
pub struct Leftovers(Mutex<Vec<Share>>);

impl Leftovers {
    /// Keeps a share, so that no other is the last one.
    pub fn keep(&self, share: Share) {
        self.0.lock().unpoisoned().push(share);
    }

    /// Frees what nobody else has a share of.
    pub fn sweep(&self) {
        let mut shares = self.0.lock().unpoisoned();
        let free: Vec<Share> =
            shares.extract_if(.., |share| Arc::strong_count(share) == 1).collect();
        drop(shares);
        drop(free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_used_stays() {
        let (leftovers, used) = (Leftovers::default(), Arc::new(1));
        leftovers.keep(used.clone());
        leftovers.keep(Arc::new("free"));
        leftovers.sweep();
        assert_eq!(Arc::strong_count(&used), 2);
        drop(used);
        leftovers.sweep();
        assert!(leftovers.0.lock().is_ok_and(|shares| shares.is_empty()));
    }
}
