//! `[lists]`: the lists that queries name by `$NAME`, each in a file with one value a line.
//!
//! The files are read once for all queries ([`ListFiles::read`]) and again when somebody asks for it
//! ([`ListFiles::reload`]); queries that are compiled already then see the new values.

use std::{collections::BTreeMap, fmt, io, path::PathBuf};

use toml::{Spanned, de::DeValue};

use super::{
    faults::Faults,
    schema::{Origin, Setting, Value, wrong_kind},
};
use crate::{
    diagnostic::Diagnostic,
    nql::lists::{ListValues, Lists},
};

/// The table as it was written: names are the keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawLists(BTreeMap<String, Setting<PathBuf>>);

impl Value for RawLists {
    const KIND: &'static str = "a table";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let Some(entries) = found.get_ref().as_table() else {
            faults.push(wrong_kind::<Self>(found, path));
            return None;
        };
        let mut lists = BTreeMap::new();
        for (name, value) in entries {
            let file = PathBuf::read(value, &format!("{path}.{}", name.get_ref()), faults);
            let origin = Origin::File(name.span());
            lists.extend(file.map(|value| (name.get_ref().to_string(), Setting { value, origin })));
        }
        Some(Self(lists))
    }
}

impl RawLists {
    /// Adds the lists of `--list`; they take the place of those of the same name.
    pub(super) fn override_by(&mut self, given: &[(String, PathBuf)]) {
        for (name, file) in given {
            let setting = Setting { value: file.clone(), origin: Origin::Flag("--list") };
            self.0.insert(name.clone(), setting);
        }
    }
}

/// Which lists there are, and their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFiles(pub BTreeMap<String, PathBuf>);

/// Judges the names.
pub(super) fn resolve(raw: &RawLists, faults: &mut Faults) -> ListFiles {
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
        for (number, UnreadableList { name, file, source }) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(
                out,
                "{separator}cannot read the list `{name}` from {}: {source}",
                file.display()
            )?;
        }
        Ok(())
    }
}

impl ListFiles {
    /// The lists, read from their files.
    ///
    /// # Errors
    /// All files that cannot be read.
    pub fn read(&self) -> Result<Lists, ListError> {
        let mut lists = Lists::default();
        self.reload(&mut lists).map(|()| lists)
    }

    /// Reads the files anew and replaces the values of `lists`, for all queries that use them.
    ///
    /// # Errors
    /// All files that cannot be read. Those lists keep their values; the others have the new ones.
    pub fn reload(&self, lists: &mut Lists) -> Result<(), ListError> {
        let mut unreadable = Vec::new();
        for (name, file) in &self.0 {
            match std::fs::read_to_string(file) {
                Ok(text) => lists.set(name, ListValues::parse(&text)),
                Err(source) => {
                    unreadable.push(UnreadableList {
                        name: name.clone(),
                        file: file.clone(),
                        source,
                    });
                }
            }
        }
        if unreadable.is_empty() { Ok(()) } else { Err(ListError(unreadable)) }
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
    fn a_reload_reads_what_can_be_read_and_names_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let (ports, hosts) = (directory.path().join("ports"), directory.path().join("hosts"));
        std::fs::write(&ports, "22\n").unwrap();
        std::fs::write(&hosts, "10.0.0.1\n").unwrap();
        let files = files(&[("ports", &ports), ("hosts", &hosts)]);
        let mut lists = files.read().unwrap();
        let (of_ports, of_hosts) = (lists.get("ports").cloned(), lists.get("hosts").cloned());
        std::fs::write(&ports, "23\n").unwrap();
        std::fs::remove_file(&hosts).unwrap();
        let error = files.reload(&mut lists).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the list `hosts` from /"), "{error}");
        assert!(of_ports.unwrap().values().integers.contains(23));
        assert!(of_hosts.unwrap().values().addresses.contains([10, 0, 0, 1].into()));
        std::fs::remove_file(&ports).unwrap();
        assert_eq!(files.read().unwrap_err().0.len(), 2);
    }
}
