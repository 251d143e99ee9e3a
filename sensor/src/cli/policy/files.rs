//! Finds and reads policy files.

#![expect(clippy::disallowed_methods, reason = "edge: reads the files that the command line names")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::FilesArgs;
use crate::{
    cli::exit::Failure,
    nql::lists::{ListValues, Lists},
    policy::load::{Loaded, PolicyFile, load},
};

/// How the names of test files end.
const TEST: &str = ".test.toml";

/// The files that the command line names, those of directories in the order of their names.
pub fn find(paths: &[PathBuf], wanted: fn(&Path) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let about = || format!("cannot read {}", path.display());
        if fs::metadata(path).with_context(about)?.is_dir() {
            walk(path, wanted, &mut found).with_context(about)?;
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn walk(
    directory: &Path,
    wanted: fn(&Path) -> bool,
    found: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, wanted, found)?;
        } else if wanted(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file in a directory of policies is one of them.
pub fn is_policy(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    matches!(extension, Some("toml" | "json")) && !is_test(path)
}

/// Whether a file is one of tests.
pub fn is_test(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with(TEST))
}

/// The policies that a file of tests is about, and its own name without the ending.
pub fn neighbour(test: &Path) -> Option<(PathBuf, String)> {
    let stem = test.file_name()?.to_str()?.strip_suffix(TEST)?.to_owned();
    Some((test.with_file_name(format!("{stem}.toml")), stem))
}

/// Reads a file.
pub fn read(path: &Path) -> anyhow::Result<PolicyFile> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(PolicyFile { path: path.display().to_string(), text })
}

/// Reads the lists that the command line names.
pub fn lists(arguments: &FilesArgs) -> anyhow::Result<Lists> {
    let mut lists = Lists::default();
    for (name, path) in &arguments.list {
        lists.set(name, ListValues::parse(&read(path)?.text));
    }
    Ok(lists)
}

/// Reads all policies that the command line names.
pub fn load_all(arguments: &FilesArgs) -> anyhow::Result<Loaded> {
    let files = find(&arguments.paths, is_policy)?;
    let files = files.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(load(&files, &lists(arguments)?))
}

/// The same, where all of them must be sound. Warnings go to stderr.
///
/// # Errors
/// All faults, to end with exit code 64.
pub fn load_sound(arguments: &FilesArgs) -> anyhow::Result<Loaded> {
    sound(load_all(arguments)?)
}

/// Refuses what has faults.
pub fn sound(loaded: Loaded) -> anyhow::Result<Loaded> {
    let report = loaded.report();
    match loaded.errors() {
        0 => {
            eprint!("{report}");
            Ok(loaded)
        }
        errors => {
            let faults =
                if errors == 1 { "1 fault".to_owned() } else { format!("{errors} faults") };
            Err(Failure::usage(format!("the policies have {faults}\n\n{}", report.trim_end()))
                .into())
        }
    }
}
