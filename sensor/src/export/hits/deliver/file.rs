//! A file that another takes the place of when it is full.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Failure, Message, Reopen};
use crate::export::hits::{error::HitsError, options::FileOptions};

/// The file under way.
pub struct HitFile {
    options: FileOptions,
    reopen: Arc<Reopen>,
    /// How many times it had been wished to open it anew when it was opened.
    opened_at: u64,
    /// None after an error, until it can be opened again.
    open: Option<Open>,
    text: Vec<u8>,
}

struct Open {
    file: File,
    octets: u64,
    since: SystemTime,
}

impl HitFile {
    /// Opens the file to append to it; makes it if need be.
    pub fn open(options: FileOptions, reopen: Arc<Reopen>) -> Result<Self, HitsError> {
        let opened_at = reopen.count();
        let open = open(&options.path)
            .map_err(|source| HitsError::File { path: options.path.clone(), source })?;
        Ok(Self { options, reopen, opened_at, open: Some(open), text: Vec::new() })
    }

    /// Writes the batch, a line end behind each message.
    pub fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        let mut octets = 0;
        for (delivered, message) in batch.iter().enumerate() {
            self.text.clear();
            self.text.extend_from_slice(message);
            self.text.push(b'\n');
            self.write(SystemTime::now()).map_err(|error| {
                self.open = None;
                let path = self.options.path.display();
                Failure::retry(delivered, &format!("cannot write {path}: {error}"))
            })?;
            octets += self.text.len();
        }
        Ok(octets)
    }

    /// Writes the text; first makes room for it where the file is full.
    fn write(&mut self, now: SystemTime) -> io::Result<()> {
        let wished = self.reopen.count();
        if wished != self.opened_at {
            self.opened_at = wished;
            self.open = None;
        }
        let full = self
            .open
            .as_ref()
            .is_some_and(|open| open.is_full(&self.options, self.text.len(), now));
        if full {
            self.open = None;
            rotate(&self.options.path, self.options.keep)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(open(&self.options.path)?),
        };
        if let Err(error) = open.file.write_all(&self.text) {
            // Half a line on a full disk; if it cannot be taken back, it stays.
            let _ = open.file.set_len(open.octets);
            return Err(error);
        }
        open.octets += self.text.len() as u64;
        Ok(())
    }
}

impl Open {
    fn is_full(&self, options: &FileOptions, more: usize, now: SystemTime) -> bool {
        let age = now.duration_since(self.since).unwrap_or(Duration::ZERO);
        let old = options.max_age.is_some_and(|limit| age >= limit);
        self.octets > 0 && (old || self.octets + more as u64 > options.max_size)
    }
}

fn open(path: &Path) -> io::Result<Open> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let metadata = file.metadata()?;
    // Not every file system knows when a file was made.
    let since = metadata.created().unwrap_or_else(|_| SystemTime::now());
    Ok(Open { octets: metadata.len(), since, file })
}

/// Moves the file and those before it one number on; the last one goes.
fn rotate(path: &Path, keep: u64) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        move_if_there(&numbered(path, number), &numbered(path, number + 1))?;
    }
    move_if_there(path, &numbered(path, 1))
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(directory: &Path) -> FileOptions {
        FileOptions { path: directory.join("hits"), max_size: 20, max_age: None, keep: 2 }
    }

    fn read(directory: &Path, name: &str) -> String {
        fs::read_to_string(directory.join(name)).unwrap_or_else(|_| "-".to_owned())
    }

    #[test]
    fn full_files_are_numbered_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = HitFile::open(options(directory.path()), Arc::default()).unwrap();
        for number in 0..8 {
            file.deliver(&[format!("message{number}").into_bytes()]).unwrap();
        }
        let read = |name| read(directory.path(), name);
        assert_eq!(read("hits"), "message6\nmessage7\n");
        assert_eq!(read("hits.1"), "message4\nmessage5\n");
        assert_eq!(read("hits.2"), "message2\nmessage3\n");
        assert_eq!(read("hits.3"), "-");
    }

    #[test]
    fn age_makes_it_full() {
        let directory = tempfile::tempdir().unwrap();
        let options = FileOptions {
            max_age: Some(Duration::from_secs(60)),
            max_size: 1 << 20,
            ..options(directory.path())
        };
        let mut file = HitFile::open(options, Arc::default()).unwrap();
        let start = file.open.as_ref().unwrap().since;
        for seconds in [0, 59, 60, 61] {
            file.text = format!("{seconds}\n").into_bytes();
            file.write(start + Duration::from_secs(seconds)).unwrap();
            if let Some(open) = &mut file.open {
                open.since = if seconds < 60 { start } else { start + Duration::from_secs(60) };
            }
        }
        assert_eq!(read(directory.path(), "hits.1"), "0\n59\n");
        assert_eq!(read(directory.path(), "hits"), "60\n61\n");
    }

    #[test]
    fn a_moved_file_is_opened_anew_when_it_is_wished() {
        let directory = tempfile::tempdir().unwrap();
        let reopen = Arc::<Reopen>::default();
        let mut file = HitFile::open(options(directory.path()), Arc::clone(&reopen)).unwrap();
        file.deliver(&[b"a".to_vec()]).unwrap();
        fs::rename(directory.path().join("hits"), directory.path().join("moved")).unwrap();
        file.deliver(&[b"b".to_vec()]).unwrap();
        reopen.ask();
        file.deliver(&[b"c".to_vec()]).unwrap();
        assert_eq!(read(directory.path(), "moved"), "a\nb\n");
        assert_eq!(read(directory.path(), "hits"), "c\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let options = FileOptions { path: "/dev/full".into(), ..options(directory.path()) };
        let mut file = HitFile::open(options, Arc::default()).unwrap();
        let failure = file.deliver(&[b"a".to_vec()]).unwrap_err();
        assert_eq!(failure.verdict, super::super::Verdict::Retry { after: None });
        assert!(failure.error.starts_with("cannot write /dev/full: No space"), "{}", failure.error);
    }
}
