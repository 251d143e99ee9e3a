//! Tables whose keys are names that their author chooses.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
};

use toml::{Spanned, de::DeValue};

use super::schema::{Origin, Setting, Value, below, entries, same};
use crate::diagnostic::Diagnostic;

/// Values by name; the origin of each is the place of its name, of which more can be wrong than of the value.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T>(pub BTreeMap<String, Setting<T>>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Value> Value for Named<T> {
    const KIND: &'static str = "a table";
    const IS_PATH: bool = T::IS_PATH;

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let mut named = BTreeMap::new();
        for (name, value) in entries::<Self>(found, path, faults)? {
            let value = T::read(value, &below(path, name.get_ref()), faults);
            let origin = Origin::File(name.span());
            named
                .extend(value.map(|value| (name.get_ref().to_string(), Setting { value, origin })));
        }
        Some(Self(named))
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        let names = self.0.keys().chain(other.0.keys().filter(|name| !self.0.contains_key(*name)));
        for name in names {
            match (self.0.get(name), other.0.get(name)) {
                (Some(one), Some(other)) if same(&one.value, &other.value) => {}
                _ => differing.push(below(path, name)),
            }
        }
    }

    fn lay_over(&mut self, later: Self) {
        for (name, later) in later.0 {
            match self.0.entry(name) {
                Entry::Occupied(mut earlier) => earlier.get_mut().lay_over(later),
                Entry::Vacant(vacant) => _ = vacant.insert(later),
            }
        }
    }

    fn anchor(&mut self, directory: &Path) {
        self.0.values_mut().for_each(|setting| setting.value.anchor(directory));
    }

    fn shift(&mut self, by: usize) {
        self.0.values_mut().for_each(|setting| setting.shift(by));
    }

    fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        self.0.values().for_each(|setting| setting.paths(key, show));
    }
}
