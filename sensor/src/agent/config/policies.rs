//! `[policies]`: which policies are asked of the flows.

use std::path::PathBuf;

use super::schema::{Key, Setting, Table, Value, table};

table! {
    /// `[policies]`
    Policies {
        /// Files and directories of policies; `stock` is the library inside the program.
        paths: Vec<Setting<PathBuf>> = Vec::new();
        /// Start with the sound policies where others have faults.
        lenient: bool = false;
    }
}

/// The same, without the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoliciesConfig {
    /// Files, directories, `stock`.
    pub paths: Vec<PathBuf>,
    /// Whether faulty policies are left out instead of refused.
    pub lenient: bool,
}

/// Takes the values out.
pub(super) fn resolve(raw: &Policies) -> PoliciesConfig {
    let paths = raw.paths.value.iter().map(|path| path.value.clone()).collect();
    PoliciesConfig { paths, lenient: raw.lenient.value }
}
