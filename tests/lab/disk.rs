//! A small file system of its own, which can be full; unmounted when dropped.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::Path,
    process::Command,
};

use anyhow::{Result, ensure};

/// A tmpfs in a temporary directory.
#[derive(Debug)]
pub struct SmallDisk(tempfile::TempDir);

/// The file that takes all room.
const BALLAST: &str = "ballast";

impl SmallDisk {
    /// Mounts one of `size`, as `mount -o size=` takes it.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn new(size: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(directory.path())
            .status()?;
        ensure!(mounted.success(), "mount a tmpfs");
        Ok(Self(directory))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all room that there is.
    ///
    /// # Errors
    /// When that is not how it ends.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.path().join(BALLAST))?;
        loop {
            match ballast.write(&[0; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives back what [`Self::fill`] took.
    ///
    /// # Errors
    /// When it took nothing.
    pub fn relieve(&self) -> Result<()> {
        Ok(fs::remove_file(self.path().join(BALLAST))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What cannot be unmounted stays, and the failed removal of the directory will be seen.
        let _ = Command::new("umount").arg(self.path()).status();
    }
}
