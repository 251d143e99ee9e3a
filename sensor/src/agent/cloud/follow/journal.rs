//! The state file of a source: a line that says what it is, then a line for each step, each with its checksum. Steps are
//! appended and synced; when many have come together, a new file with one step takes the place of the old one.
//!
//! The end of a file whose last line was being written when power failed is left out: that step had not been taken. A fault before
//! that is an error: whoever began anew there would read everything twice, or not at all.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::state::{State, Step};
use crate::files;

/// The first line.
const HEADING: &str = "sensor-cloud-state 1";
/// Files beyond this are not read.
const LONGEST: u64 = 1 << 30;
/// A file is written anew beyond so many octets, and so many times what a new one has.
const LARGE: u64 = 1 << 20;
const FACTOR: u64 = 4;
/// Whoever ends has let go of its file by then.
const HANDOVER: Duration = Duration::from_secs(2);

/// Why a state cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read.
    #[error("cannot read the state file {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It cannot be written.
    #[error("cannot write the state file {}{}", .0.display(), files::remedy(.1))]
    Write(PathBuf, #[source] io::Error),
    /// Two sensors that share one would each miss what the other has read.
    #[error("the state file {} is in use by another sensor, or by another `[[cloud]]`; give each a `state` of its own", .0.display())]
    Busy(PathBuf),
    /// Somebody wrote into it, or it is of another version.
    #[error("{} is not a state file of this version: {problem}; move it away to begin as `begin` says", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// A state file at work.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    octets: u64,
    /// Octets of the file when it was written anew.
    base: u64,
}

impl Journal {
    /// Reads the state at `path`, or begins one with `new`, and goes on there.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(path: &Path, new: impl FnOnce() -> State) -> Result<(Self, State), JournalError> {
        // Held until the file that takes its place is locked. What is no regular file fails below.
        let _old =
            files::open(path).ok().map(|file| lock(&file, path).map(|()| file)).transpose()?;
        let state = match read(path)? {
            Some(state) => state,
            None => new(),
        };
        // Also for what was left of a line, and so that a place that cannot be written to is told at the start.
        let (file, octets) = anew(path, &state).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => JournalError::Busy(path.to_owned()),
            _ => JournalError::Write(path.to_owned(), error),
        })?;
        Ok((Self { path: path.to_owned(), file, octets, base: octets }, state))
    }

    /// Keeps a step: once this returns, it outlives a loss of power. `state` is that behind the step.
    ///
    /// # Errors
    /// When it cannot be written; the next call then writes everything anew.
    pub fn keep(&mut self, step: &Step, state: &State) -> Result<(), JournalError> {
        let written = self.append(step, state);
        if written.is_err() {
            // Half a line may be there.
            self.octets = u64::MAX;
        }
        written.map_err(|error| JournalError::Write(self.path.clone(), error))
    }

    fn append(&mut self, step: &Step, state: &State) -> io::Result<()> {
        if self.octets > LARGE.max(self.base.saturating_mul(FACTOR)) {
            (self.file, self.base) = anew(&self.path, state)?;
            self.octets = self.base;
            return Ok(());
        }
        let line = line(step)?;
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.octets += line.len() as u64;
        Ok(())
    }
}

/// Locks the file at `path` for as long as `file` is open. One that is being let go, as over a restart, is waited for.
fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < HANDOVER => {
                thread::sleep(HANDOVER / 20);
            }
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => {
                return Err(JournalError::Read(path.to_owned(), error));
            }
        }
    }
}

fn line(step: &Step) -> io::Result<Vec<u8>> {
    Ok(checked(&serde_json::to_vec(step)?))
}

/// A line behind its checksum.
fn checked(json: &[u8]) -> Vec<u8> {
    let mut line = format!("{:08x} ", crc32fast::hash(json)).into_bytes();
    line.extend(json);
    line.push(b'\n');
    line
}

/// Writes a file of one step beside the old one and puts it in its place.
fn anew(path: &Path, state: &State) -> io::Result<(File, u64)> {
    let fresh = fresh(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NONBLOCK)
        .open(&fresh)?;
    // Before anything is changed: it may be another sensor's.
    file.try_lock().map_err(io::Error::from)?;
    let written = || {
        file.set_len(0)?;
        let mut octets = format!("{HEADING}\n").into_bytes();
        octets.extend(line(&state.whole())?);
        file.write_all(&octets)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok((file, octets.len() as u64))
    };
    let result = written();
    if result.is_err() {
        // Where the disk is full it takes the last room that others need.
        let _ = fs::remove_file(&fresh);
    }
    result
}

/// Sees that the state at `path` can be used, if there is one.
///
/// # Errors
/// See [`JournalError`].
pub fn check(path: &Path) -> Result<(), JournalError> {
    read(path).map(drop)
}

/// Where a new file is written before it takes the place of the one at `path`.
pub fn fresh(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// The state at `path`; none where there is no such file.
fn read(path: &Path) -> Result<Option<State>, JournalError> {
    let mut octets = Vec::new();
    match files::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut octets)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JournalError::Read(path.to_owned(), error)),
    }
    let broken = |problem| JournalError::Broken { path: path.to_owned(), problem };
    decode(&octets).map(Some).map_err(broken)
}

/// The state that a file of these octets keeps, for the fuzz targets.
///
/// # Errors
/// What is wrong with it.
#[cfg(feature = "fuzzing")]
pub fn kept(octets: &[u8]) -> Result<State, String> {
    decode(octets)
}

/// A file of these steps, in JSON, for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub fn file_of<'s>(steps: impl Iterator<Item = &'s [u8]>) -> Vec<u8> {
    let mut octets = format!("{HEADING}\n").into_bytes();
    steps.for_each(|json| octets.extend(checked(json)));
    octets
}

fn decode(octets: &[u8]) -> Result<State, String> {
    let mut lines = octets.split_inclusive(|octet| *octet == b'\n');
    let heading = lines.next().unwrap_or_default();
    if heading != format!("{HEADING}\n").as_bytes() {
        let shown = String::from_utf8_lossy(&heading[..heading.len().min(40)]);
        return Err(format!("it begins with {:?}", shown.trim_end()));
    }
    let mut state = State::default();
    let mut steps = 0;
    for (at, line) in lines.enumerate() {
        match step(line) {
            Some(step) => {
                state.go(step);
                steps += 1;
            }
            // It has no end: it was being written.
            None if !line.ends_with(b"\n") && steps > 0 => break,
            None => return Err(format!("line {} does not fit its checksum", at + 2)),
        }
    }
    if steps == 0 {
        return Err("it has no end".to_owned());
    }
    Ok(state)
}

fn step(line: &[u8]) -> Option<Step> {
    let line = line.strip_suffix(b"\n")?;
    let (checksum, json) = (line.get(..8)?, line.get(9..)?);
    let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    (crc32fast::hash(json) == checksum && line[8] == b' ').then_some(())?;
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::agent::cloud::follow::state::{Planned, Progress};

    fn step(lot: u64, name: &str, octets: u64) -> Step {
        let progress = Progress {
            version: "1".into(),
            stored: octets,
            print: 7,
            octets,
            whole: true,
            modified: 5 + lot,
        };
        let name: Arc<str> = name.into();
        let planned = Planned { name: name.clone(), version: "1".into(), settled: true };
        Step { id: 9, lot, plan: vec![planned], rules: lot, read: vec![(name, progress)], floor: 3 }
    }

    fn take(journal: &mut Journal, state: &mut State, step: &Step) {
        state.go(step.clone());
        journal.keep(step, state).expect("written");
    }

    #[test]
    fn a_state_is_what_its_steps_made_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/state");
        let (mut journal, mut state) = Journal::open(&path, || State::new(9, 3)).expect("new");
        for lot in 1..4 {
            take(&mut journal, &mut state, &step(lot, &format!("o{}", lot % 2), lot));
        }
        drop(journal);
        let (_, again) = Journal::open(&path, || unreachable!("there is one")).expect("old");
        assert_eq!(again, state);
        assert_eq!((again.lot, again.count()), (3, 2));
    }

    #[test]
    fn a_state_file_has_one_sensor() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let (mut journal, mut state) = Journal::open(&path, || State::new(9, 3)).expect("new");
        let busy = || {
            let error = Journal::open(&path, || State::new(8, 3)).expect_err("it is in use");
            assert!(matches!(error, JournalError::Busy(_)), "{error}");
        };
        busy();
        // The one that takes its place is locked as well.
        journal.octets = u64::MAX;
        take(&mut journal, &mut state, &step(1, "a", 1));
        busy();
        drop(journal);
        let (_, again) = Journal::open(&path, || unreachable!("there is one")).expect("free");
        assert_eq!(again, state);
    }

    /// Nobody writes into it, so that whoever opened it would wait for ever.
    #[test]
    fn a_state_file_that_is_a_fifo_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        let error = Journal::open(&path, State::default).expect_err("no file");
        assert!(matches!(error, JournalError::Read(..)), "{error}");
    }

    #[test]
    fn a_line_that_was_being_written_is_left_out_and_any_other_fault_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let (mut journal, mut state) = Journal::open(&path, || State::new(9, 3)).expect("new");
        take(&mut journal, &mut state, &step(1, "a", 1));
        let before = (fs::read(&path).expect("a file"), state.clone());
        take(&mut journal, &mut state, &step(2, "b", 2));
        let whole = fs::read(&path).expect("a file");
        for end in before.0.len()..whole.len() {
            assert_eq!(decode(&whole[..end]), Ok(before.1.clone()), "cut at {end}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 1;
            // Without its end, the last line is one that was being written.
            let expected = (at + 1 == whole.len()).then(|| before.1.clone());
            assert_eq!(decode(&other).ok(), expected, "octet {at}");
        }
        drop(journal);
        fs::write(&path, "sensor-cloud-state 2\n").expect("a file");
        let error = Journal::open(&path, State::default).expect_err("another version").to_string();
        assert!(error.contains("begins with \"sensor-cloud-state 2\""), "{error}");
    }

    #[test]
    fn many_steps_become_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let (mut journal, mut state) = Journal::open(&path, || State::new(9, 3)).expect("new");
        let name = "x".repeat(1000);
        for lot in 1..2000 {
            take(&mut journal, &mut state, &step(lot, &name, lot));
        }
        let octets = fs::metadata(&path).expect("a file").len();
        assert!(octets < 2 * LARGE, "{octets}");
        drop(journal);
        assert_eq!(Journal::open(&path, State::default).expect("old").1, state);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
