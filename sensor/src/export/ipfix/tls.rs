//! TLS to a collector (RFC 7011 section 11): whom to trust, whom to expect, and who we are.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{error::ExportError, options::TlsOptions};

/// Makes TLS connections to one collector.
pub struct TlsClient {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl TlsClient {
    /// Reads the certificates that `options` name; `host` is the name to expect where they name none.
    pub fn new(options: &TlsOptions, host: &str) -> Result<Self, ExportError> {
        let name = options.server_name.as_deref().unwrap_or(host);
        let server = ServerName::try_from(name.to_owned()).map_err(|_| {
            ExportError::Tls(format!("{name} is neither a host name nor an address"))
        })?;
        let roots = match &options.ca {
            Some(path) => authorities(path)?,
            None => system_authorities()?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ExportError::Tls(error.to_string()))?
            .with_root_certificates(roots);
        let config = match (&options.certificate, &options.key) {
            (None, None) => config.with_no_client_auth(),
            (Some(certificate), Some(key)) => config
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| problem(certificate, &error))?,
            _ => {
                let text = "a client certificate and its key go together: give both or neither";
                return Err(ExportError::Tls(text.into()));
            }
        };
        Ok(Self { connector: Arc::new(config).into(), server })
    }

    /// Shakes hands over `stream`.
    pub async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.server.clone(), stream).await
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, ExportError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| problem(path, &error))?;
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, ExportError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some of a system's certificates may be too old to be read; the rest still serves.
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let text = "the system has no certificate authorities to trust: install the package \
                    ca-certificates, or name a CA file";
        return Err(ExportError::Tls(text.into()));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ExportError> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| problem(path, &error))?.collect();
    match certificates.map_err(|error| problem(path, &error))? {
        none if none.is_empty() => Err(problem(path, "no certificate in PEM form in it")),
        certificates => Ok(certificates),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ExportError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| problem(path, &error))
}

fn problem(path: &Path, problem: &(impl ToString + ?Sized)) -> ExportError {
    ExportError::Certificate { path: path.to_owned(), problem: problem.to_string() }
}
