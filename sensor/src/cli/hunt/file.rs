//! Answers in files: written beside their place and put there when they are whole, so that nobody reads half of one, and none replaces
//! a whole one.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::MetadataExt as _,
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
use crate::{cli::exit::Failure, stdio};

/// Added to the name of a file while it is written, behind the number of the process.
const UNFINISHED: &str = ".tmp";
/// Added to the name of an answer that was stopped: what was there under the name itself stays.
const PARTIAL: &str = ".partial";

/// A file that is being written; deleted unless it was put somewhere. Locked, so that the next one to write there knows what was left by a process
/// that was killed, and deletes it.
struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    /// One that will be put at `path`.
    fn beside(path: &Path) -> io::Result<Self> {
        sweep(path);
        let path = with_added(path, &format!(".{}{UNFINISHED}", std::process::id()));
        loop {
            let file = File::create(&path)?;
            // Where there are no locks, nothing is swept away either.
            let _ = file.lock();
            // Somebody may have swept it away before it was locked.
            let there = path.metadata().is_ok_and(|there| is_same(&there, &file));
            if there {
                return Ok(Self { path, file });
            }
        }
    }

    /// Puts it in its place, or beside it if the answer was stopped.
    fn put(self, path: &Path, is_whole: bool) -> io::Result<()> {
        let place = if is_whole { path.to_owned() } else { with_added(path, PARTIAL) };
        fs::rename(&self.path, &place)?;
        if !is_whole {
            let (place, path) = (place.display(), path.display());
            stdio::note(format_args!("what was found is in {place}; {path} is as it was"));
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // One that was put somewhere is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_same(there: &fs::Metadata, file: &File) -> bool {
    file.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (there.dev(), there.ino()))
}

fn with_added(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(ending);
    path.with_file_name(name)
}

/// Deletes what processes that were killed have left of this file. What cannot be deleted is in nobody's way.
fn sweep(path: &Path) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return };
    for entry in entries.flatten() {
        let other = entry.file_name();
        let number = other.to_str().and_then(|own| own.strip_prefix(name)?.strip_prefix('.'));
        let number = number.and_then(|own| own.strip_suffix(UNFINISHED));
        let is_ours = number
            .is_some_and(|own| !own.is_empty() && own.bytes().all(|octet| octet.is_ascii_digit()));
        let is_left = || {
            let file = OpenOptions::new().write(true).open(entry.path());
            file.is_ok_and(|file| file.try_lock().is_ok())
        };
        if is_ours && entry.file_type().is_ok_and(|own| own.is_file()) && is_left() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a file of text; `write` says whether all is there that was asked for.
///
/// # Errors
/// When it cannot be written.
pub fn text(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<bool>,
) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if !is_regular(path) {
        // A pipe, or a terminal.
        let mut out = BufWriter::new(File::create(path).with_context(failed)?);
        return write(&mut out).and_then(|_| out.flush()).with_context(failed);
    }
    let path = &behind_links(path);
    let unfinished = Unfinished::beside(path).with_context(failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, &unfinished.file);
    let is_whole = write(&mut out).and_then(|whole| out.flush().map(|()| whole));
    let is_whole = is_whole.with_context(failed)?;
    drop(out);
    unfinished.put(path, is_whole).with_context(failed)
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

/// Writes the flows of an answer, which are all that were asked for or not, as a segment of the store.
///
/// # Errors
/// When they do not fit into one file, or it cannot be written.
pub fn parquet(path: &Path, found: Found, is_whole: bool) -> anyhow::Result<()> {
    let Found::Rows(rows, _) = found else { return Ok(()) };
    let mut segment = SegmentFile::create(path)?;
    for (batch, places) in rows.into_batches(SegmentFile::SLICE) {
        segment.append(batch, &places)?;
    }
    segment.finish(is_whole)
}

/// A segment by itself: records go into a journal first, as in the store. The journal has no name, so that nothing is left of it whatever happens.
pub struct SegmentFile {
    path: PathBuf,
    journal: Writer,
    written: File,
    unfinished: Unfinished,
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
        let failed = || format!("cannot write {}", path.display());
        let path = &behind_links(path);
        let unfinished = Unfinished::beside(path).with_context(failed)?;
        let name = with_added(path, &format!(".{}.journal", std::process::id()));
        let journal = Writer::create(&name, 1, 0).with_context(failed)?;
        let written = Journal::file(&name).with_context(failed);
        fs::remove_file(&name).with_context(failed)?;
        let written = written?;
        Ok(Self { path: path.to_owned(), journal, written, unfinished })
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

    /// Puts the file in its place, or beside it if not all is there that was asked for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self, is_whole: bool) -> anyhow::Result<()> {
        let Self { path, journal, written, unfinished } = self;
        let failed = || format!("cannot write {}", path.display());
        drop(journal);
        let written = Journal::read(written, &path, 0)?;
        segment::writer::write(&written, &unfinished.path)?;
        unfinished.put(&path, is_whole).with_context(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sensor_core::flow::testing;

    use super::*;

    fn names(folder: &Path) -> BTreeSet<String> {
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(folder).unwrap().map(name).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Whenever the process is killed, there is one file more than before, and the next one who writes there deletes it.
    #[test]
    fn a_process_that_is_killed_leaves_nothing_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        // One is left by a process, one still being written, others are somebody else's.
        for name in
            ["x.parquet.7.tmp", "x.parquet.8.tmp", "x.parquet.tmp", "x.parquet.a.tmp", "y.9.tmp"]
        {
            fs::write(folder.path().join(name), "left").unwrap();
        }
        let locked = File::open(folder.path().join("x.parquet.8.tmp")).unwrap();
        locked.lock().unwrap();
        let mut segment = SegmentFile::create(&path).unwrap();
        segment.append(testing::flow(1, 1, 2, 3), &[Place { time: 5, sequence: 1 }]).unwrap();
        let others = ["x.parquet.8.tmp", "x.parquet.tmp", "x.parquet.a.tmp", "y.9.tmp"];
        let own = format!("x.parquet.{}.tmp", std::process::id());
        assert_eq!(names(folder.path()), set(&[&others[..], &[&own]].concat()));
        segment.finish(true).unwrap();
        assert_eq!(names(folder.path()), set(&[&others[..], &["x.parquet"]].concat()));
        drop(locked);
        text(&path, |_| Err(io::Error::other("no"))).unwrap_err();
        assert_eq!(names(folder.path()), set(&[&others[1..], &["x.parquet"]].concat()));
    }

    #[test]
    fn what_was_stopped_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let write = |what: &str, is_whole: bool| {
            text(&path, |out| out.write_all(what.as_bytes()).map(|()| is_whole)).unwrap();
        };
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        write("whole", true);
        write("part", false);
        assert_eq!((read("x.csv"), read("x.csv.partial")), ("whole".into(), "part".into()));
        write("again", true);
        assert_eq!(read("x.csv"), "again");
    }
}
