//! The corpus of captured traffic: optional, found by `SENSOR_CORPORA`, else beside the workspace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

/// The directory of the captures, if it is there. Else says so.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let corpora = std::env::var_os("SENSOR_CORPORA").map_or_else(beside, PathBuf::from);
    let traffic = corpora.join("traffic");
    if traffic.is_dir() {
        return Some(traffic);
    }
    eprintln!("not run: {} is not there; SENSOR_CORPORA names the corpora", traffic.display());
    None
}

/// All files below `directory`, in a fixed order.
///
/// # Errors
/// When a directory cannot be read.
pub fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
