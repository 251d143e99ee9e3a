//! Debian 12's own kernel, unpacked (not installed) into the target directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{process, setup, stages::Skip, workspace::Workspace};

/// Depends on the newest kernel of the release that the machine's package lists are for.
const META_PACKAGE: &str = "linux-image-cloud-amd64";

/// What the package of Debian 12's kernel is called, and where in the target directory it is unpacked.
const PREFIX: &str = "linux-image-";
const SERIES: &str = "6.1.";
const DIRECTORY: &str = "kernel-6.1";

/// An unpacked kernel package.
pub struct Kernel {
    root: PathBuf,
    release: String,
}

impl Kernel {
    /// The kernel of Debian 12; downloaded once.
    ///
    /// # Errors
    /// When this is no Debian 12, or the package cannot be had.
    pub fn debian_6_1(workspace: &Workspace) -> Result<Self> {
        let directory = workspace.target(DIRECTORY);
        if let Some(release) = unpacked(&directory) {
            return Ok(Self { root: directory, release });
        }
        let package = newest_package()?;
        println!("downloads {package} into {}", process::short(&directory));
        // Unpacked beside its place and then moved: what is in place is complete.
        let partial = workspace.target("kernel-6.1.partial");
        // Left behind by a run that was broken off; usually there is none.
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial).with_context(|| format!("create {}", partial.display()))?;
        process::run(
            Command::new("apt-get").args(["download", "-qq", &package]).current_dir(&partial),
        )?;
        let archive = fs::read_dir(&partial)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .with_context(|| format!("apt-get downloaded no {package}"))?;
        process::run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&partial))?;
        fs::remove_file(&archive).context("remove the package after unpacking it")?;
        let release = package.trim_start_matches(PREFIX).to_owned();
        process::run(Command::new("depmod").arg("-b").arg(&partial).arg(&release))?;
        fs::rename(&partial, &directory).context("put the unpacked kernel in its place")?;
        Ok(Self { root: directory, release })
    }

    /// What `uname -r` says there.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The bootable image.
    pub fn image(&self) -> PathBuf {
        self.root.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    /// Files of `module` and of what it depends on, in the order in which they must be inserted.
    ///
    /// # Errors
    /// When the kernel has no such module.
    pub fn module(&self, module: &str) -> Result<Vec<PathBuf>> {
        let modprobe = process::find_program("modprobe").context("modprobe of kmod is missing")?;
        let answer =
            process::capture(Command::new(modprobe).arg("--dirname").arg(&self.root).args([
                "--set-version",
                &self.release,
                "--show-depends",
                module,
            ]))?;
        Ok(inserted(&answer))
    }
}

/// The release of the kernel unpacked in `directory`.
fn unpacked(directory: &Path) -> Option<String> {
    let entries = fs::read_dir(directory.join("boot")).ok()?;
    entries.flatten().find_map(|entry| {
        entry.file_name().to_string_lossy().strip_prefix("vmlinuz-").map(str::to_owned)
    })
}

/// The newest signed 6.1 kernel in the package lists.
fn newest_package() -> Result<String> {
    let ask = || -> Result<Option<String>> {
        let answer = process::capture(Command::new("apt-cache").args(["depends", META_PACKAGE]));
        Ok(answer.ok().and_then(|answer| package_in(&answer)))
    };
    if let Some(package) = ask()? {
        return Ok(package);
    }
    // A machine without package lists knows no packages.
    if process::is_root() {
        setup::update_package_lists()?;
    }
    match ask()? {
        Some(package) => Ok(package),
        None => Err(Skip(format!(
            "the package lists hold no kernel {SERIES}x; this test needs the archive of Debian 12 \
             (deb http://deb.debian.org/debian bookworm main, then apt-get update)"
        ))
        .into()),
    }
}

fn package_in(depends: &str) -> Option<String> {
    depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|package| package.starts_with(&format!("{PREFIX}{SERIES}")))
        .map(str::to_owned)
}

/// The files in the `insmod` lines of `modprobe --show-depends`; what is built in needs none.
fn inserted(answer: &str) -> Vec<PathBuf> {
    answer
        .lines()
        .filter_map(|line| line.strip_prefix("insmod "))
        .map(|path| PathBuf::from(path.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meta_package_names_the_kernel() {
        let depends = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n";
        assert_eq!(package_in(depends).as_deref(), Some("linux-image-6.1.0-56-cloud-amd64"));
        let trixie = "linux-image-cloud-amd64\n  Depends: linux-image-6.12.1-cloud-amd64\n";
        assert_eq!(package_in(trixie), None);
    }

    #[test]
    fn modules_come_in_order_without_those_built_in() {
        let answer = "builtin crc32c\ninsmod /a/b.ko \ninsmod /a/c.ko\n";
        assert_eq!(inserted(answer), [PathBuf::from("/a/b.ko"), PathBuf::from("/a/c.ko")]);
    }
}
