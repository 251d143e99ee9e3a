//! The tarball, for hosts without dpkg: `tar -C / -xf` installs it, and `sensor.service` with it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{About, tree::Staged};
use crate::process;

/// Writes `sensor_VERSION_ARCH.tar.xz` into `out`.
///
/// # Errors
/// When tar fails.
pub(super) fn write(staged: &Staged, about: &About, out: &Path) -> Result<PathBuf> {
    let file = out.join(format!("{}.tar.xz", about.stem()));
    let xz = format!("--use-compress-program=xz -{}", about.effort);
    pack(&staged.root, about, &[&xz], &file)?;
    Ok(file)
}

/// A tar file of `root` that depends on nothing but its content; `how` is said to tar as well.
///
/// # Errors
/// When tar fails.
pub(super) fn pack(root: &Path, about: &About, how: &[&str], file: &Path) -> Result<()> {
    process::run(
        Command::new("tar")
            .args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
            .args(["--format=pax", "--pax-option=delete=atime,delete=ctime"])
            .arg(format!("--mtime=@{}", about.time))
            .args(how)
            .arg("--file")
            .arg(file)
            .arg("--directory")
            .arg(root)
            .arg("."),
    )
}
