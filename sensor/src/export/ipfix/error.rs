//! What goes wrong on the way to a collector or into a file, each with what was tried.

use std::{io, path::PathBuf};

/// Why messages cannot be sent, or an exporter cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The collector's name has no address.
    #[error("cannot resolve {host}: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No address of the collector takes a connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The last address that was tried.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The TLS handshake failed.
    #[error("TLS handshake with {address}: {source}")]
    Handshake {
        /// The collector's address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A message could not be sent.
    #[error("cannot send: {0}")]
    Send(io::Error),
    /// The collector closed the connection.
    #[error("the collector closed the connection")]
    Closed,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(io::Error),
    /// Nobody receives at the collector's port.
    #[error("the collector's host refuses the datagrams: nobody receives at that port")]
    Refused,
    /// A file could not be made, written or renamed.
    #[error("cannot {attempt} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate or key file cannot be used.
    #[error("{path}: {problem}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The TLS settings contradict themselves, or the system has no certificates.
    #[error("TLS: {0}")]
    Tls(String),
    /// The exporter's thread could not be started.
    #[error("cannot start an export thread: {0}")]
    Start(io::Error),
}
