//! Certificates for tests, made when they are needed.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Result;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use sensor::export::net::tls::TlsOptions;

use crate::collector::{Collector, Manner};

/// A certificate authority and what it has signed.
pub struct Pki {
    /// Where the files lie.
    pub directory: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    server: (Vec<u8>, Vec<u8>),
}

impl Pki {
    /// A new authority with `ca.pem`, and what it signed for a client, `client.pem` and `client.key`, and for a
    /// collector, `server.pem` and `server.key`.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let ca_key = rcgen::KeyPair::generate()?;
        let mut ca = rcgen::CertificateParams::new(vec![])?;
        // Authorities are told apart by their names.
        let own_name = directory.path().display().to_string();
        ca.distinguished_name.push(rcgen::DnType::CommonName, own_name);
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        fs::write(directory.path().join("ca.pem"), ca.self_signed(&ca_key)?.pem())?;
        let ca = rcgen::Issuer::new(ca, ca_key);
        let (server, server_key) = signed(&ca, "collector.test")?;
        let server = (server.der().to_vec(), server_key.serialize_der());
        let pki = Self { directory, issuer: ca, server };
        pki.issue("sensor.test", "client")?;
        pki.issue("collector.test", "server")?;
        Ok(pki)
    }

    /// Signs a certificate for `name`, a host or an address: `STEM.pem` and `STEM.key`.
    pub fn issue(&self, name: &str, stem: &str) -> Result<()> {
        let (certificate, key) = signed(&self.issuer, name)?;
        let path = |end: &str| self.directory.path().join(format!("{stem}.{end}"));
        fs::write(path("pem"), certificate.pem())?;
        fs::write(path("key"), key.serialize_pem())?;
        Ok(())
    }

    /// The path of a file of it.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.directory.path().join(name))
    }

    /// A collector that wants to see a certificate of this authority.
    pub fn collector(&self) -> Result<Collector> {
        Collector::start(self.manner()?)
    }

    /// What such a collector does with connections.
    pub fn manner(&self) -> Result<Manner> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.directory.path().join("ca.pem"))?)?;
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        );
        let (certificate, key) = self.server.clone();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients.build()?)
            .with_single_cert(vec![certificate.into()], PrivatePkcs8KeyDer::from(key).into())?;
        Ok(Manner::Tls(Arc::new(config)))
    }

    /// What a client needs to be let in.
    pub fn client(&self) -> TlsOptions {
        TlsOptions {
            ca: self.file("ca.pem"),
            certificate: self.file("client.pem"),
            key: self.file("client.key"),
            server_name: Some("collector.test".into()),
        }
    }
}

fn signed(
    issuer: &rcgen::Issuer<'static, rcgen::KeyPair>,
    name: &str,
) -> Result<(rcgen::Certificate, rcgen::KeyPair)> {
    let key = rcgen::KeyPair::generate()?;
    let parameters = rcgen::CertificateParams::new(vec![name.to_owned()])?;
    Ok((parameters.signed_by(&key, issuer)?, key))
}
