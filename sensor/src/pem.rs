//! PEM files: whom to trust, and who we are, to both sides of TLS.

use std::path::{Path, PathBuf};

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use crate::files::{self, Limit};

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}", path = path.display())]
pub struct PemError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl PemError {
    /// A problem with the contents of the file at `path`.
    pub fn new(path: &Path, problem: &(impl ToString + ?Sized)) -> Self {
        Self { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// The certificates of a file, at least one.
///
/// # Errors
/// A file that cannot be read, or has none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates.map_err(|error| PemError::new(path, &error))? {
        none if none.is_empty() => Err(PemError::new(path, "it contains no PEM certificate")),
        certificates => Ok(certificates),
    }
}

/// The certificates of a file, each an authority to trust.
///
/// # Errors
/// As [`certificates`]; a certificate that cannot be an authority's.
pub fn authorities(path: &Path) -> Result<RootCertStore, PemError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| PemError::new(path, &error))?;
    }
    Ok(roots)
}

/// The first private key of a file.
///
/// # Errors
/// A file that cannot be read, or has none.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => PemError::new(path, "it contains no PEM private key"),
        error => PemError::new(path, &error),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    files::read(path, Limit::TEXT).map_err(|error| PemError::new(path, &error))
}
