//! TLS for devices that connect (RFC 7011 section 11): who we are, and who they must be.

use std::{path::Path, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    files,
    intake::{error::IntakeError, options::Tls},
};

/// Reads the files that `tls` names.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, IntakeError> {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| problem(&tls.certificate, &error))?;
    let config = match &tls.ca {
        None => config.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(ca)? {
                roots.add(certificate).map_err(|error| problem(ca, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().map_err(|error| problem(ca, &error))?)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?).map_err(|error| match error {
        pem::Error::NoItemsFound => problem(&tls.key, "it contains no PEM private key"),
        error => problem(&tls.key, &error),
    })?;
    let config = config
        .with_single_cert(certificates(&tls.certificate)?, key)
        .map_err(|error| problem(&tls.certificate, &error))?;
    Ok(Arc::new(config).into())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IntakeError> {
    let pem = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match all.map_err(|error| problem(path, &error))? {
        none if none.is_empty() => Err(problem(path, "it contains no PEM certificate")),
        certificates => Ok(certificates),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, IntakeError> {
    files::read(path).map_err(|error| problem(path, &error))
}

fn problem(path: &Path, problem: &(impl ToString + ?Sized)) -> IntakeError {
    IntakeError::Certificate { path: path.to_owned(), problem: problem.to_string() }
}
