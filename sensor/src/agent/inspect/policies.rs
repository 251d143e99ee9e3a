//! Finds and reads the files of policies, and the lists that their queries name.

use std::{
    ffi::OsStr,
    fmt, fs, io,
    path::{Path, PathBuf},
    slice,
};

use sensor_core::{
    diagnostic::{Finding, Findings, nearest},
    nql::lists::{ListValues, Lists},
    policy::{
        load::{Loaded, PolicyFile, load_tuned, tuning::Tuning},
        model::Policy,
        stock,
    },
};

pub use crate::agent::config::policies::STOCK;
use crate::{agent::text, files::Limit};

/// How the names of test files end.
pub const TEST: &str = ".test.toml";

/// Reads all policies below `paths`, which name `lists`, with what the site changes of them.
///
/// # Errors
/// When a file cannot be read. Faults in the files are part of what is loaded.
pub fn load_all(
    paths: &[PathBuf],
    lists: &Lists,
    tuning: &Tuning,
) -> Result<Loaded, UnreadablePolicies> {
    Ok(load_tuned(&files(paths)?, lists, tuning))
}

/// The files of policies below `paths`.
///
/// # Errors
/// All that cannot be read.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PolicyFile>, UnreadablePolicies> {
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        if is_stock(path) {
            files.extend(stock::policies());
            continue;
        }
        match find(slice::from_ref(path), is_policy) {
            Ok(found) => {
                for result in found.iter().map(|file| read(file)) {
                    match result {
                        Ok(file) => files.push(file),
                        Err(UnreadablePolicies(more)) => unreadable.extend(more),
                    }
                }
            }
            Err(UnreadablePolicies(more)) => unreadable.extend(more),
        }
    }
    if unreadable.is_empty() { Ok(files) } else { Err(UnreadablePolicies(unreadable)) }
}

/// The lists that policies may name: those of the stock library, those in `lists` beside the policies, and those given, of
/// which the later ones win.
///
/// # Errors
/// When a file cannot be read.
pub fn lists(paths: &[PathBuf], given: &Lists) -> Result<Lists, UnreadablePolicies> {
    let mut lists = stock::lists();
    let beside = |path: &PathBuf| {
        let directory = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
        directory.map(|directory| directory.join("lists")).filter(|lists| lists.is_dir())
    };
    let own = paths.iter().filter(|path| !is_stock(path));
    for path in find(&own.filter_map(beside).collect::<Vec<_>>(), is_list)? {
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        lists.set(name, ListValues::parse(&read(&path)?.text));
    }
    lists.add(given);
    Ok(lists)
}

/// Whether a path stands for the stock library.
pub fn is_stock(path: &Path) -> bool {
    path == Path::new(STOCK)
}

/// The files below `paths` that are `wanted`, those of a directory in the order of their names.
///
/// # Errors
/// When a directory cannot be read.
pub fn find(
    paths: &[PathBuf],
    wanted: fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, UnreadablePolicies> {
    let mut found = Vec::new();
    for path in paths {
        if fs::metadata(path).map_err(unreadable(path))?.is_dir() {
            walk(path, wanted, &mut found)?;
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
) -> Result<(), UnreadablePolicies> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(unreadable(directory))?;
    let seen = entries.into_iter().filter(|entry| !is_hidden(&entry.file_name()));
    let mut paths: Vec<_> = seen.map(|entry| entry.path()).collect();
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

/// Whether a name is none that people see: editors keep copies and locks under such names, and Kubernetes the directories
/// `..data` and `..TIME` of a ConfigMap, to whose files the visible names lead. What is in them would be read twice.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether a file in a directory of policies is one of them.
fn is_policy(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    matches!(extension, Some("toml" | "json")) && !is_test(path)
}

/// Whether a file is one of tests.
pub fn is_test(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with(TEST))
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<PolicyFile, UnreadablePolicies> {
    let text = text::read(path, Limit::TEXT).map_err(unreadable(path))?;
    Ok(PolicyFile { path: path.display().to_string(), text })
}

fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "txt")
}

/// Files and directories that cannot be read.
#[derive(Debug, thiserror::Error)]
pub struct UnreadablePolicies(pub Vec<(PathBuf, io::Error)>);

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> UnreadablePolicies {
    move |error| UnreadablePolicies(vec![(path.to_owned(), error)])
}

impl UnreadablePolicies {
    fn messages(&self) -> impl Iterator<Item = (&Path, String)> {
        self.0.iter().map(|(path, error)| {
            (path.as_path(), format!("cannot read {}: {error}", path.display()))
        })
    }

    /// Each of them.
    pub fn findings(&self) -> Findings {
        let of = |(path, message): (&Path, String)| Finding::error(message).of_file(path.display());
        self.messages().map(of).collect()
    }
}

impl fmt::Display for UnreadablePolicies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<String> = self.messages().map(|(_, message)| message).collect();
        out.write_str(&messages.join("\n"))
    }
}

/// Policies that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the policies have {}\n\n{}", faults(.0.errors()), .0.to_string().trim_end())]
pub struct PolicyFaults(pub Findings);

fn faults(errors: usize) -> String {
    if errors == 1 { "1 fault".to_owned() } else { format!("{errors} faults") }
}

/// The sound policies that are `named`, or come from a file that is: enabled, whatever that says, where they were named themselves. A
/// name is one of the stock library, or of the policies of `paths` where there are any.
///
/// # Errors
/// Files that cannot be read or have faults; a name that no policy has.
pub fn chosen(
    named: &[String],
    paths: &[PathBuf],
    given: &Lists,
    tuning: &Tuning,
) -> anyhow::Result<Loaded> {
    let is_path = |name: &&String| name.as_str() == STOCK || Path::new(name).exists();
    let (files, names): (Vec<&String>, Vec<&String>) = named.iter().partition(is_path);
    let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
    let load = |paths: &[PathBuf]| -> anyhow::Result<Loaded> {
        Ok(sound(load_all(paths, &lists(paths, given)?, tuning)?)?)
    };
    let mut chosen = load(&files)?;
    if names.is_empty() {
        return Ok(chosen);
    }
    let stock = [PathBuf::from(STOCK)];
    let known = load(if paths.is_empty() { &stock } else { paths })?;
    for name in names {
        let found = known.policies.iter().filter(|policy| policy.summary.name == *name);
        let found: Vec<Policy> = found.cloned().collect();
        if found.is_empty() {
            let near = nearest(name, known.policies.iter().map(|own| own.summary.name.as_str()));
            return Err(UnknownPolicy { name: name.clone(), near: near.map(str::to_owned) }.into());
        }
        let is_new = |own: &Policy| {
            chosen.policies.iter().all(|other| {
                (&other.summary.name, other.source.is_some())
                    != (&own.summary.name, own.source.is_some())
            })
        };
        let new: Vec<Policy> = found.into_iter().filter(is_new).collect();
        chosen.policies.extend(new.into_iter().map(|own| Policy { enabled: true, ..own }));
    }
    Ok(chosen)
}

/// No policy has the name.
#[derive(Debug, thiserror::Error)]
#[error("no policy is named `{name}`, and no file; {}", match near {
    Some(near) => format!("did you mean `{near}`?"),
    None => "`sensor policy list` shows the names".to_owned(),
})]
pub struct UnknownPolicy {
    name: String,
    near: Option<String>,
}

/// Refuses what has faults, and goes on with warnings.
///
/// # Errors
/// All faults and warnings, where there is a fault.
pub fn sound(loaded: Loaded) -> Result<Loaded, PolicyFaults> {
    if loaded.errors() > 0 { Err(PolicyFaults(loaded.findings())) } else { Ok(loaded) }
}
