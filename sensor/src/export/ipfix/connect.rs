//! How sessions are opened: connections made, files created.

use super::{
    error::ExportError,
    file::IpfixFile,
    options::{Destination, FileOptions, Transport},
    session::{Datagrams, Session},
};
use crate::export::net::{connect::Peer, tls::TlsClient, udp::UdpPath};

/// Opens sessions with one destination.
pub struct Connector {
    kind: Kind,
}

enum Kind {
    /// With the number of attempts so far.
    Udp(Peer, usize),
    Tcp(Peer),
    Tls(Peer, TlsClient),
    Files {
        options: FileOptions,
        made: u32,
    },
}

impl Connector {
    /// Reads what sessions need, certificates above all.
    pub fn new(destination: Destination) -> Result<Self, ExportError> {
        let kind = match destination {
            Destination::Files(options) => Kind::Files { options, made: 0 },
            Destination::Collector(options) => {
                let peer = Peer { host: options.host, port: options.port, source: options.source };
                match &options.transport {
                    Transport::Udp { .. } => Kind::Udp(peer, 0),
                    Transport::Tcp => Kind::Tcp(peer),
                    Transport::Tls(tls) => {
                        let client = TlsClient::new(tls, &peer.host)?;
                        Kind::Tls(peer, client)
                    }
                }
            }
        };
        Ok(Self { kind })
    }

    /// The last session did not fail: the next one should be with the same of several addresses.
    pub fn stay(&mut self) {
        if let Kind::Udp(_, attempts) = &mut self.kind {
            *attempts = attempts.saturating_sub(1);
        }
    }

    /// Opens a session at `now` (milliseconds since the epoch). May take as long as the network lets it.
    pub async fn connect(&mut self, now: u64) -> Result<Session, ExportError> {
        match &mut self.kind {
            Kind::Udp(peer, attempts) => {
                let path = UdpPath::open(peer, *attempts).await?;
                *attempts += 1;
                Ok(Session::Udp(Datagrams::new(path)))
            }
            Kind::Tcp(peer) => Ok(Session::Tcp(peer.tcp().await?.0)),
            Kind::Tls(peer, client) => Ok(Session::Tls(Box::new(peer.tls(client).await?))),
            Kind::Files { options, made } => {
                let file = IpfixFile::create(options, now, *made + 1)?;
                *made = file.number();
                Ok(Session::File(file))
            }
        }
    }
}
