//! A configuration as it was written.

use std::path::PathBuf;

use sensor_core::diagnostic::{Findings, SourceMap};

use super::{error, faults::Faults, overrides::Overrides, sections::Sections};

/// A configuration as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// Its text, and behind it those of its drop-ins.
    pub files: SourceMap,
    /// The flags that are laid over them.
    pub overrides: Overrides,
    /// The files with the flags laid over them.
    pub sections: Sections,
}

impl Written {
    /// `faults`, at their places.
    pub fn findings(&self, faults: &Faults) -> Findings {
        error::findings(&self.files, faults)
    }

    /// The paths of the drop-ins, in the order in which they are laid over the file.
    pub fn drop_ins(&self) -> Vec<String> {
        self.files.files().skip(1).map(|(path, _)| path.to_owned()).collect()
    }
}
