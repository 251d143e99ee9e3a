//! The half of a store that keeps: it seals journals, compacts files and deletes those whose time is over.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use crate::{
    accounts::Accounts,
    error::Error,
    journal::reader::{End, Journal},
    names::SegmentName,
    plan::{Compaction, Retention, compact, expire, out_of_turn},
    segment::{merge::Merged, reader::Segment, writer},
    shared::{Shared, named},
    work::Work,
};

/// Milliseconds for which files stay that were made into another: whoever reads may have their names.
const GRACE: u64 = 60_000;
/// Milliseconds after which the keeper looks at all files again.
const LOOK: u64 = 60_000;
/// Octets before compression that the documents of files may have that are made into one.
const MOST_DOCUMENTS: u64 = 12 << 20;

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

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, retired: Vec::new(), unfit: BTreeSet::new(), looked: 0 }
    }

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
        let is_full =
            work.errors.iter().any(Error::is_full) || self.shared.is_pressed.swap(false, Relaxed);
        if work.sealed > 0 || is_full || now.abs_diff(self.looked) >= LOOK {
            self.looked = now;
            self.expire(now, &mut work);
            self.compact(now, &mut work);
            self.count(&mut work);
        }
        self.shared.figures().add(&work);
        work
    }

    /// Lets others see what there is.
    fn count(&self, work: &mut Work) {
        match self.shared.look() {
            Ok((segments, gaps)) => {
                let mut figures = self.shared.figures();
                *figures = figures.holding(&segments, &gaps);
            }
            Err(error) => work.errors.push(error),
        }
    }

    fn is_ending(&self) -> bool {
        self.shared.is_ending.load(Relaxed)
    }

    fn seal(&self, work: &mut Work) {
        while !self.is_ending() {
            let Some(full) = self.shared.journals().full.front().copied() else { return };
            let (first, next) = full.sequence;
            match self.seal_one(first, next, work) {
                Ok(()) => {
                    self.shared.journals().full.pop_front();
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
            // Somebody has deleted it: to try again brings nothing back.
            Err(error) if error.is_gone() => {
                accounts.journal_damaged(left);
                work.damaged += 1;
                work.errors.push(error);
                return Ok(());
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
        work.damaged += usize::from(is_damaged || left > 0);
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
        while !self.is_ending() {
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
                work.damaged += 1;
                let put_aside = self.note_sequence(&[*name]).and_then(|()| folder.put_aside(&path));
                match put_aside {
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
        let expired = expire(&segments, options.retention, now, free);
        let (early, front) = out_of_turn(&segments, &expired);
        let noted = self.note_sequence(&expired).and_then(|()| match early.is_empty() {
            true => Ok(()),
            false => folder.note_expired(&early, front),
        });
        if let Err(error) = noted {
            return work.errors.push(error);
        }
        for name in expired {
            match folder.delete(&folder.segment(&name)) {
                Ok(()) => {
                    work.expired += 1;
                    work.expired_octets += octets_of(&segments, &name);
                    // The records of those that were made into others are there still.
                    if !self.retired.iter().any(|(_, own)| *own == name) {
                        accounts.expired(name.rows());
                    }
                }
                Err(error) => work.errors.push(error),
            }
        }
    }

    /// Notes which numbers were given before the file that has the highest goes: numbers are not given twice, and what was sealed
    /// is not sealed again.
    fn note_sequence(&self, going: &[SegmentName]) -> Result<(), Error> {
        let Some(most) = going.iter().map(|own| own.last).max() else { return Ok(()) };
        let all = self.shared.folder.segments()?;
        if all.iter().any(|(own, _)| own.last > most) {
            return Ok(());
        }
        self.shared.folder.note_sequence(most + 1)
    }
}

fn octets_of(segments: &[(SegmentName, u64)], name: &SegmentName) -> u64 {
    segments.iter().find(|(own, _)| own == name).map_or(0, |(_, octets)| *octets)
}
