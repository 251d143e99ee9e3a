//! What the intake is told.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::admission::Rules;
pub use super::relay::selection::Protocol;

/// Everything that it is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub listeners: Vec<Listener>,
    /// Threads that receive datagrams, at least one.
    pub workers: usize,
    /// Octets of each socket's receive buffer.
    pub receive_buffer: usize,
    /// Who is listened to, and what is known of them.
    pub rules: Rules,
    /// Octets of memory for what devices tell of themselves.
    pub memory: usize,
    /// Look into tunnels.
    pub inner_headers: bool,
    /// Where templates and sampling rates are kept.
    pub state: Option<State>,
    /// Where datagrams are sent on to.
    pub forwards: Vec<Forward>,
    /// TCP and TLS connections at once.
    pub max_connections: usize,
    /// The same of one address, or of one IPv6 network of 64 bits.
    pub max_connections_per_address: usize,
    /// A connection ends where its first message is not there after so long.
    pub first_message_timeout: Duration,
    /// A connection ends after so long without a message.
    pub idle_timeout: Duration,
}

impl Options {
    /// Where templates and sampling rates are kept, where anything is listened to: who listens to nobody would overwrite what
    /// others have learnt.
    pub(super) fn kept(&self) -> Option<&State> {
        self.state.as_ref().filter(|_| !self.listeners.is_empty())
    }
}

/// An address to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, for messages.
    pub name: String,
    /// Address and port.
    pub address: SocketAddr,
    /// How messages arrive there.
    pub transport: Transport,
}

impl Listener {
    /// Whether messages come over connections there.
    pub fn is_stream(&self) -> bool {
        self.transport != Transport::Udp
    }
}

/// How messages arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams of any protocol.
    Udp,
    /// IPFIX in a stream.
    Tcp,
    /// IPFIX in a stream inside TLS.
    Tls(Tls),
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The sensor's certificate chain.
    pub certificate: PathBuf,
    /// The key of `certificate`.
    pub key: PathBuf,
    /// Authorities that must have signed the devices' certificates; `None`: they need none.
    pub ca: Option<PathBuf>,
}

/// A file for what a restart must not lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The file.
    pub path: PathBuf,
    /// How often it is written.
    pub interval: Duration,
}

/// A receiver of the datagrams as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Name or address; looked up once.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Send from the device's address and port.
    pub keep_source: bool,
    /// Only datagrams of these; all where there are none.
    pub protocols: Vec<Protocol>,
    /// Only what these send; everybody where there are none.
    pub devices: Vec<IpNet>,
}
