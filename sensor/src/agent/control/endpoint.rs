//! The TCP endpoint for Prometheus and health checks: its address, its token, its TLS.

use std::net::TcpListener;

use tokio_rustls::TlsAcceptor;

use crate::agent::{
    config::metrics::MetricsConfig,
    web::{
        endpoint::{EndpointError, acceptor, listen},
        token::TokenFile,
    },
};

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
        Ok(Self { listener: listen(config.address, "metrics.listen")?, tls, token })
    }
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
    let token = config.token_file.clone().map(|file| TokenFile::new(file, "metrics.token_file"));
    if let Some(token) = &token {
        token.read()?;
    }
    Ok((token, config.tls.as_ref().map(acceptor).transpose()?))
}
