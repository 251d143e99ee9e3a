//! A configuration as it was written.

use std::path::PathBuf;

use sensor_core::diagnostic::Findings;

use super::{error, faults::Faults, overrides::Overrides, sections::Sections};

/// A configuration as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// Its text.
    pub text: String,
    /// The flags that are laid over it.
    pub overrides: Overrides,
    /// The file with the flags laid over it.
    pub sections: Sections,
}

impl Written {
    /// `faults`, at their places.
    pub fn findings(&self, faults: &Faults) -> Findings {
        error::findings(self.path.as_deref(), &self.text, faults)
    }
}
