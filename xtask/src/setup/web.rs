//! What builds and tests the console's page: packages of npm, below the target directory, in the versions of the lock file.
//!
//! The sources are linked in beside them, so that they find the packages, and messages of tools name paths that exist.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// Where the page's sources are.
pub const SOURCES: &str = "sensor/web";

/// What of [`SOURCES`] is linked in. `dist` is what tests open in a browser.
const LINKED: [&str; 7] =
    ["build.mjs", "dist", "package-lock.json", "package.json", "src", "tests", "tsconfig.json"];

/// A directory with the sources and their packages.
///
/// # Errors
/// When npm fails.
pub fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let directory = workspace.target("web");
    fs::create_dir_all(&directory)
        .with_context(|| format!("make {}", process::short(&directory)))?;
    let sources = workspace.root().join(SOURCES);
    for name in LINKED {
        link(&sources.join(name), &directory.join(name))?;
    }
    let lock = fs::read_to_string(sources.join("package-lock.json")).context("read the lock")?;
    let mark = directory.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(directory);
    }
    println!("setup: installs the packages of the page into {}", process::short(&directory));
    // Packages run nothing when they are installed.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
    process::run(npm.current_dir(&directory))?;
    fs::write(&mark, lock).with_context(|| format!("write {}", process::short(&mark)))?;
    Ok(directory)
}

/// Node on a script of the page, with packages found from where the sources are linked, not from where they lie.
pub fn node(directory: &Path) -> Command {
    let mut node = Command::new("node");
    node.args(["--preserve-symlinks", "--preserve-symlinks-main"]).current_dir(directory);
    node
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|target| target == to) {
        return Ok(());
    }
    match fs::remove_file(at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove {}", process::short(at)));
        }
        _ => {}
    }
    symlink(to, at).with_context(|| format!("link {}", process::short(at)))
}
