//! The folder of a store: its lock, its format, and its files. What they mean is in [`crate::names`] and [`crate::plan`].

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock, statvfs};

use crate::{
    error::Error,
    names::{DAMAGED, ENDING, SegmentName, UNFINISHED, is_folder, journal, journal_of},
};

/// The format of folders.
pub const FORMAT: u32 = 1;
/// The file that says so.
const FORMAT_FILE: &str = "format";
/// The file that the writer locks.
const LOCK_FILE: &str = "lock";
/// The file that says which numbers were given, once those that had the highest are gone.
const SEQUENCE_FILE: &str = "sequence";

/// The file that says which records expired although records before them did not: a range of numbers a line.
const EXPIRED_FILE: &str = "expired";

/// The folder of a store.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// Held by the one process that writes.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Folder {
    /// The folder at a path, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes the folder unless it is there, and locks it.
    ///
    /// # Errors
    /// When it cannot be made, another process has locked it, or a later version wrote it.
    pub fn lock(&self) -> Result<Lock, Error> {
        fs::create_dir_all(&self.path).map_err(Error::system("make", &self.path))?;
        let path = self.path.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(Error::system("open", &path))?;
        if !is_free(&file).map_err(Error::system("lock", &path))? {
            return Err(Error::Locked { path: self.path.clone() });
        }
        if !self.check_format()? {
            self.write_format()?;
        }
        Ok(Lock { _file: file })
    }

    /// Whether nobody writes there now; makes nothing.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn has_no_writer(&self) -> Result<bool, Error> {
        let path = self.path.join(LOCK_FILE);
        match File::open(&path) {
            Ok(file) => is_free(&file).map_err(Error::system("lock", &path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Error::system("open", &path)(error)),
        }
    }

    /// Whether the folder says its format.
    ///
    /// # Errors
    /// When it is that of a later version, or cannot be read.
    pub fn check_format(&self) -> Result<bool, Error> {
        let path = self.path.join(FORMAT_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::system("read", &path)(error)),
        };
        match text.trim().parse::<u32>() {
            Ok(1..=FORMAT) => Ok(true),
            _ => Err(Error::Newer { path, found: text.trim().to_owned(), known: FORMAT }),
        }
    }

    fn write_format(&self) -> Result<(), Error> {
        self.write_number(FORMAT_FILE, u64::from(FORMAT))
    }

    /// The number that comes behind all that were given up to when files were deleted; 0 where none was noted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn sequence(&self) -> Result<u64, Error> {
        let path = self.path.join(SEQUENCE_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                // Nobody has counted so far: it must not overflow either.
                let number = text.trim().parse().ok().filter(|number| *number <= u64::MAX / 2);
                number.ok_or_else(|| {
                    let why = "it is not the number of a record; delete the file if the store may number anew";
                    Error::system("read", &path)(io::Error::new(io::ErrorKind::InvalidData, why))
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::system("read", &path)(error)),
        }
    }

    /// Notes the number that comes behind all that were given.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn note_sequence(&self, next: u64) -> Result<(), Error> {
        self.write_number(SEQUENCE_FILE, next)
    }

    /// Records that expired although records before them did not, by the numbers of their first and last.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn expired(&self) -> Result<Vec<(u64, u64)>, Error> {
        let path = self.path.join(EXPIRED_FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::system("read", &path)(error)),
        };
        // Who changes it learns of more that is missing, and loses nothing else.
        let range = |line: &str| {
            let (first, last) = line.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?))
        };
        Ok(String::from_utf8_lossy(&text).lines().filter_map(range).collect())
    }

    /// Notes that these expire, and forgets what was noted of records before the number `front`: there, nothing is missing any more.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn note_expired(&self, going: &[SegmentName], front: u64) -> Result<(), Error> {
        let mut all = self.expired()?;
        all.extend(going.iter().map(|own| (own.first, own.last)));
        all.retain(|(_, last)| *last >= front);
        let lines: String = all.iter().map(|(first, last)| format!("{first}-{last}\n")).collect();
        self.write_text(EXPIRED_FILE, &lines)
    }

    fn write_number(&self, name: &str, number: u64) -> Result<(), Error> {
        self.write_text(name, &format!("{number}\n"))
    }

    fn write_text(&self, name: &str, text: &str) -> Result<(), Error> {
        let unfinished = self.unfinished(name);
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, self.path.join(name))?;
            sync(&self.path)
        };
        write().map_err(Error::system("write", &unfinished))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file is while it is being written.
    pub fn unfinished(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{UNFINISHED}"))
    }

    /// Where a sealed file is.
    pub fn segment(&self, name: &SegmentName) -> PathBuf {
        self.path.join(name.path())
    }

    /// Where the journal is whose first record has this number.
    pub fn journal(&self, first: u64) -> PathBuf {
        self.path.join(journal(first))
    }

    /// The names in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn entries(&self) -> Result<Vec<String>, Error> {
        entries(&self.path)
    }

    /// The journals, by the number of their first record, ascending.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn journals(&self) -> Result<Vec<u64>, Error> {
        let names = entries(&self.path)?;
        // To open a FIFO would wait for whoever writes to it.
        let is_file = |name: &&String| self.path.join(name).is_file();
        let journals = names.iter().filter_map(|name| Some((name, journal_of(name)?)));
        let mut all: Vec<u64> =
            journals.filter(|(name, _)| is_file(name)).map(|(_, first)| first).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// The sealed files and their octets.
    ///
    /// # Errors
    /// When the folder or one in it cannot be read.
    pub fn segments(&self) -> Result<Vec<(SegmentName, u64)>, Error> {
        self.files(ENDING)
    }

    /// The files of this ending whose names say which records they have, and their octets. One that is not where its name says is none of
    /// them ([`Self::misplaced`]): it may be a copy, and the one to be deleted would be the other.
    ///
    /// # Errors
    /// When the folder or one in it cannot be read.
    pub fn files(&self, ending: &str) -> Result<Vec<(SegmentName, u64)>, Error> {
        let mut all = self.named(ending)?;
        all.retain(|(name, path, _)| self.is_in_place(name, path, ending));
        Ok(all.into_iter().map(|(name, _, octets)| (name, octets)).collect())
    }

    /// Sealed files that are not in the folder of the day and the hour that their names say: somebody has moved or copied them.
    ///
    /// # Errors
    /// When the folder or one in it cannot be read.
    pub fn misplaced(&self) -> Result<Vec<PathBuf>, Error> {
        let mut all = self.named(ENDING)?;
        all.retain(|(name, path, _)| !self.is_in_place(name, path, ENDING));
        Ok(all.into_iter().map(|(_, path, _)| path).collect())
    }

    fn is_in_place(&self, name: &SegmentName, path: &Path, ending: &str) -> bool {
        self.path.join(name.path_ending(ending)) == path
    }

    /// The files of this ending with names of files, where they are, and their octets.
    fn named(&self, ending: &str) -> Result<Vec<(SegmentName, PathBuf, u64)>, Error> {
        let mut all = Vec::new();
        for day in entries(&self.path)?.iter().filter(|name| name.len() > 2 && is_folder(name)) {
            let day = self.path.join(day);
            for hour in entries(&day)?.iter().filter(|name| is_folder(name)) {
                let hour = day.join(hour);
                for name in entries(&hour)? {
                    let Some(own) = SegmentName::with_ending(&name, ending) else { continue };
                    let path = hour.join(name);
                    // One that is deleted meanwhile is none, nor is a FIFO.
                    if let Ok(metadata) = fs::metadata(&path)
                        && metadata.is_file()
                    {
                        all.push((own, path, metadata.len()));
                    }
                }
            }
        }
        Ok(all)
    }

    /// Files that were put aside, and their octets, by their path in the folder.
    ///
    /// # Errors
    /// When the folder or one in it cannot be read.
    pub fn damaged(&self) -> Result<Vec<(PathBuf, u64)>, Error> {
        let mut folders = vec![self.path.clone()];
        let mut all = Vec::new();
        while let Some(folder) = folders.pop() {
            for name in entries(&folder)? {
                let path = folder.join(&name);
                if is_folder(&name) {
                    folders.push(path);
                } else if name.ends_with(DAMAGED)
                    && let Ok(metadata) = fs::metadata(&path)
                {
                    all.push((path, metadata.len()));
                }
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Whether a process writes there now.
    pub fn has_writer(&self) -> bool {
        let Ok(file) = File::open(self.path.join(LOCK_FILE)) else { return false };
        // Given back with the file.
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    }

    /// Deletes what was being written when a process ended; says how many files that were.
    ///
    /// # Errors
    /// When the folder cannot be read, or one of them not be deleted.
    pub fn delete_unfinished(&self) -> Result<usize, Error> {
        let mut count = 0;
        for name in entries(&self.path)?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            self.delete(&self.path.join(name))?;
            count += 1;
        }
        Ok(count)
    }

    /// Gives a file that was written its name, for good.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn publish(&self, unfinished: &Path, name: &SegmentName) -> Result<(), Error> {
        self.publish_at(unfinished, &self.segment(name))
    }

    /// As [`Self::publish`], at a path in the folder of an hour.
    ///
    /// # Errors
    /// As there.
    pub fn publish_at(&self, unfinished: &Path, path: &Path) -> Result<(), Error> {
        let publish = || {
            let hour = path.parent().unwrap_or(&self.path);
            let day = hour.parent().unwrap_or(&self.path);
            if !hour.is_dir() {
                fs::create_dir_all(hour)?;
                sync(&self.path)?;
                sync(day)?;
            }
            fs::rename(unfinished, path)?;
            sync(hour)
        };
        publish().map_err(Error::system("make", path))
    }

    /// Deletes a file, and the folders that have nothing in them any more. One that is not there is no error.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn delete(&self, path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::system("delete", path)(error)),
        }
        let folders = path.ancestors().skip(1).take_while(|folder| *folder != self.path);
        for folder in folders {
            // Those that have something in them stay.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Puts a damaged file aside: under a name that is nobody's.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn put_aside(&self, path: &Path) -> Result<PathBuf, Error> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(DAMAGED);
        let aside = PathBuf::from(aside);
        fs::rename(path, &aside).map_err(Error::system("rename", path))?;
        Ok(aside)
    }

    /// Octets that are free on the disk.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn free(&self) -> Result<u64, Error> {
        let of = statvfs(&self.path);
        let of =
            of.map_err(|error| Error::system("look at the disk of", &self.path)(error.into()))?;
        Ok(of.f_bavail.saturating_mul(of.f_frsize))
    }
}

/// Locks a file; false where another process has.
fn is_free(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes the names in a folder outlast a failure of the machine.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The names in a folder; none where it is not there.
fn entries(folder: &Path) -> Result<Vec<String>, Error> {
    let wrong = |error| Error::system("read", folder)(error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(wrong(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(wrong)?.file_name().into_string());
    }
    Ok(names)
}
