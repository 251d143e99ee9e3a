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
    policy::{
        load::{Loaded, PolicyFile, load},
        stock,
    },
};

/// How the names of test files end.
const TEST: &str = ".test.toml";

/// The files that the command line names, those of directories in the order of their names.
fn find(paths: &[PathBuf], wanted: fn(&Path) -> bool) -> anyhow::Result<Vec<PathBuf>> {
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
fn is_policy(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    matches!(extension, Some("toml" | "json")) && !is_test(path)
}

/// Whether a file is one of tests.
fn is_test(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with(TEST))
}

/// A file of tests, and the policies that it is about.
pub struct Tests {
    /// The tests.
    pub file: PolicyFile,
    /// The neighbour file.
    pub policies: PolicyFile,
    /// Its name, without the ending.
    pub stem: String,
}

/// The tests that the command line names; those of the stock library, if it names none.
pub fn tests(arguments: &FilesArgs) -> anyhow::Result<Vec<Tests>> {
    if arguments.paths.is_empty() {
        let pairs = stock::tests().into_iter().zip(stock::policies());
        let stem = |file: &PolicyFile| stem(Path::new(&file.path)).unwrap_or_default();
        return Ok(pairs
            .map(|(file, policies)| Tests { stem: stem(&file), file, policies })
            .collect());
    }
    let mut tests = Vec::new();
    for path in find(&arguments.paths, is_test)? {
        let Some(stem) = stem(&path) else {
            let message = format!("{}: tests are in files called NAME{TEST}", path.display());
            return Err(Failure::usage(message).into());
        };
        let policies = read(&path.with_file_name(format!("{stem}.toml")))?;
        tests.push(Tests { file: read(&path)?, policies, stem });
    }
    Ok(tests)
}

fn stem(test: &Path) -> Option<String> {
    test.file_name()?.to_str()?.strip_suffix(TEST).map(str::to_owned)
}

/// Reads a file.
fn read(path: &Path) -> anyhow::Result<PolicyFile> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(PolicyFile { path: path.display().to_string(), text })
}

/// The lists that queries may name: those of the stock library, those in `lists` beside the policies, and those of the
/// command line, of which the later ones win.
pub fn lists(arguments: &FilesArgs) -> anyhow::Result<Lists> {
    let mut lists = stock::lists();
    let beside = |path: &PathBuf| {
        let directory = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
        directory.map(|directory| directory.join("lists")).filter(|lists| lists.is_dir())
    };
    for path in find(&arguments.paths.iter().filter_map(beside).collect::<Vec<_>>(), is_list)? {
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        lists.set(name, ListValues::parse(&read(&path)?.text));
    }
    for (name, path) in &arguments.list {
        lists.set(name, ListValues::parse(&read(path)?.text));
    }
    Ok(lists)
}

fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "txt")
}

/// Reads all policies that the command line names; the stock library, if it names none.
pub fn load_all(arguments: &FilesArgs) -> anyhow::Result<Loaded> {
    let files = if arguments.paths.is_empty() {
        stock::policies()
    } else {
        let paths = find(&arguments.paths, is_policy)?;
        paths.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?
    };
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
