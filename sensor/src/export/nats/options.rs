//! Where messages go, and what is in them.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::export::{
    lots::lot::LotOptions,
    net::{http::origin, tls::TlsOptions},
};

/// A subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsOptions {
    /// Servers of one cluster: `nats://HOST:4222`, `tls://HOST:4222`.
    pub servers: Vec<String>,
    /// The subject, which some stream must take messages of.
    pub subject: String,
    /// The only stream that may take them, if there is but one.
    pub stream: Option<String>,
    /// How the sensor says who it is.
    pub login: Option<Login>,
    /// How servers are verified; None for connections without TLS.
    pub tls: Option<TlsOptions>,
    /// How records are cut into messages.
    pub lots: LotOptions,
    /// How long a server may take to answer.
    pub timeout: Duration,
}

/// How the sensor says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A file with `user:password`.
    Password(PathBuf),
    /// A file of credentials, as `nsc` writes it: a JWT and the seed of its key.
    Credentials(PathBuf),
}

impl Login {
    /// The file.
    pub fn file(&self) -> &Path {
        let (Self::Password(file) | Self::Credentials(file)) = self;
        file
    }
}

impl fmt::Display for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.servers.first().map_or("", |server| origin(server));
        let first = first.split_once("://").map_or(first, |(_, host)| host);
        write!(f, "nats {first}/{}", self.subject)
    }
}
