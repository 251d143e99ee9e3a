//! The two halves of a store that is written to: one appends, the other seals, compacts and deletes. Each may have a thread of its own.

use std::{
    collections::{BTreeSet, VecDeque},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use sensor_core::flow::batch::FlowBatch;

use crate::{
    accounts::{Accounts, Shed},
    error::Error,
    folder::{Folder, Lock},
    journal::{
        Sync,
        reader::{End, Journal},
        writer::Writer,
    },
    names::SegmentName,
    plan::{Compaction, Retention, compact, expire, next_sequence, sealed_up_to, superseded},
    segment::{merge::Merged, reader::Segment, writer},
};

/// How a store is kept.
#[derive(Clone, Copy, Debug)]
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

/// Milliseconds for which files stay that were made into another: whoever reads may have their names.
const GRACE: u64 = 60_000;
/// Milliseconds after which the keeper looks at all files again.
const LOOK: u64 = 60_000;
/// Octets before compression that the documents of files may have that are made into one.
const MOST_DOCUMENTS: u64 = 12 << 20;

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

/// What both halves share.
#[derive(Debug)]
struct Shared {
    folder: Folder,
    options: Options,
    accounts: Accounts,
    /// Journals that are to be sealed, with the numbers of their first record and the one behind their last.
    full: Mutex<VecDeque<(u64, u64)>>,
    _lock: Lock,
}

impl Shared {
    fn full(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, u64)>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends batches.
#[derive(Debug)]
pub struct Appender {
    shared: Arc<Shared>,
    journal: Option<Writer>,
    next: u64,
}

/// Seals journals, compacts and deletes files.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    /// Files that were made into others, and when they may be deleted.
    retired: Vec<(u64, SegmentName)>,
    /// Files that cannot be made into others.
    unfit: BTreeSet<SegmentName>,
    /// When it looked at all files last.
    looked: u64,
}

/// The name of the file that a journal becomes, and its records; none where it has no records.
fn named(journal: &Journal) -> Option<(SegmentName, u64)> {
    let ((first, next), (from, to)) = (journal.sequence()?, journal.received()?);
    Some((SegmentName { first, last: next - 1, from, to }, next - first))
}

/// What the keeper did.
#[derive(Debug, Default)]
pub struct Work {
    /// Journals that were sealed.
    pub sealed: usize,
    /// Files that were made into others.
    pub compacted: usize,
    /// Files that were deleted because their time was over or their room was needed.
    pub expired: usize,
    /// What went wrong. It will be tried again, but for what is damaged, which was put aside.
    pub errors: Vec<Error>,
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
    let past = sealed_up_to(&names);
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
        match journal.sequence() {
            Some((_, next)) => {
                found.journals += 1;
                found.journaled += journal.rows();
                full.push_back((first, next));
            }
            None => folder.delete(&path)?,
        }
    }
    found.sealed = names.iter().map(SegmentName::rows).sum();
    let next = next_sequence(&names, full.iter().map(|(_, next)| *next));
    let accounts = Accounts::default();
    accounts.carry(found.sealed, found.journaled);
    let shared = Shared { folder, options, accounts, full: Mutex::new(full), _lock: lock };
    let shared = Arc::new(shared);
    let keeper =
        Keeper { shared: shared.clone(), retired: Vec::new(), unfit: BTreeSet::new(), looked: 0 };
    Ok((Appender { shared, journal: None, next }, keeper, found))
}

impl Appender {
    /// The accounts of the store.
    pub fn accounts(&self) -> &Accounts {
        &self.shared.accounts
    }

    /// Appends a batch. What cannot be stored is counted, and the next batch is tried anew.
    ///
    /// # Errors
    /// Why not all of it was stored, or may not outlast a failure of the machine.
    pub fn append(&mut self, batch: &FlowBatch, now: u64) -> Result<(), Error> {
        let rows = batch.len() as u64;
        if rows == 0 {
            return Ok(());
        }
        let options = self.shared.options;
        if self.journal.as_ref().is_some_and(|own| {
            let (first, next) = own.sequence();
            own.is_full() || (next > first && next - first + rows > options.segment_rows)
        }) {
            self.roll();
        }
        let before = self.next;
        let result = self.journal(now).and_then(|own| own.append(batch, now, options.sync));
        self.next = self.journal.as_ref().map_or(self.next, |own| own.sequence().1);
        let stored = self.next - before;
        self.shared.accounts.stored(stored);
        if let Err(error) = &result {
            let why = if error.is_full() { Shed::DiskFull } else { Shed::Error };
            self.shared.accounts.shed(why, rows - stored);
        }
        result
    }

    /// The journal that is being written, a new one if there is none.
    fn journal(&mut self, now: u64) -> Result<&mut Writer, Error> {
        let own = match self.journal.take() {
            Some(own) => own,
            None => Writer::create(&self.shared.folder.journal(self.next), self.next, now)?,
        };
        Ok(self.journal.insert(own))
    }

    /// Does what is due by now: to be called at least every second.
    ///
    /// # Errors
    /// When the system cannot make the journal outlast a failure of the machine.
    pub fn tick(&mut self, now: u64) -> Result<(), Error> {
        let options = self.shared.options;
        let Some(own) = &mut self.journal else { return Ok(()) };
        let result = own.sync_if_due(now, options.sync);
        let (first, next) = own.sequence();
        // A clock that was set back is no reason to wait.
        let is_old = now.abs_diff(own.begun()) >= options.segment_age;
        if next > first && (is_old || own.is_full() || next - first >= options.segment_rows) {
            self.roll();
        }
        result
    }

    /// Ends the journal, which the keeper then seals.
    fn roll(&mut self) {
        let Some(own) = self.journal.take() else { return };
        let (first, next) = own.sequence();
        if next > first {
            self.shared.full().push_back((first, next));
        } else {
            // It has nothing but a head; at the next start it is deleted otherwise.
            let _ = self.shared.folder.delete(own.path());
        }
    }

    /// Ends the journal, so that nothing of it is lost whatever happens to the machine.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn close(mut self, now: u64) -> Result<(), Error> {
        let result = self.journal.as_mut().map_or(Ok(()), |own| own.sync(now));
        self.roll();
        result
    }
}

impl Keeper {
    /// The accounts of the store.
    pub fn accounts(&self) -> &Accounts {
        &self.shared.accounts
    }

    /// Does all that is to be done by now.
    pub fn work(&mut self, now: u64) -> Work {
        let mut work = Work::default();
        self.delete_retired(now, &mut work);
        self.seal(&mut work);
        // To look at all files is worth it when there are new ones, or some room would help, and otherwise now and then.
        let is_full = work.errors.iter().any(Error::is_full);
        if work.sealed > 0 || is_full || now.abs_diff(self.looked) >= LOOK {
            self.looked = now;
            self.expire(now, &mut work);
            self.compact(now, &mut work);
        }
        work
    }

    fn seal(&self, work: &mut Work) {
        loop {
            let Some((first, next)) = self.shared.full().front().copied() else { return };
            match self.seal_one(first, next, work) {
                Ok(()) => {
                    self.shared.full().pop_front();
                    work.sealed += 1;
                }
                Err(error) => {
                    self.shared.accounts.failed();
                    work.errors.push(error);
                    return;
                }
            }
        }
    }

    /// Seals a journal. What goes wrong behind that is no reason to seal it again: at the next start it is recognised as sealed.
    fn seal_one(&self, first: u64, next: u64, work: &mut Work) -> Result<(), Error> {
        let Shared { folder, accounts, .. } = &*self.shared;
        let path = folder.journal(first);
        let mut left = next - first;
        let mut is_damaged = false;
        match Journal::open(&path, first) {
            Err(error) if error.is_damage() => {
                is_damaged = true;
                work.errors.push(error);
            }
            journal => {
                let journal = journal?;
                if let Some((name, rows)) = named(&journal) {
                    self.make(&journal, &name)?;
                    accounts.sealed(rows);
                    left = left.saturating_sub(rows);
                }
                is_damaged |= journal.end() == End::Damaged;
            }
        }
        // Fewer than were written, where one of its frames is damaged now.
        accounts.journal_damaged(left);
        let result = match is_damaged || left > 0 {
            true => folder.put_aside(&path).map(drop),
            false => folder.delete(&path),
        };
        work.errors.extend(result.err());
        Ok(())
    }

    /// Makes a file, whole or not at all.
    fn make(&self, groups: &impl crate::cells::Groups, name: &SegmentName) -> Result<(), Error> {
        let folder = &self.shared.folder;
        let unfinished = folder.unfinished(&name.to_string());
        let made =
            writer::write(groups, &unfinished).and_then(|()| folder.publish(&unfinished, name));
        if made.is_err() {
            // Its room may be what the next attempt needs.
            let _ = folder.delete(&unfinished);
        }
        made
    }

    fn compact(&mut self, now: u64, work: &mut Work) {
        let wanted = Compaction { rows: self.shared.options.segment_rows, before: now / 3_600_000 };
        loop {
            let segments = match self.shared.folder.segments() {
                Ok(segments) => segments,
                Err(error) => return work.errors.push(error),
            };
            let is_out = |name: &SegmentName| {
                self.unfit.contains(name) || self.retired.iter().any(|(_, own)| own == name)
            };
            let names: Vec<_> =
                segments.into_iter().map(|(name, _)| name).filter(|name| !is_out(name)).collect();
            let chosen = compact(&names, wanted);
            let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else { return };
            let from = chosen.iter().map(|own| own.from).min().unwrap_or(first.from);
            let to = chosen.iter().map(|own| own.to).max().unwrap_or(last.to);
            let name = SegmentName { first: first.first, last: last.last, from, to };
            match self.merge(&chosen, &name) {
                Ok(true) => {
                    work.compacted += chosen.len();
                    self.retired
                        .extend(chosen.into_iter().map(|own| (now.saturating_add(GRACE), own)));
                }
                Ok(false) => self.unfit.extend(chosen),
                Err(error) => {
                    self.shared.accounts.failed();
                    let is_damage = error.is_damage();
                    work.errors.push(error);
                    if !is_damage {
                        return;
                    }
                    self.put_aside_damaged(&chosen, work);
                }
            }
        }
    }

    /// Makes one file of several; says whether they fit into one.
    fn merge(&self, chosen: &[SegmentName], name: &SegmentName) -> Result<bool, Error> {
        let folder = &self.shared.folder;
        let open = |own: &SegmentName| Segment::open(&folder.segment(own));
        let inputs: Vec<Segment> = chosen.iter().map(open).collect::<Result<_, _>>()?;
        if inputs.iter().map(Segment::document_octets).sum::<u64>() > MOST_DOCUMENTS {
            return Ok(false);
        }
        self.make(&Merged::new(inputs)?, name)?;
        Ok(true)
    }

    /// Puts aside those of some files that cannot be read as a whole.
    fn put_aside_damaged(&mut self, chosen: &[SegmentName], work: &mut Work) {
        let folder = &self.shared.folder;
        let mut found = false;
        for name in chosen {
            let path = folder.segment(name);
            let damage = Segment::open(&path).and_then(|own| own.verify()).err();
            if damage.is_some_and(|error| error.is_damage()) {
                found = true;
                match folder.put_aside(&path) {
                    Ok(_) => self.shared.accounts.damaged(name.rows()),
                    Err(error) => {
                        work.errors.push(error);
                        self.unfit.insert(*name);
                    }
                }
            }
        }
        if !found {
            // Nobody knows what is wrong with them: they stay as they are.
            self.unfit.extend(chosen);
        }
    }

    fn delete_retired(&mut self, now: u64, work: &mut Work) {
        let folder = &self.shared.folder;
        self.retired.retain(|(due, name)| {
            // A clock that was set back is no reason to keep them.
            if now < *due && *due - now <= GRACE {
                return true;
            }
            match folder.delete(&folder.segment(name)) {
                Ok(()) => false,
                Err(error) => {
                    work.errors.push(error);
                    true
                }
            }
        });
    }

    fn expire(&self, now: u64, work: &mut Work) {
        let Shared { folder, options, accounts, .. } = &*self.shared;
        if options.retention == Retention::default() {
            return;
        }
        let found = folder.segments().and_then(|segments| Ok((segments, folder.free()?)));
        let (segments, free) = match found {
            Ok(found) => found,
            Err(error) => return work.errors.push(error),
        };
        for name in expire(&segments, options.retention, now, free) {
            match folder.delete(&folder.segment(&name)) {
                Ok(()) => {
                    work.expired += 1;
                    // The records of those that were made into others are there still.
                    if !self.retired.iter().any(|(_, own)| *own == name) {
                        accounts.expired(name.rows());
                    }
                }
                Err(error) => work.errors.push(error),
            }
        }
    }
}
