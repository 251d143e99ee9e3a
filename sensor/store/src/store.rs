//! A store that is written to: of two halves, one that appends and one that seals, compacts and deletes. Each may have a thread of its own.

use std::{collections::VecDeque, path::Path, sync::Arc};

use crate::{
    accounts::Accounts,
    error::Error,
    figures::{Figures, JournalFigures},
    folder::Folder,
    gaps::Gap,
    journal::reader::Journal,
    names::SegmentName,
    plan::{next_sequence, sealed_up_to, superseded},
    shared::{Full, Shared},
};
pub use crate::{
    appender::Appender,
    keeper::Keeper,
    shared::{Options, Watched},
    work::Work,
};

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
    /// Records that are missing between these.
    pub missing: u64,
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
    let counted = (accounts, Figures::default());
    let shared = Arc::new(Shared::new((folder, lock), options, counted, (full, next)));
    let (segments, gaps) = shared.look()?;
    found.missing = gaps.iter().map(Gap::records).sum();
    *shared.figures() = Figures::default().holding(&segments, &gaps);
    Ok((Appender::new(shared.clone()), Keeper::new(shared), found))
}
