//! What a store has, for whoever reads it: also for another process, while one writes.

use std::path::{Path, PathBuf};

use crate::{
    error::Error,
    folder::Folder,
    gaps::{Gap, gaps},
    journal::reader::Journal,
    names::SegmentName,
    plan::{sealed_up_to, superseded},
    segment::reader::Segment,
    shared::named,
};

/// The files of a store.
#[derive(Clone, Debug)]
pub struct Library {
    folder: Folder,
}

/// What there is at one moment: each record once.
#[derive(Debug)]
pub struct Holdings {
    /// The sealed files, ascending by the numbers of their records.
    pub segments: Vec<SegmentName>,
    /// The journals, with those records that are not sealed.
    pub journals: Vec<Journal>,
    /// What is missing between them.
    pub gaps: Vec<Gap>,
}

/// How often files are listed until two lists agree on what is missing.
const MOST_LISTINGS: usize = 4;

impl Library {
    /// The store in a folder.
    ///
    /// # Errors
    /// When there is none, a later version wrote it, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let folder = Folder::new(path);
        // Files that were copied from a store are one as well.
        if !folder.check_format()?
            && folder.segments()?.is_empty()
            && folder.journals()?.is_empty()
            && folder.misplaced()?.is_empty()
        {
            return Err(Error::NoStore { path: path.to_owned() });
        }
        Ok(Self { folder })
    }

    /// One that has nothing.
    pub(crate) fn none() -> Self {
        Self { folder: Folder::new(Path::new("")) }
    }

    /// What may have records that were received from `from` on and before `to`, milliseconds since the epoch.
    ///
    /// # Errors
    /// When the folder or a journal cannot be read.
    pub fn holdings(&self, from: u64, to: u64) -> Result<Holdings, Error> {
        let mut found = self.list()?;
        // While folders are listed one by one, files come, and go from the front: what is missing now and then again is missing.
        for _ in 0..MOST_LISTINGS {
            if found.gaps.is_empty() {
                break;
            }
            let again = self.list()?;
            let is_sure = again.gaps == found.gaps;
            found = again;
            if is_sure {
                break;
            }
        }
        let Holdings { segments, journals, gaps } = &mut found;
        segments.retain(|own| own.overlaps(from, to));
        journals.retain(|own| {
            // When those were received that a damaged frame had, nobody knows.
            let may_have = |(least, most)| from <= most && least < to;
            own.received().is_some_and(may_have) || own.damage().is_some()
        });
        gaps.retain(|gap| gap.to.is_none_or(|to| from <= to) && gap.from < to);
        Ok(found)
    }

    fn list(&self) -> Result<Holdings, Error> {
        // Journals first: one that is sealed meanwhile is open already, and its records are found by the file.
        let mut files = Vec::new();
        for first in self.folder.journals()? {
            match Journal::file(&self.folder.journal(first)) {
                Err(error) if error.is_gone() => {}
                file => files.push((first, file?)),
            }
        }
        let all: Vec<_> = self.folder.segments()?.into_iter().map(|(name, _)| name).collect();
        let past = sealed_up_to(&all);
        let mut journals = Vec::new();
        for (first, file) in files {
            journals.push(Journal::read(file, &self.folder.journal(first), past)?);
        }
        let held = journals.iter().filter_map(named).map(|(name, _)| name);
        let held: Vec<_> = all.iter().copied().chain(held).collect();
        let gaps = gaps(&held, &self.folder.expired()?, self.folder.sequence()?);
        let left_out = superseded(&all);
        let mut segments: Vec<_> = all.into_iter().filter(|own| !left_out.contains(own)).collect();
        segments.sort_unstable();
        Ok(Holdings { segments, journals, gaps })
    }

    /// Sealed files that are not where their names say; nothing reads them.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn misplaced(&self) -> Result<Vec<PathBuf>, Error> {
        self.folder.misplaced()
    }

    /// The file that has all records of another, which is not there any more; none where they have expired.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn holder(&self, gone: &SegmentName) -> Result<Option<SegmentName>, Error> {
        let mut all = self.folder.segments()?.into_iter().map(|(name, _)| name);
        Ok(all.find(|name| name != gone && gone.is_inside(name)))
    }

    /// Opens a sealed file.
    ///
    /// # Errors
    /// When it cannot be read: also because it has expired since ([`Error::is_gone`]).
    pub fn segment(&self, name: &SegmentName) -> Result<Segment, Error> {
        Segment::open(&self.folder.segment(name))
    }
}
