//! Where flow records are stored, and how they are kept.

use std::{fmt, path::PathBuf};

use sensor_store::{hits::writer, store};

/// A flow store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Its folder.
    pub folder: PathBuf,
    /// How records are kept.
    pub store: store::Options,
}

/// The hits in the folder of a flow store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHitsOptions {
    /// The folder of the store.
    pub folder: PathBuf,
    /// How they are kept.
    pub hits: writer::Options,
}

impl fmt::Display for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store {}", self.folder.display())
    }
}

impl fmt::Display for StoredHitsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store {}", self.folder.display())
    }
}
