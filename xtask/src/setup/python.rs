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

/// A Python that has the peers.
///
/// # Errors
/// Whatever venv and pip say when they cannot make it.
pub fn peers(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target("peers");
    let python = folder.join("bin/python");
    if !has_peers(&python) {
        println!("setup: {} into {}", PEERS.join(", "), process::short(&folder));
        // Debian's Python has no pip to put into an environment, but its own pip works on any.
        process::run(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&folder))?;
        let mut pip = Command::new("pip3");
        pip.arg("--python").arg(&python).args(["install", "--quiet"]).args(PEERS);
        process::run(&mut pip)?;
    }
    Ok(python)
}

fn has_peers(python: &Path) -> bool {
    process::succeeds(Command::new(python).args(["-c", &format!("import {}", PEERS.join(", "))]))
}
