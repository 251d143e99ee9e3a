//! Accounts of policies beside the detection, for `sensor replay --why`: collected from every batch, read at the end.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use sensor_core::{
    flow::{batch::FlowBatch, interfaces::Interfaces},
    policy::why::account::Account,
    sync::Unpoisoned as _,
};

/// Accounts of some policies; clones share them.
#[derive(Clone)]
pub struct WhyAccounts(Arc<Mutex<Vec<Account>>>);

impl fmt::Debug for WhyAccounts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("WhyAccounts").finish_non_exhaustive()
    }
}

impl WhyAccounts {
    /// Of these.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self(Arc::new(Mutex::new(accounts)))
    }

    /// Takes note of a batch.
    pub fn observe(&self, batch: &FlowBatch, interfaces: &Interfaces) {
        self.lock().iter_mut().for_each(|account| account.observe(batch, interfaces));
    }

    /// Lets time pass.
    pub fn advance(&self, now: u64) {
        self.lock().iter_mut().for_each(|account| account.advance(now));
    }

    /// Ends all incidents.
    pub fn finish(&self) {
        self.lock().iter_mut().for_each(Account::finish);
    }

    /// The accounts.
    pub fn lock(&self) -> MutexGuard<'_, Vec<Account>> {
        self.0.lock().unpoisoned()
    }
}
