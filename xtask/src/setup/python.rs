//! Peers that are packages of Python, in an environment of their own below `target/`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{process, workspace::Workspace};

/// The variable by which labs and benchmarks find the Python that has them.
pub const PYTHON: &str = "SENSOR_PYTHON";

/// Packages that benchmarks compare the sensor with, and that read its files in labs; the module of each is called the same.
const PEERS: &[&str] = &["duckdb", "pyarrow"];

/// What queries are also held against every night: ClickHouse, which takes up 900 MB.
const ENGINES: &[&str] = &["chdb"];

/// A Python that has the peers.
///
/// # Errors
/// Whatever venv and pip say when they cannot make it.
pub fn peers(workspace: &Workspace) -> Result<PathBuf> {
    with(workspace, PEERS)
}

/// A Python that has the peers, and all engines that queries are translated for.
///
/// # Errors
/// Whatever venv and pip say when they cannot make it.
pub fn engines(workspace: &Workspace) -> Result<PathBuf> {
    peers(workspace)?;
    with(workspace, ENGINES)
}

fn with(workspace: &Workspace, packages: &[&str]) -> Result<PathBuf> {
    let folder = workspace.target("peers");
    let python = folder.join("bin/python");
    if !has(&python, packages) {
        println!("setup: {} into {}", packages.join(", "), process::short(&folder));
        // Debian's Python has no pip to put into an environment, but its own pip works on any.
        process::run(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&folder))?;
        let mut pip = Command::new("pip3");
        pip.arg("--python").arg(&python).args(["install", "--quiet"]).args(packages);
        process::run(&mut pip)?;
    }
    Ok(python)
}

fn has(python: &Path, packages: &[&str]) -> bool {
    process::succeeds(Command::new(python).args(["-c", &format!("import {}", packages.join(", "))]))
}
