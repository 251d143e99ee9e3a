//! The two halves of a store that is written to: one appends, the other seals, compacts and deletes. Each may have a thread of its own.

use std::{
    collections::VecDeque,
    path::Path,
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
    journal::{Sync, reader::Journal},
    names::SegmentName,
    plan::{Retention, next_sequence, sealed_up_to, superseded},
};
pub use crate::{
    appender::Appender,
    keeper::{Keeper, Work},
};

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

/// What was found when a store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Files that were being written: deleted.
    pub unfinished: usize,
    /// Files whose records are all in another: deleted.
    pub superseded: usize,
    /// Journals with records, which will be sealed.
    pub journals: usize,
    /// Records in them.
    pub journaled: u64,
    /// Records in sealed files.
    pub sealed: u64,
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
    pub fn journals(&self) -> MutexGuard<'_, Journals> {
        self.journals.lock().unpoisoned()
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

/// Opens a store for writing.
///
/// # Errors
/// When another process writes to it, a later version wrote it, or its files cannot be read.
pub fn open(path: &Path, options: Options) -> Result<(Appender, Keeper, Recovered), Error> {
    let folder = Folder::new(path);
    let lock = folder.lock()?;
    let mut found = Recovered { unfinished: folder.delete_unfinished()?, ..Recovered::default() };
    let mut names: Vec<_> = folder.segments()?.into_iter().map(|(name, _)| name).collect();
    for name in superseded(&names) {
        folder.delete(&folder.segment(&name))?;
        names.retain(|own| *own != name);
        found.superseded += 1;
    }
    // Numbers that were given once are not given again, also if all files that had them are gone.
    let noted = folder.sequence()?;
    let past = sealed_up_to(&names).max(noted);
    let mut full = VecDeque::new();
    for first in folder.journals()? {
        let path = folder.journal(first);
        let journal = match Journal::open(&path, past) {
            Err(error) if error.is_damage() => {
                folder.put_aside(&path)?;
                continue;
            }
            journal => journal?,
        };
        match (journal.sequence(), journal.received()) {
            (Some((_, next)), Some((begun, _))) => {
                found.journals += 1;
                found.journaled += journal.rows();
                let figures = JournalFigures { begun, octets: journal.length().1 };
                full.push_back(Full { sequence: (first, next), figures });
            }
            _ => folder.delete(&path)?,
        }
    }
    found.sealed = names.iter().map(SegmentName::rows).sum();
    let next = next_sequence(&names, full.iter().map(|own| own.sequence.1)).max(noted);
    let accounts = Accounts::default();
    accounts.carry(found.sealed, found.journaled);
    let figures = Figures::default().holding(&folder.segments()?);
    let shared = Arc::new(Shared {
        folder,
        options,
        accounts,
        figures: Mutex::new(figures),
        journals: Mutex::new(Journals { open: None, full }),
        next: AtomicU64::new(next),
        is_pressed: AtomicBool::new(false),
        is_ending: AtomicBool::new(false),
        _lock: lock,
    });
    Ok((Appender::new(shared.clone()), Keeper::new(shared), found))
}
