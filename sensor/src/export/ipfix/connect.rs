//! How sessions are opened: names resolved, connections made, hands shaken, files created.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, UdpSocket, lookup_host},
    time::timeout,
};

use super::{
    connection::Connection,
    error::ExportError,
    file::IpfixFile,
    options::{CollectorOptions, Destination, FileOptions, Transport},
    session::{Datagrams, PROBATION, Session, end_of},
    tls::TlsClient,
};

/// How long a collector may take to accept a connection, and to answer on one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a peer may leave what was sent without an acknowledgement before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Opens sessions with one destination.
pub struct Connector {
    kind: Kind,
}

enum Kind {
    /// With the number of attempts so far.
    Udp(CollectorOptions, usize),
    Tcp(CollectorOptions),
    Tls(CollectorOptions, TlsClient),
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
            Destination::Collector(options) => match &options.transport {
                Transport::Udp { .. } => Kind::Udp(options, 0),
                Transport::Tcp => Kind::Tcp(options),
                Transport::Tls(tls) => {
                    let client = TlsClient::new(tls, &options.host)?;
                    Kind::Tls(options, client)
                }
            },
        };
        Ok(Self { kind })
    }

    /// Opens a session at `now` (milliseconds since the epoch). May take as long as the network lets it.
    pub async fn connect(&mut self, now: u64) -> Result<Session, ExportError> {
        match &mut self.kind {
            Kind::Udp(options, attempts) => {
                let socket = udp(options, *attempts).await?;
                *attempts += 1;
                Ok(Session::Udp(Datagrams::new(socket)))
            }
            Kind::Tcp(options) => Ok(Session::Tcp(tcp(options).await?.0)),
            Kind::Tls(options, client) => {
                let (stream, address) = tcp(options).await?;
                let refused =
                    |source| ExportError::Handshake { address: address.to_string(), source };
                let handshake = timeout(PATIENCE, client.connect(stream)).await;
                let handshake = handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                let mut stream = handshake.map_err(refused)?;
                // In TLS 1.3 the client's handshake ends before the server has seen the client's certificate.
                match timeout(PROBATION, end_of(&mut stream)).await {
                    Ok(ExportError::Lost(source)) => Err(refused(source)),
                    Ok(error) => Err(error),
                    Err(_) => Ok(Session::Tls(Box::new(stream))),
                }
            }
            Kind::Files { options, made } => {
                let file = IpfixFile::create(options, now, *made + 1)?;
                *made = file.number();
                Ok(Session::File(file))
            }
        }
    }
}

/// A socket connected to one of the collector's addresses, another one at each attempt: that nobody receives there
/// is only found out later.
async fn udp(options: &CollectorOptions, attempt: usize) -> Result<UdpSocket, ExportError> {
    let addresses = resolve(options).await?;
    let address = addresses[attempt % addresses.len()];
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let error = |source| ExportError::Connect { address: address.to_string(), source };
    let socket = UdpSocket::bind(any).await.map_err(error)?;
    socket.connect(address).await.map_err(error)?;
    Ok(socket)
}

/// A connection to the first of the collector's addresses that takes it.
async fn tcp(options: &CollectorOptions) -> Result<(Connection, SocketAddr), ExportError> {
    let mut last = None;
    for address in resolve(options).await? {
        match tcp_to(address).await {
            Ok(stream) => return Ok((Connection::new(stream), address)),
            Err(source) => {
                last = Some(ExportError::Connect { address: address.to_string(), source });
            }
        }
    }
    Err(last.unwrap_or_else(|| no_address(options)))
}

async fn tcp_to(address: SocketAddr) -> io::Result<TcpStream> {
    let connecting = timeout(PATIENCE, TcpStream::connect(address)).await;
    let stream = connecting.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(UNACKNOWLEDGED))?;
    Ok(stream)
}

/// All addresses of the collector, at least one.
async fn resolve(options: &CollectorOptions) -> Result<Vec<SocketAddr>, ExportError> {
    let error = |source| ExportError::Resolve { host: options.host.clone(), source };
    let addresses = lookup_host((options.host.as_str(), options.port)).await.map_err(error)?;
    let addresses: Vec<_> = addresses.collect();
    match addresses.is_empty() {
        true => Err(no_address(options)),
        false => Ok(addresses),
    }
}

fn no_address(options: &CollectorOptions) -> ExportError {
    let source = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    ExportError::Resolve { host: options.host.clone(), source }
}
