//! The stock library, `sensor/policies`, as part of the program: an installed binary needs no other file.

use super::file::PolicyFile;
use crate::nql::lists::{ListValues, Lists};

/// A file of the library.
#[derive(Clone, Copy, Debug)]
pub struct StockFile {
    /// Path below `sensor/policies`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

// `FILES`, in the order of their paths: written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/stock.rs"));

/// The whole library, with its tests and lists.
pub fn files() -> &'static [StockFile] {
    FILES
}

/// The files of policies, without their tests.
pub fn policies() -> Vec<PolicyFile> {
    FILES.iter().filter(|file| is_policy(file)).map(policy_file).collect()
}

/// The names of the policies, after which their files are called.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().filter(|file| is_policy(file)).filter_map(|file| file.path.strip_suffix(".toml"))
}

/// The tests of the policies.
pub fn tests() -> Vec<PolicyFile> {
    FILES.iter().filter(|file| is_test(file)).map(policy_file).collect()
}

/// The lists that the policies name.
pub fn lists() -> Lists {
    let mut lists = Lists::default();
    for file in FILES {
        let name = file.path.strip_prefix("lists/").and_then(|name| name.strip_suffix(".txt"));
        if let Some(name) = name {
            lists.set(name, ListValues::parse(file.text));
        }
    }
    lists
}

fn is_policy(file: &StockFile) -> bool {
    file.path.ends_with(".toml") && !is_test(file)
}

fn is_test(file: &StockFile) -> bool {
    file.path.ends_with(".test.toml")
}

fn policy_file(file: &StockFile) -> PolicyFile {
    PolicyFile { path: format!("stock/{}", file.path), text: file.text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_inside() {
        assert!(policies().len() > 100);
        assert_eq!(policies().len(), tests().len());
        assert!(lists().get("local_scope").is_some());
    }
}
