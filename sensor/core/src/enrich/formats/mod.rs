//! Files of labels and of reputation, as people and other programs write them.
//!
//! * Labels: `csv`, `json`, `toml`, all of which say `address or port`, `context`, `values`.
//! * Reputation: `list`, plain or with categories.

mod csv;
mod json;
mod label_file;
mod lines;
mod list;
mod toml;

use super::sources::{Report, Sources};
use label_file::LabelFile;

pub(super) use self::{csv::quote, json::fault_in};

/// The forms of label files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines of `address,context,value[,value...]`.
    Csv,
    /// Addresses with their contexts, or a list of labels.
    Json,
    /// Addresses with their contexts.
    Toml,
}

impl Form {
    /// The form of a file with this name; what ends in neither `.json` nor `.toml` is CSV.
    pub fn of(name: &str) -> Self {
        let ends = |end: &str| name.len() > end.len() && name.to_ascii_lowercase().ends_with(end);
        match () {
            () if ends(".json") => Self::Json,
            () if ends(".toml") => Self::Toml,
            () => Self::Csv,
        }
    }
}

impl Sources {
    /// Reads a file of labels.
    pub fn labels(&mut self, name: &str, text: &str, form: Form) -> Report {
        let mut file = LabelFile::new(self, name, text);
        match form {
            Form::Csv => csv::read(&mut file),
            Form::Json => json::read(&mut file),
            Form::Toml => toml::read(&mut file),
        }
        file.report
    }

    /// Reads a reputation list; addresses of lines without a category are in `category`.
    pub fn reputation(&mut self, name: &str, text: &str, category: &str) -> Report {
        self.knows_reputation = true;
        list::read(self, name, text, category)
    }
}

#[cfg(test)]
mod tests;
