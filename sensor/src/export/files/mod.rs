//! Files that records are appended to: how they stay whole on a full disk, make room for others, and never grow without
//! end. Flow logs, files of hits and IPFIX files have it from here.
//!
//! * [`whole`]: a record is in the file whole, or not at all.
//! * [`rotated`]: a file of one name, and its numbered predecessors.
//! * [`retention`]: how many files are kept, and what becomes of the others.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

pub mod retention;
pub mod rotated;
pub mod whole;

/// Permissions of a file that is made: flows are nobody else's business.
const MODE: u32 = 0o640;

/// A wish to have files opened anew, counted: somebody has moved them (SIGHUP).
#[derive(Debug, Default)]
pub struct Reopen(AtomicU64);

impl Reopen {
    /// Wishes it.
    pub fn request(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Opens a file to append to it; makes it if need be.
fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(MODE).open(path)
}

/// Makes a file that is not there yet.
pub(in crate::export) fn make(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}
