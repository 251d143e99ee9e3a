//! A Debian system in a directory.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The smallest one that debootstrap makes; removed when dropped.
pub struct System {
    directory: TempDir,
}

impl System {
    /// Debian 12, from the host's mirror.
    ///
    /// # Errors
    /// When debootstrap fails.
    pub fn debian() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let root = directory.path().join("root");
        run(Command::new("debootstrap").args(["--variant=minbase", "bookworm"]).arg(&root))?;
        Ok(Self { directory })
    }

    /// A directory outside of it, with the same life.
    pub fn beside(&self) -> &Path {
        self.directory.path()
    }

    /// Its root.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// A path in it.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root().join(below)
    }

    /// Runs a command line (split at spaces) in it and returns its standard output.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, line: &str) -> Result<String> {
        run(Command::new("chroot").arg(self.root()).args(line.split_whitespace()))
    }

    /// Installs a package, or upgrades to it, as an administrator would who answers no question.
    ///
    /// # Errors
    /// When dpkg fails.
    pub fn install(&self, deb: &Path) -> Result<()> {
        let name = deb.file_name().context("a file")?;
        std::fs::copy(deb, self.path("tmp").join(name))?;
        self.run(&format!("dpkg --install /tmp/{}", name.to_string_lossy())).map(drop)
    }
}

/// The same package with a later version and another proposal for the configuration.
///
/// # Errors
/// When dpkg-deb fails.
pub fn later(deb: &Path, beside: &Path) -> Result<PathBuf> {
    let tree = beside.join("later");
    run(Command::new("dpkg-deb").arg("-R").arg(deb).arg(&tree))?;
    let control = tree.join("DEBIAN/control");
    let text = std::fs::read_to_string(&control)?;
    std::fs::write(&control, text.replace("Version: ", "Version: 9"))?;
    let built = beside.join("later.deb");
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Znone", "-b"])
        .args([&tree, &built]))?;
    Ok(built)
}

/// Runs a command and returns its standard output.
///
/// # Errors
/// When it fails, with all that it printed.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").output();
    let output = output.with_context(|| format!("start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}{wrong}", output.status);
    Ok(said)
}
