//! `[labels]`: labels of addresses and ports.

use std::path::PathBuf;

use sensor_core::{
    diagnostic::nearest,
    enrich::combine::Precedence,
    settings::schema::{Key, Setting, Table, Value, table},
};

use super::faults::Faults;

table! {
    /// `[labels]`
    Labels {
        /// Label files: CSV, JSON or TOML, by file name extension.
        files: Vec<Setting<PathBuf>> = Vec::new();
        /// Of prefixes inside one another: `most-specific` has a context for itself, or labels of `all` hold.
        precedence: String = "most-specific".to_owned();
    }
}

/// Judges `labels.precedence`.
pub(super) fn precedence(setting: &Setting<String>, faults: &mut Faults) -> Precedence {
    const NAMES: [(&str, Precedence); 2] =
        [("most-specific", Precedence::MostSpecific), ("all", Precedence::All)];
    let named = NAMES.into_iter().find(|(name, _)| *name == setting.value);
    if named.is_none() {
        let found = match nearest(&setting.value, NAMES.map(|(name, _)| name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("`{}` is neither", setting.value),
        };
        faults.report(setting, "labels.precedence", "must be most-specific or all", &found);
    }
    named.map(|(_, precedence)| precedence).unwrap_or_default()
}
