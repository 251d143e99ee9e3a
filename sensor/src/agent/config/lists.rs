//! `[lists]`: the lists that queries name by `$NAME`, each in a file with one value a line.
//!
//! The files are read once for all queries ([`ListFiles::read`]), and again for a reload.

use std::{collections::BTreeMap, fmt, io, path::PathBuf};

use sensor_core::{
    diagnostic::{Finding, Findings},
    nql::lists::{ListValues, Lists},
    settings::{
        named::Named,
        schema::{Origin, Setting},
    },
};

use super::faults::Faults;
use crate::{agent::text, files::Limit};

/// Adds the lists of `--list`; they take the place of those of the same name.
pub(super) fn override_by(raw: &mut Named<PathBuf>, given: &[(String, PathBuf)]) {
    for (name, file) in given {
        let setting = Setting { value: file.clone(), origin: Origin::flag("--list") };
        raw.0.insert(name.clone(), setting);
    }
}

/// Which lists there are, and their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFiles(pub BTreeMap<String, PathBuf>);

/// Judges the names.
pub(super) fn resolve(raw: &Named<PathBuf>, faults: &mut Faults) -> ListFiles {
    for (name, file) in &raw.0 {
        if !Lists::is_name(name) {
            let must = "must have a name of letters, digits, `_`, `-` and `.`";
            faults.report(file, "lists", must, &format!("`{name}` cannot follow `$` in a query"));
        }
    }
    ListFiles(raw.0.iter().map(|(name, file)| (name.clone(), file.value.clone())).collect())
}

/// Lists that could not be read.
#[derive(Debug, thiserror::Error)]
pub struct ListError(pub Vec<UnreadableList>);

/// A list that could not be read.
#[derive(Debug)]
pub struct UnreadableList {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl fmt::Display for ListError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, list) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(out, "{separator}{list}")?;
        }
        Ok(())
    }
}

impl fmt::Display for UnreadableList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, source } = self;
        write!(out, "cannot read the list `{name}` from {}: {source}", file.display())
    }
}

impl ListError {
    /// Each of them.
    pub fn findings(&self) -> Findings {
        let of =
            |list: &UnreadableList| Finding::error(list.to_string()).of_file(list.file.display());
        self.0.iter().map(of).collect()
    }
}

impl ListFiles {
    /// The lists, read from their files.
    ///
    /// # Errors
    /// All files that cannot be read.
    pub fn read(&self) -> Result<Lists, ListError> {
        let (lists, result) = self.read_each();
        result.map(|()| lists)
    }

    /// The lists whose files can be read, and all files that cannot.
    pub fn read_each(&self) -> (Lists, Result<(), ListError>) {
        let mut lists = Lists::default();
        let mut unreadable = Vec::new();
        for (name, file) in &self.0 {
            match text::read(file, Limit::DATA) {
                Ok(text) => lists.set(name, ListValues::parse(&text)),
                Err(source) => {
                    let (name, file) = (name.clone(), file.clone());
                    unreadable.push(UnreadableList { name, file, source });
                }
            }
        }
        (lists, if unreadable.is_empty() { Ok(()) } else { Err(ListError(unreadable)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text, overrides::Overrides};

    fn files(lists: &[(&str, &std::path::Path)]) -> ListFiles {
        ListFiles(
            lists.iter().map(|(name, file)| ((*name).to_owned(), (*file).to_owned())).collect(),
        )
    }

    #[test]
    fn flags_add_lists_and_take_the_place_of_those_of_the_file() {
        let given = |name: &str, file: &str| (name.to_owned(), PathBuf::from(file));
        let overrides =
            Overrides { lists: vec![given("a", "flag"), given("c", "c")], ..Overrides::default() };
        let config = from_text("lists = { a = 'file', b = 'b' }", &overrides).unwrap();
        let path = |name: &str| config.lists.0[name].to_str();
        assert_eq!([path("a"), path("b"), path("c")], [Some("flag"), Some("b"), Some("c")]);
    }

    #[test]
    fn faults_have_a_place() {
        let text = "[lists]\n'a b' = 'x'\nports = 5\nhosts = ''";
        let faults = from_text(text, &Overrides::default()).unwrap_err();
        let messages: Vec<_> = faults.file.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`lists` must have a name of letters, digits, `_`, `-` and `.`",
                "`lists.ports` must be a path",
                "`lists.hosts` must be a path",
            ]
        );
    }

    #[test]
    fn what_can_be_read_is_and_the_rest_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (ports, hosts) = (directory.path().join("ports"), directory.path().join("hosts"));
        std::fs::write(&ports, "22\n").unwrap();
        std::fs::write(&hosts, "10.0.0.1\n").unwrap();
        let files = files(&[("ports", &ports), ("hosts", &hosts)]);
        let values = |lists: &Lists, name: &str| lists.get(name).map(|list| list.values());
        let before = files.read().unwrap();
        assert!(values(&before, "ports").unwrap().integers.contains(22));
        assert!(values(&before, "hosts").unwrap().addresses.contains([10, 0, 0, 1].into()));
        std::fs::remove_file(&hosts).unwrap();
        let (lists, result) = files.read_each();
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("cannot read the list `hosts` from /"), "{error}");
        assert!(values(&lists, "ports").is_some() && values(&lists, "hosts").is_none());
        std::fs::remove_file(&ports).unwrap();
        assert_eq!(files.read().unwrap_err().0.len(), 2);
    }
}
