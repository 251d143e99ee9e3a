//! How far a question is, and what was read to answer it.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::sync::Unpoisoned as _;

/// How far a question is: written by the threads that answer it, read by whoever shows it, and may stop it.
#[derive(Debug, Default)]
pub struct Progress {
    cancelled: AtomicBool,
    /// Records in files whose time may be the right one.
    pub rows: AtomicU64,
    /// Of these, records that are done with: looked at, or left out unseen.
    pub rows_done: AtomicU64,
    /// Records that fulfil the query, so far.
    pub matched: AtomicU64,
    pub(super) counts: Counts,
    pub(super) faults: Mutex<Faults>,
}

impl Progress {
    /// Ends the question soon; it is answered from what was read until then.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Whether somebody did.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(super) struct Counts { $(pub(super) $name: AtomicU64,)* }

        /// What was read to answer a question, and what was not.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Account {
            $($(#[$doc])* pub $name: u64,)*
            /// Why the answer lacks something; none where it is whole.
            pub partial: Option<Partial>,
            /// What could not be read, as texts: the first [`MOST_FAULTS`].
            pub faults: Vec<String>,
            /// How many there were.
            pub faults_in_all: u64,
        }

        impl Progress {
            /// What was read so far.
            pub fn account(&self) -> Account {
                let faults = self.faults.lock().unpoisoned();
                let partial = match (self.is_cancelled(), faults.in_all) {
                    (true, _) => Some(Partial::Cancelled),
                    (false, 0) => None,
                    (false, _) => Some(Partial::Faults),
                };
                Account {
                    $($name: self.counts.$name.load(Relaxed),)*
                    partial,
                    faults: faults.first.clone(),
                    faults_in_all: faults.in_all,
                }
            }
        }
    };
}

counts! {
    /// Files that there are.
    files,
    /// Files that were not opened: their time is another.
    files_by_time,
    /// Files that were not there any more.
    files_gone,
    /// Pieces of the files that were opened.
    pieces,
    /// Pieces that were not read: their time is another.
    by_time,
    /// Pieces that were not read: the least and the greatest values of their columns leave no match.
    by_statistics,
    /// Pieces that were not read: the filters of their addresses leave no match.
    by_filter,
    /// Pieces that were not read: none of their rows comes before those that were found already.
    by_order,
    /// Pieces that were read.
    read,
    /// Of these, pieces all of whose rows match, as their bounds say.
    read_unasked,
    /// Rows of the pieces that were read.
    rows,
    /// Rows that match.
    matched,
    /// Octets that were read, as they are stored.
    octets,
}

/// Why an answer lacks something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// It was stopped.
    Cancelled,
    /// Something could not be read.
    Faults,
}

/// Faults that are told, at most.
pub const MOST_FAULTS: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Vec<String>,
    in_all: u64,
}

impl Faults {
    pub(super) fn add(&mut self, fault: String) {
        self.in_all += 1;
        if self.first.len() < MOST_FAULTS {
            self.first.push(fault);
        }
    }
}
