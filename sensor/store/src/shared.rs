//! What both halves of a store share, and what others see of it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use sensor_core::sync::Unpoisoned as _;

use crate::{
    accounts::Accounts,
    error::Error,
    figures::{Figures, Held, JournalFigures},
    folder::{Folder, Lock},
    gaps::{Gap, gaps},
    journal::{Sync, reader::Journal},
    names::SegmentName,
    plan::Retention,
};

/// Sealed files and their octets.
pub type Sealed = Vec<(SegmentName, u64)>;

/// How a store is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Records of a file.
    pub segment_rows: u64,
    /// Milliseconds after which a journal is sealed, however few records it has.
    pub segment_age: u64,
    /// When journals are made to outlast a failure of the machine.
    pub sync: Sync,
    /// How long files are kept.
    pub retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_rows: 1_000_000,
            segment_age: 300_000,
            sync: Sync::Every(1000),
            retention: Retention::default(),
        }
    }
}

/// A journal that is to be sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full {
    /// The numbers of its first record, and of the one behind its last.
    pub sequence: (u64, u64),
    /// What is known of the file.
    pub figures: JournalFigures,
}

/// The journals that there are.
#[derive(Debug, Default)]
pub(crate) struct Journals {
    /// The one that is being written, if it has records.
    pub open: Option<JournalFigures>,
    /// Those that are to be sealed, the oldest first.
    pub full: VecDeque<Full>,
}

/// What both halves share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub folder: Folder,
    pub options: Options,
    pub accounts: Accounts,
    pub figures: Mutex<Figures>,
    journals: Mutex<Journals>,
    /// The number that the next record gets.
    pub next: AtomicU64,
    /// Room would help the half that appends.
    pub is_pressed: AtomicBool,
    /// Nothing more is to be begun.
    pub is_ending: AtomicBool,
    _lock: Lock,
}

impl Shared {
    /// A store of which these journals are full and the next record gets the number `next`.
    pub fn new(
        (folder, lock): (Folder, Lock),
        options: Options,
        (accounts, figures): (Accounts, Figures),
        (full, next): (VecDeque<Full>, u64),
    ) -> Self {
        Self {
            folder,
            options,
            accounts,
            figures: Mutex::new(figures),
            journals: Mutex::new(Journals { open: None, full }),
            next: AtomicU64::new(next),
            is_pressed: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            _lock: lock,
        }
    }

    pub fn journals(&self) -> MutexGuard<'_, Journals> {
        self.journals.lock().unpoisoned()
    }

    /// The sealed files and their octets, and what is missing between them and the journals that are to be sealed.
    pub fn look(&self) -> Result<(Sealed, Vec<Gap>), Error> {
        // These first: one that is sealed meanwhile is found twice, and not nowhere.
        let full: Vec<Full> = self.journals().full.iter().copied().collect();
        let segments = self.folder.segments()?;
        let journal = |Full { sequence: (first, next), figures }: &Full| SegmentName {
            first: *first,
            last: next - 1,
            from: figures.begun,
            to: figures.begun,
        };
        let held: Vec<_> =
            segments.iter().map(|(own, _)| *own).chain(full.iter().map(journal)).collect();
        let found = gaps(&held, &self.folder.expired()?, self.folder.sequence()?);
        Ok((segments, found))
    }

    pub fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unpoisoned()
    }
}

/// A view of a store that is written to, for whoever watches it.
#[derive(Clone, Debug)]
pub struct Watched(pub(crate) Arc<Shared>);

impl Watched {
    /// The accounts of the store.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// What it holds, and what was done.
    pub fn figures(&self) -> (Figures, Held) {
        let figures = *self.0.figures();
        let journals = self.0.journals();
        let all = journals.full.iter().map(|full| full.figures).chain(journals.open);
        let held = all.fold(Held::default(), |held, journal| held.and(journal));
        (figures, held)
    }

    /// The number that the next record gets.
    pub fn next(&self) -> u64 {
        self.0.next.load(Relaxed)
    }

    /// Lets the keeper begin nothing more: what is left is done at the next start.
    pub fn end(&self) {
        self.0.is_ending.store(true, Relaxed);
    }
}

/// What the name of the file that a journal becomes says, and its records; none where it has no records.
pub(crate) fn named(journal: &Journal) -> Option<(SegmentName, u64)> {
    let ((first, next), (from, to)) = (journal.sequence()?, journal.received()?);
    Some((SegmentName { first, last: next - 1, from, to }, next - first))
}
