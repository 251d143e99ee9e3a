//! The thread that seals journals, compacts files and deletes those whose time is over.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use sensor_store::store::{Keeper, Work};

use super::trouble::{Trouble, text};
use crate::clock;

/// What its trouble leads to.
pub const TROUBLE: &str = "cannot keep the flow store in order: records stay in its journals, or stay longer than they should, until that is over";

/// Between two looks at what is to be done.
const TICK: Duration = Duration::from_secs(1);
/// The same after something went wrong: an attempt to seal reads and writes a whole file.
const RETRY: Duration = Duration::from_secs(10);

/// The thread, and what it works with.
pub struct KeeperThread {
    pub name: String,
    pub keeper: Keeper,
    pub trouble: Arc<Trouble>,
    /// Nothing comes from it; its other end is dropped when the thread is to end.
    pub ended: Receiver<()>,
}

impl KeeperThread {
    /// Works until it is to end.
    pub fn run(mut self) {
        let mut wait = Duration::ZERO;
        while self.ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let work = self.keeper.work(clock::now());
            wait = if work.errors.is_empty() { TICK } else { RETRY };
            self.tell(&work);
        }
    }

    fn tell(&self, work: &Work) {
        let Work { sealed, compacted, expired, expired_octets, damaged: _, errors } = work;
        if *sealed > 0 || *compacted > 0 {
            tracing::debug!(store = %self.name, sealed, compacted, "sealed journals, compacted files");
        }
        if *expired > 0 {
            tracing::info!(store = %self.name, files = expired, octets = expired_octets, "deleted: limit of kept records reached");
        }
        // What is damaged was put aside, and is not met again.
        for error in errors.iter().filter(|error| error.is_damage()) {
            tracing::error!(store = %self.name, error = text(error), "a damaged file was put aside, as NAME.damaged");
        }
        self.trouble.note(errors.iter().find(|error| !error.is_damage()));
    }
}
