//! What goes wrong on the way to another host, each with what was tried.

use std::{io, path::Path};

use crate::pem::PemError;

/// Why nothing can be sent to a host.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The host's name has no address.
    #[error("cannot resolve {host}: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No address of the host takes a connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The last address that was tried.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The own address cannot be used.
    #[error("cannot send from {source_address}: {source}")]
    Source {
        /// The address or interface that was asked for.
        source_address: String,
        /// Why.
        source: io::Error,
    },
    /// The TLS handshake failed.
    #[error("TLS handshake with {address}: {source}")]
    Handshake {
        /// The host's address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A message could not be sent.
    #[error("cannot send: {0}")]
    Send(io::Error),
    /// The other end closed the connection.
    #[error("the other end closed the connection")]
    Closed,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(io::Error),
    /// Nobody receives at the port.
    #[error("connection refused: no process listens on that port")]
    Refused,
    /// A certificate or key file cannot be used.
    #[error(transparent)]
    Certificate(#[from] PemError),
    /// The TLS settings contradict themselves, or the system has no certificates.
    #[error("TLS: {0}")]
    Tls(String),
}

impl NetError {
    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Certificate(error) => Some(&error.path),
            _ => None,
        }
    }

    /// What sending a datagram came to.
    pub(in crate::export) fn of_datagram(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            _ => Self::Send(error),
        }
    }
}
