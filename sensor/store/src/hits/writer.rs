//! Appends hits, compresses what is full, and deletes what is old.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{ENDING, compressed, folder, open_name, open_of, whole};
use crate::{
    error::Error,
    folder::{Folder, Lock},
    names::SegmentName,
    plan::{Retention, expire, superseded},
};

/// How hits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Octets of lines after which a file is compressed.
    pub octets: u64,
    /// Milliseconds after which it is, however few lines it has.
    pub age: u64,
    /// How long files are kept.
    pub retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self { octets: 16 << 20, age: 3_600_000, retention: Retention::default() }
    }
}

/// How much a line of JSON is worth being compressed.
const LEVEL: i32 = 6;
/// Milliseconds after which the files are looked at again for such as are old.
const LOOK: u64 = 60_000;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Files.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// Hits in them.
    pub hits: u64,
}

/// Hits that are being kept.
#[derive(Debug)]
pub struct HitWriter {
    folder: Folder,
    options: Options,
    open: Option<Open>,
    /// The number of the next line.
    next: u64,
    expired: Expired,
    looked: u64,
    _lock: Lock,
}

/// The file under way.
#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    first: u64,
    /// When its first line came, and its last.
    from: u64,
    to: u64,
    /// Octets of whole lines.
    octets: u64,
    is_synced: bool,
}

impl HitWriter {
    /// Opens the hits of the store in `path`, which need not exist yet. What a crash left of a line is cut off.
    ///
    /// # Errors
    /// When another process writes there, a later version wrote it, or its files cannot be read.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let folder = Folder::new(&folder(path));
        let lock = folder.lock()?;
        folder.delete_unfinished()?;
        let mut names = names(&folder)?;
        for name in superseded(&names) {
            folder.delete(&folder.path().join(compressed(&name)))?;
            names.retain(|own| *own != name);
        }
        let behind = names.iter().map(|own| own.last + 1).max().unwrap_or(1);
        let behind = behind.max(folder.sequence()?);
        let mut own = Self {
            folder,
            options,
            open: None,
            next: behind,
            expired: Expired::default(),
            looked: 0,
            _lock: lock,
        };
        let mut open: Vec<_> =
            own.folder.entries()?.iter().filter_map(|name| open_of(name)).collect();
        open.sort_unstable();
        for (first, from) in open {
            let path = own.folder.path().join(open_name(first, from));
            if first < behind {
                // It was compressed already.
                own.folder.delete(&path)?;
                continue;
            }
            own.compress()?;
            own.go_on(&path, (first, from))?;
        }
        Ok(own)
    }

    /// Goes on with a file that another process began.
    fn go_on(&mut self, path: &Path, (first, from): (u64, u64)) -> Result<(), Error> {
        let text = fs::read(path).map_err(Error::system("read", path))?;
        let (lines, octets) = whole(&text);
        if lines == 0 {
            return self.folder.delete(path);
        }
        let file = OpenOptions::new().append(true).open(path);
        let file = file.map_err(Error::system("open", path))?;
        // When its last line came at the latest. To cut it changes that.
        let modified = file.metadata().and_then(|own| own.modified()).ok();
        if octets < text.len() {
            file.set_len(octets as u64).map_err(Error::system("cut", path))?;
        }
        let since = modified.and_then(|own| own.duration_since(std::time::UNIX_EPOCH).ok());
        let to = since.map_or(from, |own| own.as_millis() as u64).max(from);
        self.next = first + lines;
        let (octets, path) = (octets as u64, path.to_owned());
        self.open = Some(Open { file, path, first, from, to, octets, is_synced: false });
        Ok(())
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The number of the next hit.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Appends a hit, whole or not at all; `line` has no line end in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, line: &[u8], now: u64) -> Result<(), Error> {
        let mut text = Vec::with_capacity(line.len() + 1);
        text.extend_from_slice(line);
        text.push(b'\n');
        if self.is_full(text.len() as u64, now) {
            self.compress()?;
            self.expire(now)?;
        }
        let own = match self.open.take() {
            Some(own) => own,
            None => Open::create(self.folder.path(), self.next, now)?,
        };
        let own = self.open.insert(own);
        if let Err(error) = own.file.write_all(&text) {
            // What is left of it, if it cannot be cut off, is at the next start.
            let _ = own.file.set_len(own.octets);
            return Err(Error::system("write", &own.path)(error));
        }
        own.octets += text.len() as u64;
        own.to = own.to.max(now);
        own.is_synced = false;
        self.next += 1;
        Ok(())
    }

    fn is_full(&self, more: u64, now: u64) -> bool {
        let Some(own) = &self.open else { return false };
        // A clock that was set back is no reason to wait.
        let is_old = now.abs_diff(own.from) >= self.options.age;
        own.octets > 0 && (is_old || own.octets + more > self.options.octets)
    }

    /// Does what is due by now: compresses what is old, and deletes.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn tick(&mut self, now: u64) -> Result<(), Error> {
        if self.is_full(0, now) {
            self.compress()?;
        } else if now.abs_diff(self.looked) < LOOK {
            return Ok(());
        }
        self.expire(now)
    }

    /// Makes what was appended outlast a failure of the machine.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn sync(&mut self) -> Result<(), Error> {
        let Some(own) = self.open.as_mut().filter(|own| !own.is_synced) else { return Ok(()) };
        own.file.sync_data().map_err(Error::system("sync", &own.path))?;
        own.is_synced = true;
        Ok(())
    }

    /// What has been deleted since this was last asked.
    pub fn take_expired(&mut self) -> Expired {
        std::mem::take(&mut self.expired)
    }

    /// Makes a compressed file of the one under way. Until that is there, the other stays.
    fn compress(&mut self) -> Result<(), Error> {
        let Some(own) = &self.open else { return Ok(()) };
        let name =
            SegmentName { first: own.first, last: self.next - 1, from: own.from, to: own.to };
        let unfinished = self.folder.unfinished(&name.to_string());
        let write = || -> io::Result<()> {
            let mut file = File::create(&unfinished)?;
            zstd::stream::copy_encode(File::open(&own.path)?, &mut file, LEVEL)?;
            file.sync_all()
        };
        let made = write().map_err(Error::system("write", &unfinished));
        let path = self.folder.path().join(compressed(&name));
        if let Err(error) = made.and_then(|()| self.folder.publish_at(&unfinished, &path)) {
            // Its room may be what the next attempt needs.
            let _ = self.folder.delete(&unfinished);
            return Err(error);
        }
        let path = own.path.clone();
        self.open = None;
        self.folder.delete(&path)
    }

    fn expire(&mut self, now: u64) -> Result<(), Error> {
        self.looked = now;
        if self.options.retention == Retention::default() {
            return Ok(());
        }
        let all = files(&self.folder)?;
        let expired = expire(&all, self.options.retention, now, self.folder.free()?);
        if !expired.is_empty() && expired.len() == all.len() && self.open.is_none() {
            self.folder.note_sequence(self.next)?;
        }
        for name in expired {
            self.folder.delete(&self.folder.path().join(compressed(&name)))?;
            let octets = all.iter().find(|(own, _)| *own == name).map_or(0, |(_, octets)| *octets);
            self.expired.files += 1;
            self.expired.octets += octets;
            self.expired.hits += name.rows();
        }
        Ok(())
    }
}

impl Open {
    fn create(folder: &Path, first: u64, now: u64) -> Result<Self, Error> {
        let path = folder.join(open_name(first, now));
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).mode(0o640).open(&path);
        let file = file.map_err(Error::system("make", &path))?;
        Ok(Self { file, path, first, from: now, to: now, octets: 0, is_synced: true })
    }
}

/// The compressed files, and their octets.
pub(super) fn files(folder: &Folder) -> Result<Vec<(SegmentName, u64)>, Error> {
    folder.files(ENDING)
}

pub(super) fn names(folder: &Folder) -> Result<Vec<SegmentName>, Error> {
    Ok(files(folder)?.into_iter().map(|(name, _)| name).collect())
}
