//! TLS to another host: whom to trust, whom to expect, and who we are.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{connection::Connection, error::NetError};
use crate::pem::{self, PemError};

/// How the other end is verified, and how the sensor shows who it is. Files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates of the authorities to trust; None for the system's.
    pub ca: Option<PathBuf>,
    /// The sensor's certificate chain, if the other end wants one. Needs `key`.
    pub certificate: Option<PathBuf>,
    /// The private key of `certificate`.
    pub key: Option<PathBuf>,
    /// The name in the other end's certificate, where it is not the host it is reached by.
    pub server_name: Option<String>,
}

/// Makes TLS connections to one host.
pub struct TlsClient {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl TlsClient {
    /// Reads the certificates that `options` name; `host` is the name to expect where they name none.
    pub fn new(options: &TlsOptions, host: &str) -> Result<Self, NetError> {
        let name = options.server_name.as_deref().unwrap_or(host);
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| NetError::Tls(format!("{name} is neither a host name nor an address")))?;
        Ok(Self { connector: Arc::new(client_config(options)?).into(), server })
    }

    /// Shakes hands over `stream`.
    pub async fn connect(&self, stream: Connection) -> io::Result<TlsStream<Connection>> {
        self.connector.connect(self.server.clone(), stream).await
    }
}

/// Reads the certificates that `options` name.
pub fn client_config(options: &TlsOptions) -> Result<ClientConfig, NetError> {
    let roots = match &options.ca {
        Some(path) => pem::authorities(path)?,
        None => system_authorities()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| NetError::Tls(error.to_string()))?
        .with_root_certificates(roots);
    match (&options.certificate, &options.key) {
        (None, None) => Ok(config.with_no_client_auth()),
        (Some(certificate), Some(key)) => config
            .with_client_auth_cert(pem::certificates(certificate)?, pem::private_key(key)?)
            .map_err(|error| PemError::new(certificate, &error).into()),
        _ => {
            let text = "a client certificate needs its key: configure both or neither";
            Err(NetError::Tls(text.into()))
        }
    }
}

fn system_authorities() -> Result<RootCertStore, NetError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some of a system's certificates may be too old to be read; the rest still serves.
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let text = "the system has no certificate authorities to trust: install the package \
                    ca-certificates, or name a CA file";
        return Err(NetError::Tls(text.into()));
    }
    Ok(roots)
}
