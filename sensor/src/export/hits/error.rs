//! Why an output of events cannot be started.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::export::net::error::NetError;

/// What is wrong with an output's options or surroundings.
#[derive(Debug, thiserror::Error)]
pub enum HitsError {
    /// The network's settings.
    #[error("hits to {output}: {source}")]
    Net {
        /// Which output.
        output: String,
        /// Why.
        source: NetError,
    },
    /// The file cannot be opened.
    #[error("hits to {path}: cannot open it: {source}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The flow store cannot be used.
    #[error("hits to the store {folder}: {source}", folder = folder.display())]
    Store {
        /// Its folder.
        folder: PathBuf,
        /// Why.
        source: sensor_store::error::Error,
    },
    /// The spool cannot be used.
    #[error("spool {directory}: {source}", directory = directory.display())]
    Spool {
        /// Its directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of credentials cannot be used.
    #[error("hits to {output}: {path}: {problem}", path = path.display())]
    Secret {
        /// Which output.
        output: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A webhook's settings cannot be used.
    #[error("hits to {output}: {problem}")]
    Webhook {
        /// Which output.
        output: String,
        /// What is wrong.
        problem: String,
    },
    /// The output's thread could not be started.
    #[error("cannot start a thread for hits: {0}")]
    Start(io::Error),
}

impl HitsError {
    /// The file or directory that it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Net { source, .. } => source.file(),
            Self::Secret { path, .. } | Self::File { path, .. } => Some(path),
            Self::Spool { directory: folder, .. } | Self::Store { folder, .. } => Some(folder),
            Self::Webhook { .. } | Self::Start(_) => None,
        }
    }
}
