//! Where messages go, and what is in them.

use std::{fmt, path::PathBuf, time::Duration};

use crate::export::{lots::lot::LotOptions, net::tls::TlsOptions};

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaOptions {
    /// Brokers that are asked for the others: `HOST:PORT`.
    pub brokers: Vec<String>,
    /// The topic, which must be there.
    pub topic: String,
    /// How the sensor says who it is.
    pub login: Option<Login>,
    /// How brokers are verified; None for connections without TLS.
    pub tls: Option<TlsOptions>,
    /// How records are cut into messages.
    pub lots: LotOptions,
    /// Whether messages are compressed, by LZ4.
    pub compress: bool,
    /// How long brokers may take to answer.
    pub timeout: Duration,
}

/// How the sensor says who it is, by SASL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// A file with `user:password`.
    pub file: PathBuf,
}

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with SHA-512, as Kafka has it.
    #[default]
    ScramSha512,
}

impl fmt::Display for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.brokers.first().map_or("", String::as_str);
        write!(f, "kafka {first}/{}", self.topic)
    }
}
