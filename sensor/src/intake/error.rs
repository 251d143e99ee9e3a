//! Why the intake does not start.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::pem::PemError;

/// What keeps the intake from starting. Each tells of one thing that its user named.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// An address is not this host's, is in use, or needs a privilege.
    #[error("cannot listen at {listener}")]
    Listen {
        /// The listener's name.
        listener: String,
        /// What the system says.
        source: io::Error,
    },
    /// A receiver of forwarded datagrams has no address.
    #[error("cannot resolve {host}, to forward datagrams to it")]
    Resolve {
        /// The receiver.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// The socket to a receiver of forwarded datagrams.
    #[error("cannot forward datagrams to {to}")]
    Forward {
        /// The receiver.
        to: String,
        /// What the system says.
        source: io::Error,
    },
    /// Packets with foreign addresses need a raw socket.
    #[error("forwarding to {to} with the devices' addresses requires CAP_NET_RAW")]
    RawSocket {
        /// The receiver.
        to: String,
        /// What the system says.
        source: io::Error,
    },
    /// Datagrams would be received again and again.
    #[error("forwarding to {to} would send datagrams back to {listener}")]
    Loop {
        /// The receiver.
        to: String,
        /// The listener that it is.
        listener: String,
    },
    /// A PEM file.
    #[error(transparent)]
    Certificate(#[from] PemError),
    /// The state file cannot be written.
    #[error("cannot write the state file {}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A thread.
    #[error("cannot start a thread of the intake")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
}

impl IntakeError {
    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Certificate(error) => Some(&error.path),
            Self::State { path, .. } => Some(path),
            _ => None,
        }
    }
}
