//! How far files have been read: counted where their octets come from, before any decompression, for whoever shows progress.

use std::{
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::open;

/// Octets read so far of a number of files. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

impl Meter {
    /// A meter of `files`, of which the sizes are added up where all of them have one: standard input and pipes have none.
    pub fn of(files: &[impl AsRef<Path>]) -> Self {
        let size = files.iter().map(|path| open::size(path.as_ref())).sum();
        Self { read: Arc::default(), size }
    }

    /// Octets read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// Octets of all files together, where known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Counts octets that were read.
    pub fn add(&self, octets: u64) {
        self.read.fetch_add(octets, Relaxed);
    }

    /// Counts what is read of `reader`.
    pub fn watch<R: Read>(&self, reader: R) -> Metered<R> {
        Metered { reader, read: self.read.clone() }
    }
}

/// A reader whose octets are counted.
#[derive(Debug)]
pub struct Metered<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn octets_are_counted_over_all_readers() {
        let meter = Meter::default();
        let mut text = Vec::new();
        meter.watch(&b"abc"[..]).read_to_end(&mut text).unwrap();
        meter.clone().watch(&b"de"[..]).read_to_end(&mut text).unwrap();
        assert_eq!((meter.read(), text.as_slice()), (5, &b"abcde"[..]));
    }

    #[test]
    fn a_size_is_known_where_every_file_has_one() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, b"12345").unwrap();
        assert_eq!(Meter::of(&[&file, &file]).size(), Some(10));
        assert_eq!(Meter::of(&[file.as_path(), Path::new("-")]).size(), None);
        assert_eq!(Meter::of(&[directory.path()]).size(), None);
    }
}
