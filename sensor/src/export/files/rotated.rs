//! A file of one name that others take the place of when it is full: it becomes NAME.1, that NAME.2, and so on.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    Reopen, open_to_append,
    retention::{Deleted, Retention},
    whole,
};

/// When another file takes the place of the one under way, and how many are kept then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// It is full at so many octets.
    pub max_size: u64,
    /// It is full at this age; `None` for never.
    pub max_age: Option<Duration>,
    /// So many full ones are kept.
    pub keep: u64,
    /// So many octets in all at most, the one under way included; `None` for any number.
    pub max_total: Option<u64>,
}

/// The file under way.
#[derive(Debug)]
pub struct RotatedFile {
    path: PathBuf,
    /// None where it is never full.
    rotation: Option<Rotation>,
    reopen: Arc<Reopen>,
    /// How many times it had been wished to open it anew when it was opened.
    opened_at: u64,
    /// None after an error, until it can be opened again.
    open: Option<Open>,
    deleted: Deleted,
    /// It could not be rotated, and that was told.
    stuck: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    since: SystemTime,
    /// Devices and pipes are never full, nor renamed.
    is_regular: bool,
}

impl RotatedFile {
    /// Opens the file to append to it; makes it if need be, with mode 0640.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(
        path: PathBuf,
        rotation: Option<Rotation>,
        reopen: Arc<Reopen>,
    ) -> io::Result<Self> {
        let opened_at = reopen.count();
        let open = Some(Open::new(&path)?);
        let deleted = Deleted::default();
        Ok(Self { path, rotation, reopen, opened_at, open, deleted, stuck: false })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole records, all or none of them, at `now`; first makes room for them where the file is full.
    ///
    /// # Errors
    /// When they cannot be written. The next call opens the file anew.
    pub fn append(&mut self, records: &[u8], now: SystemTime) -> io::Result<()> {
        self.append_after(records, now, |_| ())
    }

    /// As [`Self::append`]; `before` gets the file as it is before that.
    ///
    /// # Errors
    /// When they cannot be written. The next call opens the file anew.
    pub fn append_after(
        &mut self,
        records: &[u8],
        now: SystemTime,
        before: impl FnOnce(&File),
    ) -> io::Result<()> {
        let wished = self.reopen.count();
        if wished != self.opened_at {
            self.opened_at = wished;
            self.open = None;
        }
        if self.open.as_ref().is_some_and(Open::is_deleted) {
            self.open = None;
        }
        self.rotate_if_full(records.len() as u64, now);
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::new(&self.path)?),
        };
        before(&open.file);
        let written = whole::append(&mut open.file, records);
        if written.is_err() {
            self.open = None;
        }
        written
    }

    /// Has what was appended outlive a loss of power.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn sync(&self) -> io::Result<()> {
        match &self.open {
            Some(open) if open.is_regular => open.file.sync_data(),
            _ => Ok(()),
        }
    }

    /// What has been deleted since this was last asked.
    pub fn take_deleted(&mut self) -> Deleted {
        std::mem::take(&mut self.deleted)
    }

    /// A file that cannot be moved away grows on: that is better than to lose what comes.
    fn rotate_if_full(&mut self, more: u64, now: SystemTime) {
        let (Some(open), Some(rotation)) = (&self.open, &self.rotation) else { return };
        if !open.is_full(rotation, more, now) {
            return;
        }
        match rotate(&self.path, rotation, &mut self.deleted) {
            Ok(()) => {
                self.stuck = false;
                self.open = None;
            }
            Err(error) if !std::mem::replace(&mut self.stuck, true) => {
                let file = self.path.display();
                tracing::error!(%file, %error, "cannot rotate the file; it keeps growing");
            }
            Err(_) => {}
        }
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        let mut file = open_to_append(path)?;
        let metadata = file.metadata()?;
        let is_regular = metadata.is_file();
        if is_regular && is_torn(path) {
            // Half a line of somebody who was killed: the next one begins on a line of its own.
            whole::append(&mut file, b"\n")?;
        }
        // Not every file system knows when a file was made.
        let since = metadata.created().unwrap_or_else(|_| SystemTime::now());
        Ok(Self { file, since, is_regular })
    }

    /// Whether no name leads to it: what is written to it is nowhere.
    fn is_deleted(&self) -> bool {
        self.is_regular && self.file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    fn is_full(&self, rotation: &Rotation, more: u64, now: SystemTime) -> bool {
        let octets = self.file.metadata().map_or(0, |metadata| metadata.len());
        let age = now.duration_since(self.since).unwrap_or(Duration::ZERO);
        let is_old = rotation.max_age.is_some_and(|limit| age >= limit);
        self.is_regular && octets > 0 && (is_old || octets + more > rotation.max_size)
    }
}

/// Whether the last line of a file has no end.
fn is_torn(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut octet = [0];
        file.read_exact(&mut octet)?;
        Ok(octet[0])
    };
    last().is_ok_and(|octet| octet != b'\n')
}

/// Moves the file and those before it one number on; those that are too many go.
fn rotate(path: &Path, rotation: &Rotation, deleted: &mut Deleted) -> io::Result<()> {
    let mut old = predecessors(path)?;
    let octets = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        // Somebody has moved it away already.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if rotation.keep == 0 {
        deleted.delete(&path.to_owned(), octets)?;
    } else {
        // The oldest first, so that none takes the place of another.
        for (number, octets) in old.iter().rev() {
            match *number < rotation.keep {
                true => fs::rename(numbered(path, *number), numbered(path, number + 1))?,
                false => deleted.delete(&numbered(path, *number), *octets)?,
            }
        }
        fs::rename(path, numbered(path, 1))?;
        old.retain(|(number, _)| *number < rotation.keep);
        old.iter_mut().for_each(|(number, _)| *number += 1);
        old.insert(0, (1, octets));
    }
    let files: Vec<_> =
        old.iter().map(|(number, octets)| (numbered(path, *number), *octets)).collect();
    let retention = Retention { keep: Some(rotation.keep), max_total: rotation.max_total };
    retention.enforce(&files, rotation.max_size, deleted)
}

/// Number and octets of the files before this one, the youngest first.
fn predecessors(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut start = path.file_name().unwrap_or_default().to_owned().into_encoded_bytes();
    start.push(b'.');
    let mut old = Vec::new();
    for entry in fs::read_dir(directory.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(start.as_slice());
        let digits = rest.and_then(|rest| std::str::from_utf8(rest).ok());
        // As this module writes it: `.01` and `.1.gz` are others'.
        let number = digits.and_then(|digits| digits.parse::<u64>().ok());
        if let Some(number) = number.filter(|number| *number > 0)
            && digits == Some(number.to_string().as_str())
        {
            old.push((number, entry.metadata()?.len()));
        }
    }
    old.sort_unstable();
    Ok(old)
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ROTATION: Rotation = Rotation { max_size: 20, max_age: None, keep: 2, max_total: None };

    fn open(directory: &Path, rotation: Rotation) -> RotatedFile {
        RotatedFile::open(directory.join("log"), Some(rotation), Arc::default()).unwrap()
    }

    fn read(directory: &Path, name: &str) -> String {
        fs::read_to_string(directory.join(name)).unwrap_or_else(|_| "-".to_owned())
    }

    fn fill(file: &mut RotatedFile, numbers: std::ops::Range<u32>) {
        for number in numbers {
            file.append(format!("message{number}\n").as_bytes(), SystemTime::now()).unwrap();
        }
    }

    #[test]
    fn full_files_are_numbered_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path(), ROTATION);
        fill(&mut file, 0..8);
        let read = |name| read(directory.path(), name);
        assert_eq!(read("log"), "message6\nmessage7\n");
        assert_eq!(read("log.1"), "message4\nmessage5\n");
        assert_eq!(read("log.2"), "message2\nmessage3\n");
        assert_eq!(read("log.3"), "-");
        assert_eq!(file.take_deleted(), Deleted { files: 1, octets: 18 });
        assert_eq!(file.take_deleted(), Deleted::default());
        let mode = fs::metadata(directory.path().join("log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    }

    #[test]
    fn the_total_bounds_what_is_kept_and_so_does_a_number_that_is_lower_than_before() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path(), Rotation { keep: 9, ..ROTATION });
        fill(&mut file, 0..12);
        fs::write(directory.path().join("log.1.gz"), "others'").unwrap();
        drop(file);
        let rotation = Rotation { keep: 4, max_total: Some(20 + 40), ..ROTATION };
        let mut file = open(directory.path(), rotation);
        fill(&mut file, 12..13);
        let names = ["log", "log.1", "log.2", "log.3", "log.4", "log.5", "log.6"];
        let there = names.map(|name| directory.path().join(name).exists());
        assert_eq!(there, [true, true, true, false, false, false, false]);
        assert_eq!(read(directory.path(), "log.1"), "message10\nmessage11\n");
        assert_eq!(file.take_deleted().files, 4);
        assert_eq!(read(directory.path(), "log.1.gz"), "others'");
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_to_be() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path(), Rotation { keep: 0, ..ROTATION });
        fill(&mut file, 0..4);
        assert_eq!(read(directory.path(), "log"), "message2\nmessage3\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(file.take_deleted(), Deleted { files: 1, octets: 18 });
    }

    #[test]
    fn age_makes_it_full() {
        let directory = tempfile::tempdir().unwrap();
        let minute = Duration::from_secs(60);
        let rotation = Rotation { max_size: 1 << 20, max_age: Some(minute), ..ROTATION };
        let mut file = open(directory.path(), rotation);
        let start = file.open.as_ref().unwrap().since;
        file.append(b"0\n", start).unwrap();
        file.append(b"59\n", start + minute - Duration::from_secs(1)).unwrap();
        file.append(b"60\n", start + minute).unwrap();
        assert_eq!(read(directory.path(), "log.1"), "0\n59\n");
        assert_eq!(read(directory.path(), "log"), "60\n");
    }

    #[test]
    fn a_moved_file_is_opened_anew_when_it_is_wished() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path(), ROTATION);
        fill(&mut file, 0..1);
        fs::rename(directory.path().join("log"), directory.path().join("moved")).unwrap();
        fill(&mut file, 1..2);
        file.reopen.request();
        fill(&mut file, 2..3);
        assert_eq!(read(directory.path(), "moved"), "message0\nmessage1\n");
        assert_eq!(read(directory.path(), "log"), "message2\n");
    }

    #[test]
    fn a_deleted_file_is_made_anew_and_where_that_cannot_be_nothing_passes_for_written() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("below");
        fs::create_dir(&below).unwrap();
        let mut file = open(&below, Rotation { max_size: 1000, ..ROTATION });
        fill(&mut file, 0..1);
        fs::remove_file(below.join("log")).unwrap();
        fill(&mut file, 1..2);
        assert_eq!(read(&below, "log"), "message1\n");
        fs::rename(&below, directory.path().join("old")).unwrap();
        fs::remove_dir_all(directory.path().join("old")).unwrap();
        let error = file.append(b"lost\n", SystemTime::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        fs::create_dir(&below).unwrap();
        fill(&mut file, 3..4);
        assert_eq!(read(&below, "log"), "message3\n");
    }

    #[test]
    fn one_that_was_emptied_or_ends_in_half_a_line_is_written_on() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("log"), "half").unwrap();
        let mut file = open(directory.path(), Rotation { max_size: 100, ..ROTATION });
        fill(&mut file, 0..1);
        assert_eq!(read(directory.path(), "log"), "half\nmessage0\n");
        fs::write(directory.path().join("log"), "").unwrap();
        fill(&mut file, 1..2);
        assert_eq!(read(directory.path(), "log"), "message1\n");
    }

    #[test]
    fn devices_are_neither_full_nor_renamed() {
        let rotation = Rotation { max_size: 1, ..ROTATION };
        let mut null =
            RotatedFile::open("/dev/null".into(), Some(rotation), Arc::default()).unwrap();
        fill(&mut null, 0..3);
        assert!(!Path::new("/dev/null.1").exists());
        let mut full = RotatedFile::open("/dev/full".into(), None, Arc::default()).unwrap();
        let error = full.append(b"a\n", SystemTime::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
