//! The state file: what is known of devices, over a restart.
//!
//! JSON, and behind it a line with its length and checksum. It is written beside the old one and then renamed, so that there
//! is always one that is whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read as _, Write},
    mem,
    path::{Path, PathBuf},
};

use sensor_wire::device::snapshot::{SavedDevice, Snapshot, VERSION};

use super::{
    error::IntakeError,
    shard::{SharedDecoder, lock},
};
use crate::files;

/// First word of the last line.
const MARK: &str = "sensor-intake-state";

/// Files beyond this are not read.
const LONGEST: u64 = 1 << 30;

/// Devices that have never sent data which decoded and are kept all the same: a flood of templates is not to fill disks.
const UNPROVEN: usize = 1024;

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// Somebody wrote into it, or it is of another version.
    #[error("{} is not a state file of this version: {problem}", path.display())]
    Broken { path: PathBuf, problem: String },
}

impl LoadError {
    /// True when there is none yet.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads the state at `path`.
pub(super) fn load(path: &Path) -> Result<Snapshot, LoadError> {
    let mut octets = Vec::new();
    files::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut octets))
        .map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    decode(&octets).map_err(|problem| LoadError::Broken { path: path.to_owned(), problem })
}

fn decode(octets: &[u8]) -> Result<Snapshot, String> {
    let end = octets.strip_suffix(b"\n").ok_or("it has no end")?;
    let line = end.iter().rposition(|octet| *octet == b'\n').ok_or("it has no last line")?;
    let (json, line) = (&end[..line], String::from_utf8_lossy(&end[line + 1..]));
    if line != last_line(json.len() as u64, crc32fast::hash(json)) {
        return Err("length or checksum is wrong".to_owned());
    }
    let snapshot: Snapshot = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if snapshot.version != VERSION {
        return Err(format!("its version is {}", snapshot.version));
    }
    Ok(snapshot)
}

fn last_line(length: u64, checksum: u32) -> String {
    format!("{MARK} length={length} crc32={checksum:08x}")
}

/// Sees that the state can be written at `path`.
pub(super) fn probe(path: &Path) -> Result<(), IntakeError> {
    let fresh = fresh(path);
    let there = match files::open(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let tried = there.and_then(|()| files::create(&fresh)).and_then(|_| fs::remove_file(&fresh));
    tried.map_err(|source| IntakeError::State { path: path.to_owned(), source })
}

/// Writes what the desks know to `path`. Trouble is logged once, and its end: `failing` says whether the last attempt failed.
pub(super) fn save(path: &Path, desks: &[SharedDecoder], failing: &mut bool) {
    let mut snapshot = Snapshot { version: VERSION, devices: Vec::new() };
    for desk in desks {
        snapshot.devices.extend(lock(desk).decoder.snapshot().devices);
    }
    let mut unproven = 0;
    snapshot.devices.retain(|device: &SavedDevice| {
        let proven = device.last_decoded != 0;
        unproven += usize::from(!proven);
        proven || unproven <= UNPROVEN
    });
    let written = write(path, &snapshot);
    let failed_before = mem::replace(failing, written.is_err());
    let path = path.display();
    match written {
        Ok(()) if failed_before => tracing::info!("the state file {path} is written again"),
        Err(error) if !failed_before => {
            let remedy = files::remedy(&error);
            tracing::warn!(
                "cannot write the state file {path}: {error}{remedy}; the one before stays, retrying"
            );
        }
        _ => {}
    }
}

fn write(path: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let fresh = fresh(path);
    let file = files::create(&fresh)?;
    let written = write_into(&file, snapshot).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // Half a state is of no use, and where the disk is full it takes the last room that others need.
        let _ = fs::remove_file(&fresh);
    }
    written
}

fn write_into(file: &File, snapshot: &Snapshot) -> io::Result<()> {
    let mut out =
        Checked { inner: BufWriter::new(file), length: 0, hasher: crc32fast::Hasher::new() };
    serde_json::to_writer(&mut out, snapshot)?;
    let Checked { mut inner, length, hasher } = out;
    writeln!(inner, "\n{}", last_line(length, hasher.finalize()))?;
    inner.flush()?;
    drop(inner);
    file.sync_all()
}

/// Where a new state is written before it takes the place of the one at `path`.
pub fn fresh(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Counts and sums what is written.
struct Checked<W> {
    inner: W,
    length: u64,
    hasher: crc32fast::Hasher,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(octets)?;
        self.length += written as u64;
        self.hasher.update(&octets[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_whole_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        assert!(load(&path).expect_err("there is none").is_missing());
        probe(&path).unwrap();
        let snapshot = Snapshot { version: VERSION, devices: Vec::new() };
        write(&path, &snapshot).unwrap();
        assert_eq!(load(&path).unwrap(), snapshot);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        let octets = fs::read(&path).unwrap();
        for at in 0..octets.len() {
            assert!(decode(&octets[..at]).is_err());
            let mut other = octets.clone();
            other[at] ^= 1;
            assert!(decode(&other).is_err());
        }
        write(&path, &Snapshot { version: VERSION + 1, ..snapshot }).unwrap();
        assert!(load(&path).is_err());
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        fs::create_dir(&path).unwrap();
        let snapshot = Snapshot { version: VERSION, devices: Vec::new() };
        assert!(write(&path, &snapshot).is_err());
        assert!(!fresh(&path).exists());
    }

    #[test]
    fn what_is_no_file_neither_hangs_nor_is_harmed() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["state", "state.new"] {
            let path = directory.path().join(name);
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        }
        let path = directory.path().join("state");
        let error = load(&path).expect_err("it is a FIFO").to_string();
        assert!(error.ends_with("it is a FIFO, not a regular file"), "{error}");
        assert!(probe(&path).is_err());
        assert!(probe(directory.path()).is_err());
        assert!(load(directory.path()).is_err());
    }

    #[test]
    fn a_directory_that_is_not_there_is_a_mistake() {
        assert!(probe(Path::new("/no/such/directory/state")).is_err());
    }
}
