//! Debian's kernels, unpacked (not installed) into the target directory.
//!
//! What the agent meets in the field is not what this machine runs: Debian 12's own 6.1 has no tcx, and its 6.12 from
//! backports has the modules that kernels of cloud machines lack. Both come from Debian's archive by apt, which checks
//! their signatures.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{process, setup, stages::Skip, workspace::Workspace};

/// What packages of kernels are called.
const PREFIX: &str = "linux-image-";

/// A kernel of Debian's that tests run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Series {
    /// Debian 12's own, for cloud machines: programs attach by clsact.
    V6_1,
    /// That of Debian 12's backports, with all modules: programs attach by tcx.
    V6_12,
}

impl Series {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        }
    }

    /// The package that depends on the newest of the series. The kernel for cloud machines is a third as large, and
    /// lacks PPP of all that the labs use.
    const fn meta_package(self) -> &'static str {
        match self {
            Self::V6_1 => "linux-image-cloud-amd64",
            Self::V6_12 => "linux-image-amd64",
        }
    }

    /// The line of apt's sources for it, where it is not in the release that the machine's package lists are for.
    const fn source(self) -> Option<&'static str> {
        match self {
            Self::V6_1 => None,
            Self::V6_12 => Some(
                "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
                 http://deb.debian.org/debian bookworm-backports main\n",
            ),
        }
    }
}

/// An unpacked kernel package.
pub struct Kernel {
    root: PathBuf,
    release: String,
    series: Series,
}

impl Kernel {
    /// The newest kernel of a series; downloaded once.
    ///
    /// # Errors
    /// When the package cannot be had.
    pub fn debian(workspace: &Workspace, series: Series) -> Result<Self> {
        let directory = workspace.target(&format!("kernel-{}", series.name()));
        if let Some(release) = unpacked(&directory) {
            return Ok(Self { root: directory, release, series });
        }
        // Unpacked beside its place and then moved: what is in place is complete.
        let partial = workspace.target(&format!("kernel-{}.partial", series.name()));
        // Left behind by a run that was broken off; usually there is none.
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial).with_context(|| format!("create {}", partial.display()))?;
        let archive = Archive::new(series, &partial)?;
        let package = archive.newest_package()?;
        println!("downloads {package} into {}", process::short(&directory));
        let deb = archive.download(&package, &partial)?;
        process::run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&partial))?;
        fs::remove_file(&deb).context("remove the package after unpacking it")?;
        let release = package.trim_start_matches(PREFIX).to_owned();
        let depmod = process::find_program("depmod").context("depmod of kmod is missing")?;
        process::run(Command::new(depmod).arg("-b").arg(&partial).arg(&release))?;
        fs::rename(&partial, &directory).context("put the unpacked kernel in its place")?;
        Ok(Self { root: directory, release, series })
    }

    /// Whether it is not the smaller one for cloud machines.
    pub fn has_all_modules(&self) -> bool {
        self.series == Series::V6_12
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
                // Options for modules of this machine are none of that one's.
                "--config",
                "/dev/null",
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

/// apt, asked for one series.
struct Archive {
    series: Series,
    /// What makes apt use lists of its own, beside the machine's.
    options: Vec<String>,
}

impl Archive {
    /// Lists of its own lie below `directory`.
    fn new(series: Series, directory: &Path) -> Result<Self> {
        let Some(source) = series.source() else {
            return Ok(Self { series, options: Vec::new() });
        };
        let apt = directory.join("apt");
        for path in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.join(path)).context("make directories for apt's lists")?;
        }
        fs::write(apt.join("sources.list"), source).context("write apt's sources")?;
        let at = apt.display();
        let archive = Self {
            series,
            options: vec![
                format!("Dir::Etc::sourcelist={at}/sources.list"),
                "Dir::Etc::sourceparts=/dev/null".to_owned(),
                format!("Dir::State::lists={at}/lists"),
                format!("Dir::Cache={at}/cache"),
                // Else a user of apt's own would have to be able to write here.
                "APT::Sandbox::User=root".to_owned(),
            ],
        };
        process::run(archive.command("apt-get").args(["update", "-qq"]))?;
        Ok(archive)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(self.options.iter().flat_map(|option| ["-o", option]));
        command
    }

    /// The package of the newest kernel.
    fn newest_package(&self) -> Result<String> {
        let ask = || {
            let meta = self.series.meta_package();
            let answer = process::capture(self.command("apt-cache").args(["depends", meta]));
            answer.ok().and_then(|answer| package_in(self.series, &answer))
        };
        if let Some(package) = ask() {
            return Ok(package);
        }
        // A machine without package lists knows no packages.
        if self.options.is_empty() && process::is_root() {
            setup::update_package_lists()?;
        }
        let advice = || {
            Skip(format!(
                "the package lists hold no kernel {}.x; this test needs the archive of Debian 12 \
                 (deb http://deb.debian.org/debian bookworm main, then apt-get update)",
                self.series.name()
            ))
        };
        ask().ok_or_else(|| advice().into())
    }

    /// Where `package` lies after it has been downloaded into `directory`.
    fn download(&self, package: &str, directory: &Path) -> Result<PathBuf> {
        let mut command = self.command("apt-get");
        process::run(command.args(["download", "-qq", package]).current_dir(directory))?;
        fs::read_dir(directory)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .with_context(|| format!("apt-get downloaded no {package}"))
    }
}

fn package_in(series: Series, depends: &str) -> Option<String> {
    depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|package| package.starts_with(&format!("{PREFIX}{}.", series.name())))
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
        let package = package_in(Series::V6_1, depends);
        assert_eq!(package.as_deref(), Some("linux-image-6.1.0-56-cloud-amd64"));
        let trixie = "linux-image-cloud-amd64\n  Depends: linux-image-6.12.1-cloud-amd64\n";
        assert_eq!(package_in(Series::V6_1, trixie), None);
        let package = package_in(Series::V6_12, trixie);
        assert_eq!(package.as_deref(), Some("linux-image-6.12.1-cloud-amd64"));
    }

    #[test]
    fn modules_come_in_order_without_those_built_in() {
        let answer = "builtin crc32c\ninsmod /a/b.ko \ninsmod /a/c.ko\n";
        assert_eq!(inserted(answer), [PathBuf::from("/a/b.ko"), PathBuf::from("/a/c.ko")]);
    }
}
