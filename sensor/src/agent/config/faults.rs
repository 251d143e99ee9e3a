//! Faults found while resolving: those of the file have a place in it, those of flags a name.

use super::schema::{Origin, Setting};
use crate::diagnostic::Diagnostic;

/// All that is wrong with a configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// In the file.
    pub file: Vec<Diagnostic>,
    /// On the command line, each a line of text.
    pub flags: Vec<String>,
}

impl Faults {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.file.is_empty() && self.flags.is_empty()
    }

    /// The number of faults.
    pub fn len(&self) -> usize {
        self.file.len() + self.flags.len()
    }

    /// "`path` `must`, but `found`", at the setting of the key `path`.
    pub fn report<T>(&mut self, setting: &Setting<T>, path: &str, must: &str, found: &str) {
        match &setting.origin {
            Origin::File(span) => {
                let fault = Diagnostic::error(format!("`{path}` {must}"), span.clone());
                self.file.push(fault.label(found));
            }
            Origin::Flag(flag) => self.flags.push(format!("`{flag}` {must}: {found}")),
            Origin::Default => self.flags.push(format!("`{path}` {must}: {found}")),
        }
    }
}
