//! TLS for devices that connect (RFC 7011 section 11): who we are, and who they must be.

use std::sync::Arc;

use rustls::{ServerConfig, crypto::ring, server::WebPkiClientVerifier};
use tokio_rustls::TlsAcceptor;

use crate::{
    intake::{error::IntakeError, options::Tls},
    pem::{self, PemError},
};

/// Reads the files that `tls` names.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, IntakeError> {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| PemError::new(&tls.certificate, &error))?;
    let config = match &tls.ca {
        None => config.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(pem::authorities(ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = verifier.build().map_err(|error| PemError::new(ca, &error))?;
            config.with_client_cert_verifier(verifier)
        }
    };
    let config = config
        .with_single_cert(pem::certificates(&tls.certificate)?, pem::private_key(&tls.key)?)
        .map_err(|error| PemError::new(&tls.certificate, &error))?;
    Ok(Arc::new(config).into())
}
