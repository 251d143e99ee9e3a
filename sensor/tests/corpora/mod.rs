//! The corpora of captures, exports and queries: optional, found by `SENSOR_CORPORA`, else beside the workspace.

#![allow(dead_code, reason = "no test uses all of it")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Where they lie, whether or not they are there.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.ancestors().find(|directory| directory.join("Cargo.lock").is_file());
    let beside = || workspace.unwrap_or(package).join("../shared/corpora");
    env::var_os("SENSOR_CORPORA").map_or_else(beside, PathBuf::from)
}

/// The folder `name` of them, if it is there. Else says so.
pub fn folder(name: &str) -> Option<PathBuf> {
    let folder = root().join(name);
    if !folder.is_dir() {
        eprintln!("not run: {} is not there; SENSOR_CORPORA names the corpora", folder.display());
        return None;
    }
    Some(folder)
}

/// All files below `directory`, in a fixed order.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(directory, &mut files);
    files
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for path in entries(directory) {
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// What `directory` holds, by name.
pub fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the corpus can be read");
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("the corpus can be read").path()).collect();
    paths.sort();
    paths
}
