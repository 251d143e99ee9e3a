//! Names of interfaces by index, as the sources know them.

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
};

use crate::sync::Unpoisoned as _;

/// What is known of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Name, such as `eth0`.
    pub name: String,
    /// Alias or description, empty when there is none.
    pub alias: String,
}

/// Interfaces by index (`ifindex`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces(pub BTreeMap<u32, Interface>);

impl Interfaces {
    /// Name of interface `index`, unless empty.
    pub fn name(&self, index: u32) -> Option<&str> {
        self.0.get(&index).map(|interface| interface.name.as_str()).filter(|name| !name.is_empty())
    }

    /// Alias of interface `index`, unless empty.
    pub fn alias(&self, index: u32) -> Option<&str> {
        self.0
            .get(&index)
            .map(|interface| interface.alias.as_str())
            .filter(|alias| !alias.is_empty())
    }
}

/// The interfaces as of now, shared between the one who learns of them and all who name them.
#[derive(Clone, Debug, Default)]
pub struct SharedInterfaces(Arc<RwLock<Arc<Interfaces>>>);

impl SharedInterfaces {
    /// The interfaces as of now; cheap enough for once a batch.
    pub fn get(&self) -> Arc<Interfaces> {
        self.0.read().unpoisoned().clone()
    }

    /// Replaces them.
    pub fn set(&self, interfaces: Interfaces) {
        *self.0.write().unpoisoned() = Arc::new(interfaces);
    }
}
