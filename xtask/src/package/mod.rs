//! Packages of the agent: for Debian and for RPM distributions, a tarball and a container image, all of the same tree.
//!
//! [`tree`] is the one table of what is installed where. The formats are written by the programs that define them
//! (dpkg-deb, rpmbuild, tar); their metadata are a dozen lines, for which a packaging tool would have to be built first. Packages
//! are reproducible: the time of every file is that of the last commit.

mod deb;
mod image;
mod rpm;
mod tarball;
mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use self::tree::Staged;
use crate::{dist, process, setup, workspace::Workspace};

/// `cargo xtask package`: returns the directory of the packages. `binary`, without its symbols, instead of one of profile
/// `dist`; its packages are compressed in haste.
///
/// # Errors
/// When something is missing, does not compile, or cannot be written.
pub fn run(workspace: &Workspace, binary: Option<&Path>) -> Result<PathBuf> {
    setup::programs(&[setup::Need::Package])?;
    let out = workspace.target("package");
    fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
    let (binary, effort) = match binary {
        Some(given) => {
            let binary = out.join("sensor");
            process::run(Command::new("strip").arg("-o").arg(&binary).arg(given))?;
            (binary, 1)
        }
        None => (dist::build(workspace)?, 9),
    };
    let staged = Staged::new(&out.join("tree"), &binary)?;
    let about = About::new(workspace, &binary, effort)?;
    for package in [
        deb::write_deb(&staged, &about, &out)?,
        rpm::write_rpm(&staged, &about, &out)?,
        tarball::write(&staged, &about, &out)?,
        image::write(&staged, &about, &binary, &out)?,
    ] {
        println!("{}", process::short(&package));
    }
    Ok(out)
}

/// What all formats say of the package.
struct About {
    version: String,
    /// In Debian's words: `amd64`, `arm64`.
    architecture: String,
    /// The newest version of glibc whose symbols the binary uses.
    glibc: String,
    /// Seconds since the epoch.
    time: String,
    /// How hard compressors try, 1 to 9.
    effort: u8,
}

impl About {
    fn new(workspace: &Workspace, binary: &Path, effort: u8) -> Result<Self> {
        let time = process::capture(Command::new("git").args(["log", "-1", "--format=%ct"]));
        let symbols = process::capture(Command::new("objdump").arg("-T").arg(binary))?;
        Ok(Self {
            version: workspace.version("sensor")?,
            architecture: process::capture(Command::new("dpkg").arg("--print-architecture"))?
                .trim()
                .to_owned(),
            glibc: newest_glibc(&symbols).context("the binary uses no symbol of glibc")?,
            // A tree without its history has no such time; any will do.
            time: time.map_or_else(|_| "0".to_owned(), |time| time.trim().to_owned()),
            effort,
        })
    }

    /// `sensor_0.1.0_amd64`.
    fn stem(&self) -> String {
        format!("sensor_{}_{}", self.version, self.architecture)
    }
}

/// The newest `GLIBC_` version in a list of dynamic symbols.
fn newest_glibc(symbols: &str) -> Option<String> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let numbers: Option<Vec<u32>> = rest[..end].split('.').map(|n| n.parse().ok()).collect();
        Some((numbers?, &rest[..end]))
    });
    versions.max().map(|(_, text)| text.to_owned())
}

/// A directory that is empty and exists.
fn fresh(directory: &Path) -> Result<PathBuf> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("empty {}", directory.display()))?;
    }
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    Ok(directory.to_path_buf())
}

/// Writes a file of a package's metadata.
fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_by_number_not_by_text() {
        let symbols = " *UND* (GLIBC_2.9) read\n *UND* (GLIBC_2.34) dlsym\n *UND* (GLIBC_2.2.5) x";
        assert_eq!(newest_glibc(symbols).as_deref(), Some("2.34"));
        assert_eq!(newest_glibc("GCC_3.0"), None);
    }
}
