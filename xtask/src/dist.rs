//! Builds the binary to ship: profile `dist`, stripped, with its debug information in a file beside it.
//!
//! The binary carries a `.gnu_debuglink`, by which debuggers, perf and the backtraces of Rust find that file in the same
//! directory; without it, a host does without lines. binutils split it, which the linker needs anyway.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{build, process, workspace::Workspace};

/// What a host has to download and keep; above it something heavy has come in. The last that did were object stores with their
/// HTTP client, Parquet and the public suffix list, which took it from 16 MiB to 21.
const LIMIT: u64 = 24 << 20;

/// `cargo xtask build --dist`; returns the path of the binary.
///
/// # Errors
/// When something is missing, does not compile, or the binary is larger than it may be.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    build::ebpf(workspace)?;
    let mut cargo = process::cargo();
    cargo.args(["build", "--package", "sensor", "--bin", "sensor", "--profile", "dist"]);
    process::run(&mut cargo).context("build the agent")?;
    // Into a directory of its own: cargo's output stays whole, so that a second build has something to split.
    let shipped = workspace.target("dist/shipped");
    fs::create_dir_all(&shipped).with_context(|| format!("create {}", shipped.display()))?;
    let (binary, debug) = (shipped.join("sensor"), shipped.join("sensor.debug"));
    split(&workspace.target("dist/sensor"), &binary, &debug)?;
    for file in [&binary, &debug] {
        println!("{}  {}", process::short(file), mebibytes(size(file)?));
    }
    within(size(&binary)?)?;
    Ok(binary)
}

/// Writes `built` without debug information and symbols to `binary`, and both to `debug`.
fn split(built: &Path, binary: &Path, debug: &Path) -> Result<()> {
    let objcopy = || Command::new("objcopy");
    process::run(objcopy().arg("--only-keep-debug").args([built, debug]))?;
    let mut link = std::ffi::OsString::from("--add-gnu-debuglink=");
    link.push(debug);
    process::run(objcopy().arg("--strip-all").arg(link).args([built, binary]))
}

fn size(file: &Path) -> Result<u64> {
    Ok(fs::metadata(file).with_context(|| format!("look at {}", file.display()))?.len())
}

fn within(size: u64) -> Result<()> {
    if size > LIMIT {
        bail!("the binary has {}, more than {}", mebibytes(size), mebibytes(LIMIT));
    }
    Ok(())
}

/// In tenths, rounded up, so that what is above a limit looks so.
fn mebibytes(octets: u64) -> String {
    let tenths = (octets * 10).div_ceil(1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_above_the_limit_is_refused_and_looks_so() {
        assert!(within(LIMIT).is_ok());
        let message = within(LIMIT + 1).unwrap_err().to_string();
        assert_eq!(message, "the binary has 24.1 MiB, more than 24.0 MiB");
    }

    #[test]
    fn a_split_binary_runs_and_names_its_debug_file() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, debug) = (directory.path().join("b"), directory.path().join("b.debug"));
        let built = std::env::current_exe().unwrap();
        split(&built, &binary, &debug).unwrap();
        assert!(size(&binary).unwrap() < size(&built).unwrap());
        let sections = process::capture(Command::new("readelf").arg("-SW").arg(&debug)).unwrap();
        assert!(sections.contains(".debug_line"), "{sections}");
        let sections = process::capture(Command::new("readelf").arg("-SW").arg(&binary)).unwrap();
        assert!(sections.contains(".gnu_debuglink") && !sections.contains(".debug_line"));
        assert!(process::succeeds(Command::new(&binary).arg("--list")));
    }
}
