//! Answers in files: written beside their place and put there when they are whole, so that nobody reads half of one.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use sensor_core::{
    flow::{batch::FlowBatch, fields::Needs},
    hunt::Place,
};
use sensor_store::{
    journal::{Sync, reader::Journal, writer::Writer},
    segment,
};

use super::{found::Found, question::Wanted};
use crate::cli::exit::Failure;

/// Deletes what was not finished.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(path: &Path, ending: &str) -> Self {
        let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
        name.push(format!(".{}{ending}", std::process::id()));
        Self(path.with_file_name(name))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a file of text.
///
/// # Errors
/// When it cannot be written.
pub fn text(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if !is_regular(path) {
        // A pipe, or a terminal.
        let mut out = BufWriter::new(File::create(path).with_context(failed)?);
        return write(&mut out).and_then(|()| out.flush()).with_context(failed);
    }
    let path = &behind_links(path);
    let unfinished = Unfinished::beside(path, ".tmp");
    let file = File::create(&unfinished.0).with_context(failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    write(&mut out).and_then(|()| out.flush()).with_context(failed)?;
    fs::rename(&unfinished.0, path).with_context(failed)
}

/// Where a file is put by its name: behind links, so that what they lead to is replaced, and not they.
fn behind_links(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn is_regular(path: &Path) -> bool {
    path.metadata().map_or(true, |metadata| metadata.is_file())
}

/// Refuses to make a segment of what is no flows.
///
/// # Errors
/// Sums are wanted, or only some fields.
pub fn refuse_sums(wanted: &Wanted) -> anyhow::Result<()> {
    match wanted {
        Wanted::Rows(page) if page.needs == Needs::ALL => Ok(()),
        Wanted::Rows(_) => {
            let fault = "Parquet files have all that is stored of a flow: omit --fields, or choose --format csv";
            Err(Failure::usage(fault).into())
        }
        _ => {
            let fault = "Parquet files have flows, not sums: choose --format csv or json";
            Err(Failure::usage(fault).into())
        }
    }
}

/// Writes the flows of an answer as a segment of the store.
///
/// # Errors
/// When they do not fit into one file, or it cannot be written.
pub fn parquet(path: &Path, found: Found) -> anyhow::Result<()> {
    let Found::Rows(rows, _) = found else { return Ok(()) };
    let mut segment = SegmentFile::create(path)?;
    for (batch, places) in rows.into_batches(SegmentFile::SLICE) {
        segment.append(batch, &places)?;
    }
    segment.finish()
}

/// A segment by itself: records go into a journal beside it first, as in the store.
pub struct SegmentFile {
    path: PathBuf,
    journal: Writer,
    unfinished: Unfinished,
    _journal: Unfinished,
}

impl SegmentFile {
    /// Rows of this many milliseconds stand together.
    pub const SLICE: u64 = 60_000;

    /// An empty one.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        if !is_regular(path) {
            let path = path.display();
            let fault = format!(
                "{path} is not a regular file: a Parquet file is put in its place when it is whole; name a file"
            );
            return Err(Failure::usage(fault).into());
        }
        let path = &behind_links(path);
        let journal = Unfinished::beside(path, ".journal");
        let unfinished = Unfinished::beside(path, ".tmp");
        let writer = Writer::create(&journal.0, 1, 0)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: path.to_owned(), journal: writer, unfinished, _journal: journal })
    }

    /// Adds records, and when they were received.
    ///
    /// # Errors
    /// When they cannot be written, or there are too many for one file.
    pub fn append(&mut self, mut batch: FlowBatch, places: &[Place]) -> anyhow::Result<()> {
        if self.journal.is_full() {
            let path = self.path.display();
            let fault = format!(
                "the flows do not fit into one file {path}: choose less time, or a narrower query, and write several"
            );
            return Err(Failure::other(fault).into());
        }
        batch.received = places.iter().map(|place| place.time).collect();
        let now = places.first().map_or(0, |place| place.time);
        self.journal.append(&batch, now, Sync::Never)?;
        Ok(())
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        let Self { path, journal, unfinished, _journal: beside } = self;
        drop(journal);
        let written = Journal::open(&beside.0, 0)?;
        segment::writer::write(&written, &unfinished.0)?;
        fs::rename(&unfinished.0, &path).with_context(|| format!("cannot write {}", path.display()))
    }
}
