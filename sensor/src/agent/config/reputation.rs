//! `[[reputation]]`: lists of addresses with a bad name.

use std::path::PathBuf;

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::faults::Faults;

table! {
    /// `[[reputation]]`
    Reputation {
        /// A list: an address or prefix a line, with or without categories behind it.
        file: Option<PathBuf> = None;
        /// The category of lines that have none.
        category: String = "reputation".to_owned();
    }
}

/// Judges all `[[reputation]]` tables: files, and the categories of their lines without one.
pub(super) fn resolve(
    lists: &[Setting<Reputation>],
    faults: &mut Faults,
) -> Vec<(PathBuf, String)> {
    let mut known = Vec::with_capacity(lists.len());
    for list in lists {
        let Reputation { file, category } = &list.value;
        if category.value.trim().is_empty() {
            faults.report(category, "reputation.category", "must have a name", "this is empty");
        }
        match &file.value {
            Some(file) => known.push((file.clone(), category.value.clone())),
            None if file.is_given() => {}
            None => faults.report(list, "reputation", "needs a `file`", "there is none"),
        }
    }
    known
}
