//! What goes wrong on the way to a collector or into a file, each with what was tried.

use std::{io, path::PathBuf};

use crate::{export::net::error::NetError, files};

/// Why messages cannot be sent, or an IPFIX sink cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The network, or the settings for it.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A file could not be made, written or renamed.
    #[error("cannot {attempt} {path}: {source}{}", files::remedy(source), path = path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The sink's thread could not be started.
    #[error("cannot start an export thread: {0}")]
    Start(io::Error),
}
