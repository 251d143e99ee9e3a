//! The policies and tests that the command line names.

use std::path::{Path, PathBuf};

use super::FilesArgs;
use crate::{
    agent::{
        config::lists::ListFiles,
        policies::{self, STOCK, TEST, find, is_test, read},
    },
    cli::exit::Failure,
    nql::lists::Lists,
    policy::{
        load::{Loaded, PolicyFile},
        stock,
    },
};

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

/// The lists that queries may name.
pub fn lists(arguments: &FilesArgs) -> anyhow::Result<Lists> {
    let given = ListFiles(arguments.list.iter().cloned().collect()).read()?;
    policies::lists(&arguments.paths, &given)
}

/// Reads all policies that the command line names; the stock library, if it names none.
pub fn load_all(arguments: &FilesArgs) -> anyhow::Result<Loaded> {
    let stock = [PathBuf::from(STOCK)];
    let paths = if arguments.paths.is_empty() { &stock[..] } else { &arguments.paths };
    policies::load_all(paths, &lists(arguments)?)
}

/// The same, where all of them must be sound. Warnings go to stderr.
///
/// # Errors
/// All faults, to end with exit code 64.
pub fn load_sound(arguments: &FilesArgs) -> anyhow::Result<Loaded> {
    Ok(policies::sound(load_all(arguments)?)?)
}
