//! What became of every record: the accounts of the store. No I/O.
//!
//! ```text
//! offered            = stored + shed (by reason)
//! carried + stored   = sealed + in journals + expired + damaged
//! ```
//!
//! *Carried* is what was there when the store was opened.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a record was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Shed {
    /// The disk is full, or what the user may have of it.
    DiskFull,
    /// The system refused otherwise.
    Error,
    /// The queue in front of the store was full.
    Queue,
}

impl Shed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DiskFull, Self::Error, Self::Queue];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiskFull => "disk full",
            Self::Error => "error",
            Self::Queue => "queue full",
        }
    }
}

/// The accounts, in records.
#[derive(Debug, Default)]
pub struct Accounts {
    offered: AtomicU64,
    stored: AtomicU64,
    shed: [AtomicU64; Shed::ALL.len()],
    carried: AtomicU64,
    sealed: AtomicU64,
    journaled: AtomicU64,
    expired: AtomicU64,
    damaged: AtomicU64,
    /// Attempts to seal or to compact that failed and will be repeated.
    failures: AtomicU64,
}

/// The accounts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Offered to the store since it was opened.
    pub offered: u64,
    /// Of these, stored.
    pub stored: u64,
    /// Of these, not stored: by [`Shed::ALL`].
    pub shed: [u64; Shed::ALL.len()],
    /// There when the store was opened.
    pub carried: u64,
    /// In sealed files.
    pub sealed: u64,
    /// In journals.
    pub journaled: u64,
    /// Deleted because their time was over or their room was needed.
    pub expired: u64,
    /// In files that turned out to be damaged.
    pub damaged: u64,
    /// Attempts to seal or to compact that failed.
    pub failures: u64,
}

impl Statement {
    /// Whether both equations hold.
    pub fn is_balanced(&self) -> bool {
        let there = self.sealed + self.journaled + self.expired + self.damaged;
        self.offered == self.stored + self.shed.iter().sum::<u64>()
            && self.carried + self.stored == there
    }
}

impl Statement {
    /// That of a store that was opened anew, with what was stated of it `earlier`: as if it had been open all the time. Where something was done to its folder meanwhile,
    /// that counts as if it had been there, or not, from the beginning.
    #[must_use]
    pub fn after(self, earlier: &Self) -> Self {
        let held = earlier.sealed + earlier.journaled;
        Self {
            offered: earlier.offered + self.offered,
            stored: earlier.stored + self.stored,
            shed: std::array::from_fn(|why| earlier.shed[why] + self.shed[why]),
            carried: (earlier.carried + self.carried).saturating_sub(held),
            expired: earlier.expired + self.expired,
            damaged: earlier.damaged + self.damaged,
            failures: earlier.failures + self.failures,
            sealed: self.sealed,
            journaled: self.journaled,
        }
    }
}

impl Accounts {
    /// What was there at the start.
    pub fn carry(&self, sealed: u64, journaled: u64) {
        self.carried.fetch_add(sealed + journaled, Relaxed);
        self.sealed.fetch_add(sealed, Relaxed);
        self.journaled.fetch_add(journaled, Relaxed);
    }

    /// Records came into the journal.
    pub fn stored(&self, rows: u64) {
        self.offered.fetch_add(rows, Relaxed);
        self.stored.fetch_add(rows, Relaxed);
        self.journaled.fetch_add(rows, Relaxed);
    }

    /// Records were not stored.
    pub fn shed(&self, why: Shed, rows: u64) {
        self.offered.fetch_add(rows, Relaxed);
        self.shed[why as usize].fetch_add(rows, Relaxed);
    }

    /// Records of a journal were sealed.
    pub fn sealed(&self, rows: u64) {
        self.journaled.fetch_sub(rows, Relaxed);
        self.sealed.fetch_add(rows, Relaxed);
    }

    /// Sealed records were deleted.
    pub fn expired(&self, rows: u64) {
        self.sealed.fetch_sub(rows, Relaxed);
        self.expired.fetch_add(rows, Relaxed);
    }

    /// Sealed records cannot be read any more.
    pub fn damaged(&self, rows: u64) {
        self.sealed.fetch_sub(rows, Relaxed);
        self.damaged.fetch_add(rows, Relaxed);
    }

    /// Records of a journal cannot be read any more.
    pub fn journal_damaged(&self, rows: u64) {
        self.journaled.fetch_sub(rows, Relaxed);
        self.damaged.fetch_add(rows, Relaxed);
    }

    /// An attempt to seal or to compact failed.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// The accounts now. While others write, a record may be between two of them.
    pub fn statement(&self) -> Statement {
        let of = |own: &AtomicU64| own.load(Relaxed);
        Statement {
            offered: of(&self.offered),
            stored: of(&self.stored),
            shed: Shed::ALL.map(|why| of(&self.shed[why as usize])),
            carried: of(&self.carried),
            sealed: of(&self.sealed),
            journaled: of(&self.journaled),
            expired: of(&self.expired),
            damaged: of(&self.damaged),
            failures: of(&self.failures),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_somewhere() {
        let accounts = Accounts::default();
        assert!(accounts.statement().is_balanced());
        accounts.carry(10, 5);
        accounts.stored(7);
        accounts.shed(Shed::DiskFull, 3);
        accounts.shed(Shed::Queue, 2);
        accounts.sealed(9);
        accounts.expired(4);
        accounts.damaged(1);
        accounts.journal_damaged(1);
        let now = accounts.statement();
        assert!(now.is_balanced(), "{now:?}");
        assert_eq!((now.offered, now.stored, now.shed), (12, 7, [3, 0, 2]));
        assert_eq!((now.sealed, now.journaled, now.expired, now.damaged), (14, 2, 4, 2));
        let lost = Statement { sealed: 13, ..now };
        assert!(!lost.is_balanced());
        // The store is opened anew: its account goes on.
        let again = Accounts::default();
        again.carry(14, 2);
        again.stored(10);
        again.shed(Shed::Error, 1);
        again.expired(6);
        let all = again.statement().after(&now);
        assert!(all.is_balanced(), "{all:?}");
        assert_eq!((all.offered, all.stored, all.shed), (23, 17, [3, 1, 2]));
        assert_eq!((all.carried, all.expired, all.damaged), (15, 10, 2));
        assert_eq!((all.sealed, all.journaled), (8, 12));
    }
}
