//! The TCP endpoint for Prometheus and health checks: its address, its token, its TLS.

use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ServerConfig, crypto::ring};
use socket2::{Domain, Socket, Type};
use tokio_rustls::TlsAcceptor;

use crate::{
    agent::config::metrics::MetricsConfig,
    files::{self, Limit},
    pem::{self, PemError},
};

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address cannot be had.
    #[error("cannot listen on {address} (metrics.listen)")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
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

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem} (metrics.token_file)", path.display())]
pub struct TokenError {
    path: PathBuf,
    problem: String,
}

impl EndpointError {
    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Listen { .. } => None,
            Self::Pem(error) => Some(&error.path),
            Self::Token(error) => Some(&error.path),
        }
    }
}

/// What listens.
pub struct Endpoint {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) token: Option<TokenFile>,
}

impl Endpoint {
    /// Opens what `config` asks for.
    ///
    /// # Errors
    /// What cannot be used of it.
    pub fn open(config: &MetricsConfig) -> Result<Self, EndpointError> {
        let (token, tls) = guards(config)?;
        let address = &config.address;
        let failed = |source| EndpointError::Listen { address: *address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, tls, token })
    }
}

/// Binds a socket as [`Endpoint::open`] would, and closes it before anybody could connect.
///
/// # Errors
/// Why the address cannot be had.
pub fn trial(address: std::net::SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As the standard library does.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

/// Reads the files of the endpoint, and starts nothing.
///
/// # Errors
/// When one cannot be used.
pub fn check(config: &MetricsConfig) -> Result<(), EndpointError> {
    guards(config).map(|_| ())
}

fn guards(
    config: &MetricsConfig,
) -> Result<(Option<TokenFile>, Option<TlsAcceptor>), EndpointError> {
    let token = config.token_file.clone().map(TokenFile);
    if let Some(token) = &token {
        token.read()?;
    }
    let tls = config.tls.as_ref();
    let tls = tls.map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
    Ok((token, tls))
}

/// Reads certificate and key.
///
/// # Errors
/// When they cannot be used together.
fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, PemError> {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PemError::new(certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(pem::certificates(certificate)?, pem::private_key(key)?)
        .map_err(|error| PemError::new(certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A file with a token, which may change while the agent runs.
#[derive(Clone, Debug)]
pub struct TokenFile(PathBuf);

impl TokenFile {
    fn read(&self) -> Result<String, TokenError> {
        let failed = |problem: String| TokenError { path: self.0.clone(), problem };
        let octets =
            files::read(&self.0, Limit::TEXT).map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(octets).map_err(|_| failed("not UTF-8".to_owned()))?;
        match text.trim() {
            "" => Err(failed("it contains no token".to_owned())),
            token => Ok(token.to_owned()),
        }
    }

    /// Whether `header`, the value of `Authorization`, bears the token.
    ///
    /// # Errors
    /// When the token cannot be read now.
    pub fn is_borne_by(&self, header: Option<&str>) -> Result<bool, TokenError> {
        let token = self.read()?;
        Ok(header.is_some_and(|header| bears(header, &token)))
    }
}

fn bears(header: &str, token: &str) -> bool {
    let Some((scheme, given)) = header.split_once(' ') else { return false };
    scheme.eq_ignore_ascii_case("bearer") && same(given.trim().as_bytes(), token.as_bytes())
}

/// Whether two secrets are the same; how long that takes tells nothing but their lengths.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && std::hint::black_box(one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_borne_as_rfc_6750_has_it() {
        for (header, expected) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("Bearer  secret ", true),
            ("Bearer secre", false),
            ("Bearer secret2", false),
            ("Basic secret", false),
            ("secret", false),
            ("", false),
        ] {
            assert_eq!(bears(header, "secret"), expected, "{header}");
        }
    }

    #[test]
    fn a_token_may_change_but_not_vanish() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let token = TokenFile(path.clone());
        assert!(token.is_borne_by(Some("Bearer a")).is_err());
        std::fs::write(&path, "a\n").unwrap();
        assert!(token.is_borne_by(Some("Bearer a")).unwrap());
        std::fs::write(&path, "b\n").unwrap();
        assert!(!token.is_borne_by(Some("Bearer a")).unwrap());
        assert!(!token.is_borne_by(None).unwrap());
        std::fs::write(&path, " \n").unwrap();
        let error = token.is_borne_by(Some("Bearer ")).unwrap_err().to_string();
        assert!(error.ends_with("token: it contains no token (metrics.token_file)"), "{error}");
    }
}
