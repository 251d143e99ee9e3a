//! How far a flow log has come in the lot of each source that is read again after a crash (`sensor_core::flow::lot`): what it has, it does
//! not write twice.
//!
//! A small file beside the log has a slot for each source. Before the records of a batch are appended, its slot says where they
//! are going to be: in which file, from which octet to which. Nothing else is appended meanwhile, so after a crash the length of
//! that file tells whether they are there: all of them, or none, or a part, which is cut off. Nothing is synced for that: what a killed
//! process has written stays written. After a loss of power a log may have records twice, but lacks none: see [`LotFile`].

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sensor_core::flow::lot::LotPart;

use crate::export::{
    files::{retention::Deleted, rotated::RotatedFile},
    slots::{Place, Slots},
};

/// Where lines go.
pub(super) trait Lines {
    /// Appends whole lines: all of them, or as far as that can be had none. `part` is what they are of a lot.
    fn append(&mut self, lines: &[u8], part: Option<&LotPart>) -> io::Result<()>;

    /// Whether they are there already, from before a crash.
    fn has(&self, part: &LotPart) -> bool {
        let _ = part;
        false
    }

    /// Files that were deleted since this was last asked.
    fn take_deleted(&mut self) -> Deleted {
        Deleted::default()
    }
}

/// Where the slots of the flow log at `log` are.
fn slots_of(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".lots");
    name.into()
}

/// Whether what was to be appended is there; where it is there in part, that part is cut off.
fn is_there(log: &Path, place: &Place) -> bool {
    // It may have been moved away since, but not twice.
    let mut moved = log.as_os_str().to_owned();
    moved.push(".1");
    for path in [log, Path::new(&moved)] {
        let Ok(metadata) = fs::metadata(path) else { continue };
        if (metadata.dev(), metadata.ino()) != place.file || !metadata.is_file() {
            continue;
        }
        let length = metadata.len();
        if length >= place.before + place.amount {
            return true;
        }
        if length > place.before {
            let cut = OpenOptions::new().write(true).open(path);
            let cut = cut.and_then(|file| file.set_len(place.before));
            if let Err(error) = cut {
                let path = path.display();
                tracing::warn!("cannot cut off half a record at the end of {path}: {error}");
            }
        }
        return false;
    }
    false
}

/// A flow log in a file, with its slots. What is of a lot is on the disk before it counts as written, so that no state of a source runs
/// ahead of the log, even where power is lost.
#[derive(Debug)]
pub struct LotFile {
    slots: Slots,
    file: RotatedFile,
}

impl LotFile {
    /// The log at `path`, which `open` opens.
    ///
    /// # Errors
    /// What `open` says.
    pub fn open(path: &Path, open: impl FnOnce() -> io::Result<RotatedFile>) -> io::Result<Self> {
        // First, since what opens the log ends half a line of it.
        let slots = Slots::open(slots_of(path), "the flow log", |place| is_there(path, place));
        Ok(Self { slots, file: open()? })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

impl Lines for LotFile {
    fn append(&mut self, lines: &[u8], part: Option<&LotPart>) -> io::Result<()> {
        let Some(part) = part else { return self.file.append(lines, SystemTime::now()) };
        let Self { slots, file } = self;
        file.append_after(lines, SystemTime::now(), |log| {
            let Ok(metadata) = log.metadata() else { return };
            let file = (metadata.dev(), metadata.ino());
            let place = Place { file, before: metadata.len(), amount: lines.len() as u64 };
            slots.intend(part, place);
        })?;
        slots.done(part);
        file.sync()
    }

    fn has(&self, part: &LotPart) -> bool {
        self.slots.has(part)
    }

    fn take_deleted(&mut self) -> Deleted {
        self.file.take_deleted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::files::rotated::Rotation;

    fn part(lot: u64, v6: bool, first: u64, rows: u64) -> LotPart {
        LotPart { source: "a".into(), lot: (7, lot), v6, first, rows }
    }

    fn open(path: &Path, rotation: Option<Rotation>) -> LotFile {
        let file = || RotatedFile::open(path.to_owned(), rotation, Default::default());
        LotFile::open(path, file).expect("a log")
    }

    fn append(log: &mut LotFile, part: &LotPart, text: &str) {
        log.append(text.as_bytes(), Some(part)).expect("written");
    }

    #[test]
    fn what_is_there_is_known_by_the_next_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = open(&path, None);
        log.append(b"other\n", None).expect("written");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "no slots yet");
        append(&mut log, &part(1, false, 0, 2), "1\n2\n");
        append(&mut log, &part(1, true, 0, 1), "3\n");
        append(&mut log, &part(1, false, 2, 1), "4\n");
        for log in [&log, &open(&path, None)] {
            assert!(log.has(&part(1, false, 2, 1)) && log.has(&part(1, true, 0, 1)));
            assert!(!log.has(&part(1, false, 3, 1)) && !log.has(&part(1, true, 1, 1)));
            assert!(!log.has(&part(2, false, 0, 1)), "another lot");
            let other = LotPart { lot: (8, 1), ..part(1, false, 0, 1) };
            assert!(!log.has(&other), "another state");
        }
    }

    #[test]
    fn records_are_there_whole_or_not_wherever_the_writer_was_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = open(&path, None);
        append(&mut log, &part(1, false, 0, 1), "before\n");
        // What a writer that is killed leaves: the intent, and as much of the records as it came to.
        let text = "first\nsecond\n";
        for length in 0..=text.len() {
            fs::write(&path, "before\n").expect("a file");
            let mut killed = open(&path, None);
            let metadata = fs::metadata(&path).expect("a file");
            let file = (metadata.dev(), metadata.ino());
            killed.slots.done(&part(1, false, 0, 1));
            let place = Place { file, before: 7, amount: text.len() as u64 };
            killed.slots.intend(&part(1, false, 1, 2), place);
            fs::write(&path, format!("before\n{}", &text[..length])).expect("a file");
            let mut next = open(&path, None);
            let again = part(1, false, 1, 2);
            assert_eq!(next.has(&again), length == text.len(), "{length}");
            if !next.has(&again) {
                // Neither is what others append taken for it.
                let other = "x".repeat(text.len() - length) + "\n";
                drop(next);
                let mut after = open(&path, None);
                after.append(other.as_bytes(), None).expect("written");
                drop(after);
                next = open(&path, None);
                assert!(!next.has(&again), "{length}");
                append(&mut next, &again, text);
                let found = fs::read_to_string(&path).expect("a file").replace(&other, "");
                fs::write(&path, found).expect("a file");
            }
            let found = fs::read_to_string(&path).expect("a file");
            assert_eq!(found, format!("before\n{text}"), "{length}");
        }
    }

    #[test]
    fn a_log_that_was_rotated_meanwhile_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let rotation = Rotation { max_size: 4, max_age: None, keep: 9, max_total: None };
        let mut log = open(&path, Some(rotation.clone()));
        append(&mut log, &part(1, false, 0, 2), "1\n2\n");
        append(&mut log, &part(1, false, 2, 2), "3\n4\n");
        drop(log);
        fs::rename(&path, folder.path().join("log.1")).expect("renamed");
        assert!(open(&path, Some(rotation)).has(&part(1, false, 2, 2)));
    }
}
