//! Where events go, and how.

use std::{fmt, path::PathBuf, time::Duration};

use super::{render::Format, selection::Selection};
use crate::export::{
    files::rotated::Rotation,
    net::{
        connect::Peer,
        http::{Credentials, origin},
        tls::TlsOptions,
    },
    store::options::StoredHitsOptions,
};

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputOptions {
    /// Where to.
    pub destination: Destination,
    /// What is sent there.
    pub selection: Selection,
    /// How it is written. The journal has a form of its own.
    pub format: Format,
    /// Events that may wait in memory.
    pub queue: u64,
    /// Where events wait that have not been delivered yet; `None` for memory alone.
    pub spool: Option<SpoolOptions>,
}

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output; for people, whatever the format, when it is a terminal.
    Stdout {
        /// With details below each event.
        verbose: bool,
    },
    /// A file.
    File(FileOptions),
    /// The folder of the flow store.
    Store(StoredHitsOptions),
    /// The system's journal.
    Journal {
        /// The socket that it listens on.
        socket: PathBuf,
        /// The identifier of the messages.
        tag: String,
    },
    /// A syslog receiver.
    Syslog(SyslogOptions),
    /// An HTTP server.
    Webhook(WebhookOptions),
}

/// A file, and when another takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// Its path.
    pub path: PathBuf,
    /// When it is full, and how many are kept.
    pub rotation: Rotation,
}

/// A syslog receiver (RFC 5424).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogOptions {
    /// How messages travel.
    pub transport: SyslogTransport,
    /// Where to.
    pub peer: Peer,
    /// Facility, 0 to 23.
    pub facility: u8,
    /// APP-NAME.
    pub tag: String,
    /// Number of the enterprise under which the structured data are.
    pub enterprise: u32,
}

/// How syslog messages travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTransport {
    /// A datagram each (RFC 5426).
    Udp,
    /// Counted frames in a TCP connection (RFC 6587).
    Tcp,
    /// Counted frames in TLS (RFC 5425).
    Tls(TlsOptions),
}

/// An HTTP server that takes events by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Where to: `https://` or `http://`.
    pub url: String,
    /// More headers of each request.
    pub headers: Vec<(String, String)>,
    /// How the sensor says who it is.
    pub credentials: Option<Credentials>,
    /// How the server is verified. A server name of its own cannot be told.
    pub tls: TlsOptions,
    /// Events of a request at most. More than one are sent as a JSON list, or as lines of another format.
    pub batch: usize,
    /// How long the server may take to answer.
    pub timeout: Duration,
}

/// Events on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Where; made if it does not exist. One output's alone.
    pub directory: PathBuf,
    /// Octets at most.
    pub max_size: u64,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout { .. } => f.write_str("standard output"),
            Self::File(file) => file.path.display().fmt(f),
            Self::Store(store) => store.fmt(f),
            Self::Journal { .. } => f.write_str("the journal"),
            Self::Syslog(syslog) => {
                let scheme = match syslog.transport {
                    SyslogTransport::Udp => "udp",
                    SyslogTransport::Tcp => "tcp",
                    SyslogTransport::Tls(_) => "tls",
                };
                write!(f, "syslog+{scheme}://{}", syslog.peer)
            }
            // What follows the host is often a secret.
            Self::Webhook(webhook) => f.write_str(origin(&webhook.url)),
        }
    }
}
