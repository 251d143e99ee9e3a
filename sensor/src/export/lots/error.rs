//! Why an output of lots cannot be started.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::export::net::error::NetError;

/// What is wrong with its options or surroundings.
#[derive(Debug, thiserror::Error)]
pub enum LotsError {
    /// The network's settings.
    #[error("{output}: {source}")]
    Net {
        /// Which output.
        output: String,
        /// Why.
        source: NetError,
    },
    /// A file of credentials cannot be used.
    #[error("{output}: {path}: {problem}", path = path.display())]
    Secret {
        /// Which output.
        output: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The settings cannot be used.
    #[error("{output}: {problem}")]
    Settings {
        /// Which output.
        output: String,
        /// What is wrong.
        problem: String,
    },
    /// Its thread could not be started.
    #[error("cannot start a thread for an output: {0}")]
    Start(io::Error),
}

impl LotsError {
    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Net { source, .. } => source.file(),
            Self::Secret { path, .. } => Some(path),
            Self::Settings { .. } | Self::Start(_) => None,
        }
    }
}
