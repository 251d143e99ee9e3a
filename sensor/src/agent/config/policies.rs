//! `[policies]`: which policies are asked of the flows.

use std::path::{Path, PathBuf};

use toml::{Spanned, de::DeValue};

use sensor_core::{
    diagnostic::{Diagnostic, SourceMap},
    policy::load::tuning::{Override, Tuning},
    settings::schema::{Key, Origin, Setting, Table, Value, table},
};

table! {
    /// `[policies]`
    Policies {
        /// Files and directories of policies; `stock` is the library inside the program.
        paths: Vec<Setting<PolicyPath>> = Vec::new();
        /// Start with the sound policies where others have faults.
        lenient: bool = false;
        /// Globs of policies that are evaluated whatever their files say.
        enable: Vec<Setting<String>> = Vec::new();
        /// Globs of policies that are not.
        disable: Vec<Setting<String>> = Vec::new();
        /// What differs from the files of policies; one `[[policies.override]]` each.
        overrides as "override": Vec<Setting<Override>> = Vec::new();
    }
}

/// The path that stands for the stock library, which is inside the program.
pub const STOCK: &str = "stock";

/// A file or directory of policies, or the stock library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPath(pub PathBuf);

impl PolicyPath {
    /// Whether it stands for the stock library.
    pub fn is_stock(&self) -> bool {
        self.0 == Path::new(STOCK)
    }
}

impl Value for PolicyPath {
    const KIND: &'static str = PathBuf::KIND;
    const IS_PATH: bool = true;

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        PathBuf::read(found, path, faults).map(Self)
    }

    fn anchor(&mut self, directory: &Path) {
        if !self.is_stock() {
            self.0.anchor(directory);
        }
    }

    fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        if !self.is_stock() {
            show(key, &self.0, &Origin::Default);
        }
    }
}

/// The same, without the form.
#[derive(Clone, Debug, Default)]
pub struct PoliciesConfig {
    /// Files, directories, `stock`.
    pub paths: Vec<PathBuf>,
    /// Whether faulty policies are left out instead of refused.
    pub lenient: bool,
    /// What differs from the files; it is judged with them.
    pub tuning: Tuning,
}

/// Takes the values out; [`super::load()`] adds the files that the tuning is written in.
pub(super) fn resolve(raw: &Policies) -> PoliciesConfig {
    let paths = raw.paths.value.iter().map(|path| path.value.0.clone()).collect();
    let tuning = Tuning {
        files: SourceMap::default(),
        enable: raw.enable.value.clone(),
        disable: raw.disable.value.clone(),
        overrides: raw.overrides.value.clone(),
    };
    PoliciesConfig { paths, lenient: raw.lenient.value, tuning }
}
