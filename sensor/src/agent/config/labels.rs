//! `[labels]`: labels of addresses and ports.

use std::{path::PathBuf, time::Duration};

use sensor_core::{
    diagnostic::nearest,
    enrich::{combine::Precedence, import::Cloud},
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
        /// How often files of inventories are looked at for changes.
        refresh: Duration = Duration::from_mins(1);
        /// Inventories of clouds, one `[[labels.cloud]]` each.
        cloud: Vec<Setting<InventoryFiles>> = Vec::new();
    }
}

table! {
    /// `[[labels.cloud]]`
    InventoryFiles {
        /// The cloud whose command line tool has printed them.
        provider: Option<String> = None;
        /// What it has printed.
        files: Vec<Setting<PathBuf>> = Vec::new();
    }
}

/// Files in which a cloud lists what it has, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The cloud.
    pub provider: Cloud,
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Judges all `[[labels.cloud]]` tables.
pub(super) fn inventories(labels: &Labels, faults: &mut Faults) -> Vec<Inventory> {
    let mut known = Vec::new();
    for inventory in &labels.cloud.value {
        let InventoryFiles { provider, files } = &inventory.value;
        let name = provider.value.as_deref().unwrap_or_default();
        let found = Cloud::ALL.into_iter().find(|cloud| cloud.name() == name);
        if found.is_none() && provider.is_given() {
            let names = Cloud::ALL.map(Cloud::name);
            let meant = match nearest(name, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("`{name}` is none of them"),
            };
            let rule = format!("must be one of {}", names.join(", "));
            faults.report(provider, "labels.cloud.provider", &rule, &meant);
        } else if found.is_none() {
            faults.report(inventory, "labels.cloud", "needs a `provider`", "there is none");
        }
        if files.value.is_empty() {
            faults.report(inventory, "labels.cloud", "needs `files`", "there are none");
        }
        let files = files.value.iter().map(|file| file.value.clone()).collect();
        known.extend(found.map(|provider| Inventory { provider, files }));
    }
    known
}

/// Judges `labels.refresh`.
pub(super) fn refresh(labels: &Labels, faults: &mut Faults) -> Duration {
    let Labels { refresh, .. } = labels;
    if refresh.value < Duration::from_secs(1) {
        faults.report(refresh, "labels.refresh", "must be at least 1s", "this is less");
    }
    refresh.value
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
