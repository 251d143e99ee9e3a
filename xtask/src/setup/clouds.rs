//! Servers that stand for clouds in the labs: moto (S3 and SQS) and Azurite (Azure Blob Storage), below the target directory.
//!
//! No distribution has them. They are installed from PyPI and npm in fixed versions, without asking where they are there already.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// What is installed by pip, and what its server needs to start: all that moto offers would be three times as much.
const PYTHON: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
/// What is installed by npm.
const NODE: [&str; 1] = ["azurite@3.35.0"];

/// Where they are, below the target directory. The labs look there.
const DIRECTORY: &str = "clouds";

/// Installs what is missing.
///
/// # Errors
/// When pip or npm fail.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let directory = workspace.target(DIRECTORY);
    let pip = |into: PathBuf| {
        let mut command = Command::new("python3");
        command.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-compile",
            "--no-warn-conflicts",
        ]);
        // A warning that it is no place for programs is none to us.
        command.args(["--root-user-action=ignore", "--target"]).arg(into).args(PYTHON);
        command
    };
    let npm = |into: PathBuf| {
        let mut command = Command::new("npm");
        command.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
        command.arg(into).args(NODE);
        command
    };
    part(directory.join("python"), &PYTHON, pip)?;
    part(directory.join("node"), &NODE, npm)
}

/// Installs `packages` into `into`, unless that has been done; a file there says of which versions.
fn part(into: PathBuf, packages: &[&str], command: impl FnOnce(PathBuf) -> Command) -> Result<()> {
    let (mark, wanted) = (into.join("installed"), packages.join("\n"));
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if into.exists() {
        fs::remove_dir_all(&into).with_context(|| format!("remove {}", process::short(&into)))?;
    }
    fs::create_dir_all(&into).with_context(|| format!("make {}", process::short(&into)))?;
    let what = packages.join(", ");
    println!("setup: installs {what} into {} (about 20 seconds)", process::short(&into));
    process::run(&mut command(into))?;
    fs::write(&mark, wanted).with_context(|| format!("write {}", process::short(&mark)))
}
