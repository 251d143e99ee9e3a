//! A TCP socket of a server: its address and its TLS.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ServerConfig, crypto::ring};
use socket2::{Domain, Socket, Type};
use tokio_rustls::TlsAcceptor;

use super::token::TokenError;
use crate::pem::{self, PemError};

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address cannot be had.
    #[error("cannot listen on {address} ({key})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The key that names it.
        key: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl EndpointError {
    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Listen { .. } => None,
            Self::Pem(error) => Some(&error.path),
            Self::Token(error) => Some(error.file()),
        }
    }
}

/// Listens on `address`, which `key` of the configuration names.
///
/// # Errors
/// What the system says.
pub fn listen(address: SocketAddr, key: &'static str) -> Result<TcpListener, EndpointError> {
    let failed = |source| EndpointError::Listen { address, key, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Binds a socket as [`listen`] would, and closes it before anybody could connect.
///
/// # Errors
/// Why the address cannot be had.
pub fn trial(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As the standard library does.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

/// Reads certificate and key.
///
/// # Errors
/// When they cannot be used together.
pub fn acceptor((certificate, key): &(PathBuf, PathBuf)) -> Result<TlsAcceptor, PemError> {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PemError::new(certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(pem::certificates(certificate)?, pem::private_key(key)?)
        .map_err(|error| PemError::new(certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
