//! How far a flow log has come in the lot of each source that is read again after a crash (`sensor_core::flow::lot`): what it has, it does
//! not write twice.
//!
//! A small file beside the log has a slot for each source. Before the records of a batch are appended, its slot says where they
//! are going to be: in which file, from which octet to which. Nothing else is appended meanwhile, so after a crash the length of
//! that file tells whether they are there: all of them, or none, or a part, which is cut off. Nothing is synced for that: what a killed
//! process has written stays written. After a loss of power a log may have records twice, but lacks none: see [`LotFile`].

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sensor_core::flow::lot::LotPart;

use super::writer::Lines;
use crate::export::files::{retention::Deleted, rotated::RotatedFile};

/// Octets of the longest name of a source.
const NAME: usize = 64;
/// Octets of a slot: the name, its numbers, a checksum.
const SLOT: usize = NAME + NUMBERS * 8 + 4;
const NUMBERS: usize = 10;
/// Sources.
const MOST: usize = 1024;

/// Where the last records of a lot were going to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Intent {
    /// Row behind the last, and the address family.
    end: u64,
    family: u64,
    /// The file, its length before, and what was to be appended.
    device: u64,
    inode: u64,
    before: u64,
    octets: u64,
}

/// How far the lot of a source has come.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    source: String,
    lot: (u64, u64),
    /// Rows that are there, by address family.
    rows: [u64; 2],
    intent: Intent,
}

impl Slot {
    fn encode(&self) -> Vec<u8> {
        let mut octets = vec![0; NAME];
        octets[..self.source.len()].copy_from_slice(self.source.as_bytes());
        let Intent { end, family, device, inode, before, octets: length } = self.intent;
        let numbers = [
            self.lot.0,
            self.lot.1,
            self.rows[0],
            self.rows[1],
            end,
            family,
            device,
            inode,
            before,
            length,
        ];
        octets.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        octets.extend(crc32fast::hash(&octets).to_le_bytes());
        octets
    }

    fn decode(octets: &[u8]) -> Option<Self> {
        let (data, checksum) = octets.split_at_checked(SLOT - 4)?;
        if crc32fast::hash(data).to_le_bytes() != *checksum {
            return None;
        }
        let (name, numbers) = data.split_at(NAME);
        let end = name.iter().position(|octet| *octet == 0).unwrap_or(NAME);
        let source = String::from_utf8(name[..end].to_vec()).ok()?;
        let numbers: Vec<u64> =
            numbers.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let [run, lot, v4, v6, end, family, device, inode, before, length] = numbers[..] else {
            return None;
        };
        let intent = Intent { end, family: family & 1, device, inode, before, octets: length };
        Some(Self { source, lot: (run, lot), rows: [v4, v6], intent })
    }
}

/// The slots of a flow log.
#[derive(Debug)]
struct Slots {
    path: PathBuf,
    /// Opened when there is something to note.
    file: Option<File>,
    slots: Vec<Slot>,
    /// It could not be written, and that was told.
    failing: bool,
}

impl Slots {
    /// Of the flow log at `log`: of what was to be appended when its writer ended, the log now has all or nothing.
    fn open(log: &Path) -> Self {
        let mut name = log.as_os_str().to_owned();
        name.push(".lots");
        let path = PathBuf::from(name);
        let octets = fs::read(&path).unwrap_or_default();
        let mut slots: Vec<Slot> = octets.chunks(SLOT).map_while(Slot::decode).collect();
        for slot in &mut slots {
            let Intent { end, family, .. } = slot.intent;
            if is_there(log, &slot.intent) {
                slot.rows[family as usize] = slot.rows[family as usize].max(end);
            }
            // What others append from now on is not of this intent.
            slot.intent = Intent::default();
        }
        let mut slots = Self { path, file: None, slots, failing: false };
        (0..slots.slots.len()).for_each(|at| slots.write(at));
        slots
    }

    fn has(&self, part: &LotPart) -> bool {
        let slot = self.slots.iter().find(|slot| slot.source == *part.source);
        slot.is_some_and(|slot| {
            slot.lot == part.lot && part.end() <= slot.rows[usize::from(part.v6)]
        })
    }

    /// The rows of `part` are about to be appended to `log`, as so many octets.
    fn intend(&mut self, part: &LotPart, log: &File, octets: u64) {
        if part.source.len() > NAME {
            return;
        }
        let Ok(metadata) = log.metadata() else { return };
        let known = self.slots.iter().position(|slot| slot.source == *part.source);
        let at = match known {
            Some(at) => at,
            None if self.slots.len() >= MOST => return,
            None => {
                let (source, intent) = (part.source.to_string(), Intent::default());
                self.slots.push(Slot { source, lot: part.lot, rows: [0; 2], intent });
                self.slots.len() - 1
            }
        };
        let slot = &mut self.slots[at];
        if slot.lot != part.lot {
            (slot.lot, slot.rows) = (part.lot, [0; 2]);
        }
        slot.intent = Intent {
            end: part.end(),
            family: part.v6.into(),
            device: metadata.dev(),
            inode: metadata.ino(),
            before: metadata.len(),
            octets,
        };
        self.write(at);
    }

    fn write(&mut self, at: usize) {
        let encoded = self.slots[at].encode();
        let written = self.file().and_then(|file| file.write_all_at(&encoded, (at * SLOT) as u64));
        match written {
            Ok(()) => self.failing = false,
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                let path = self.path.display();
                tracing::warn!(
                    "cannot write {path}: {error}; if the sensor is killed, the flow log may have records twice"
                );
            }
            Err(_) => {}
        }
    }

    /// They are appended.
    fn done(&mut self, part: &LotPart) {
        let slot = self.slots.iter_mut().find(|slot| slot.source == *part.source);
        if let Some(slot) = slot.filter(|slot| slot.lot == part.lot) {
            slot.rows[usize::from(part.v6)] = part.end();
        }
    }

    fn file(&mut self) -> io::Result<&File> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => none.insert(
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .mode(0o640)
                    .custom_flags(libc::O_NONBLOCK)
                    .open(&self.path)?,
            ),
        })
    }
}

/// Whether what was to be appended is there; where it is there in part, that part is cut off.
fn is_there(log: &Path, intent: &Intent) -> bool {
    // It may have been moved away since, but not twice.
    let mut moved = log.as_os_str().to_owned();
    moved.push(".1");
    for path in [log, Path::new(&moved)] {
        let Ok(metadata) = fs::metadata(path) else { continue };
        if (metadata.dev(), metadata.ino()) != (intent.device, intent.inode) || !metadata.is_file()
        {
            continue;
        }
        let length = metadata.len();
        if length >= intent.before + intent.octets {
            return true;
        }
        if length > intent.before {
            let cut = OpenOptions::new().write(true).open(path);
            let cut = cut.and_then(|file| file.set_len(intent.before));
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
        let slots = Slots::open(path);
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
            slots.intend(part, log, lines.len() as u64);
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
            let killed = open(&path, None);
            let Slots { mut slots, .. } = killed.slots;
            let metadata = fs::metadata(&path).expect("a file");
            slots[0].rows = [1, 0];
            slots[0].intent = Intent {
                end: 3,
                family: 0,
                device: metadata.dev(),
                inode: metadata.ino(),
                before: 7,
                octets: text.len() as u64,
            };
            fs::write(folder.path().join("log.lots"), slots[0].encode()).expect("a file");
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

    #[test]
    fn slots_with_another_checksum_are_none() {
        let slot = Slot {
            source: "x".repeat(NAME),
            lot: (1, 2),
            rows: [3, 4],
            intent: Intent { end: 5, family: 1, device: 6, inode: 7, before: 8, octets: 9 },
        };
        let octets = slot.encode();
        assert_eq!((octets.len(), Slot::decode(&octets)), (SLOT, Some(slot)));
        for at in 0..SLOT {
            let mut other = octets.clone();
            other[at] ^= 1;
            assert_eq!(Slot::decode(&other), None, "{at}");
        }
        assert_eq!(Slot::decode(&octets[..SLOT - 1]), None);
    }
}
