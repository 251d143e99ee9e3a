//! The directory of pins: in a bpffs, for its owner alone, and one agent's at a time.
//!
//! An agent holds a lock (flock(2)) on the directory itself, which ends with the process, however that ends.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::sys::objects;

/// Why a directory of pins cannot be used.
#[derive(Debug, Error)]
pub enum PinError {
    /// There is no bpffs.
    #[error("{} is not on a bpffs; mount one: mount -t bpf bpf {}", directory.display(), mount.display())]
    NotMounted {
        /// The directory.
        directory: PathBuf,
        /// Where to mount it.
        mount: PathBuf,
    },
    /// Another agent is at work there.
    #[error(
        "another sensor{} uses the pins in {}; stop it, or give each its own capture.pin_path",
        .holder.map(|id| format!(" (process {id})")).unwrap_or_default(),
        directory.display()
    )]
    Held {
        /// The directory.
        directory: PathBuf,
        /// Its process, where that is to be seen.
        holder: Option<u32>,
    },
    /// It cannot be made, read or written.
    #[error("cannot use the pins in {}: {source}", directory.display())]
    Failed {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A directory, locked.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Locks `path`, which is made where it is not there.
    pub(super) fn make(path: &Path) -> Result<Self, PinError> {
        let failed = |source| PinError::Failed { directory: path.to_owned(), source };
        let there = nearest(path);
        if !objects::is_bpffs(there).map_err(failed)? {
            return Err(PinError::NotMounted { directory: path.to_owned(), mount: mount_of(path) });
        }
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        Self::lock(path)
    }

    /// Locks `path` if there is such a directory on a bpffs.
    pub(super) fn existing(path: &Path) -> Result<Option<Self>, PinError> {
        match objects::is_bpffs(path) {
            Ok(true) => Self::lock(path).map(Some),
            Ok(false) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PinError::Failed { directory: path.to_owned(), source }),
        }
    }

    fn lock(path: &Path) -> Result<Self, PinError> {
        let failed = |source| PinError::Failed { directory: path.to_owned(), source };
        let lock = File::open(path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
                let inode = lock.metadata().map_err(failed)?.ino();
                Err(PinError::Held { directory: path.to_owned(), holder: holder(&locks, inode) })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn failed(&self, source: io::Error) -> PinError {
        PinError::Failed { directory: self.path.clone(), source }
    }
}

/// Whether `directory` could hold pins, without a change to anything.
///
/// # Errors
/// When there is no bpffs, or it cannot be looked at.
pub fn check(directory: &Path) -> Result<(), PinError> {
    match objects::is_bpffs(nearest(directory)) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let mount = mount_of(directory);
            Err(PinError::NotMounted { directory: directory.to_owned(), mount })
        }
        Err(source) => Err(PinError::Failed { directory: directory.to_owned(), source }),
    }
}

/// The nearest directory above `path`, or it, that is there.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

/// Where the kernel has a place for a bpffs, or else the directory above.
fn mount_of(path: &Path) -> PathBuf {
    const USUAL: &str = "/sys/fs/bpf";
    match path.parent() {
        Some(parent) if !path.starts_with(USUAL) => parent.to_owned(),
        _ => PathBuf::from(USUAL),
    }
}

/// The process with a lock (flock) on `inode`, by the lines of /proc/locks.
fn holder(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        if words.next()? != "FLOCK" {
            return None;
        }
        let id = words.nth(2)?.parse().ok()?;
        let (_, found) = words.next()?.rsplit_once(':')?;
        (found.parse() == Ok(inode)).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_named() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 00:1d:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 00:1d:77 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 12 00:1d:77 0 EOF\n\
                     3: FLOCK  ADVISORY  READ  -1 00:1d:78 0 EOF\n";
        assert_eq!(holder(locks, 77), Some(4711));
        assert_eq!(holder(locks, 78), None, "of another namespace of processes");
        assert_eq!(holder(locks, 7), None);
    }

    #[test]
    fn the_message_tells_how_to_mount() {
        let error = |path: &str| {
            let directory = PathBuf::from(path);
            PinError::NotMounted { mount: mount_of(&directory), directory }.to_string()
        };
        assert_eq!(
            error("/sys/fs/bpf/sensor"),
            "/sys/fs/bpf/sensor is not on a bpffs; mount one: mount -t bpf bpf /sys/fs/bpf"
        );
        assert!(error("/run/pins/a").ends_with("mount -t bpf bpf /run/pins"));
    }
}
