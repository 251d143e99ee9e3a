//! One session: a connection to a collector, or a file. The ways a message can go, behind one face.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::FutureExt;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket, lookup_host},
    time::{sleep, timeout},
};
use tokio_rustls::client::TlsStream;

use super::{
    error::ExportError,
    file::IpfixFile,
    options::{CollectorOptions, Destination, FileOptions, Transport},
    tls::TlsClient,
};

/// How long a collector may take to accept a connection, and to answer on one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a peer may leave what was sent without an acknowledgement before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How long a collector may take to close its end once everything has been sent.
const CLOSING: Duration = Duration::from_millis(500);
/// Datagrams that go out in one go. More would overflow the receive buffer that a collector has by default
/// (212,992 octets on Linux, of which a datagram of 1,400 octets takes 2,304).
const BURST: u32 = 64;
/// The pause after a burst.
const BURST_PAUSE: Duration = Duration::from_millis(1);

/// Opens sessions with one destination.
pub struct Connector {
    kind: Kind,
}

enum Kind {
    Udp(CollectorOptions),
    Tcp(CollectorOptions),
    Tls(CollectorOptions, TlsClient),
    Files { options: FileOptions, made: u32 },
}

impl Connector {
    /// Reads what sessions need, certificates above all.
    pub fn new(destination: Destination) -> Result<Self, ExportError> {
        let kind = match destination {
            Destination::Files(options) => Kind::Files { options, made: 0 },
            Destination::Collector(options) => match &options.transport {
                Transport::Udp { .. } => Kind::Udp(options),
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
            Kind::Udp(options) => udp(options).await,
            Kind::Tcp(options) => Ok(Session::Tcp(tcp(options).await?.0)),
            Kind::Tls(options, client) => {
                let (stream, address) = tcp(options).await?;
                let handshake = timeout(PATIENCE, client.connect(stream)).await;
                match handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                    Ok(stream) => Ok(Session::Tls(Box::new(stream))),
                    Err(source) => {
                        Err(ExportError::Handshake { address: address.to_string(), source })
                    }
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

/// An open session.
pub enum Session {
    /// A connected socket, and the datagrams sent since the last pause.
    Udp(UdpSocket, u32),
    /// A connection.
    Tcp(TcpStream),
    /// A connection behind a handshake.
    Tls(Box<TlsStream<TcpStream>>),
    /// A file.
    File(IpfixFile),
}

impl Session {
    /// Sends `message` whole. After an error the session is of no more use.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), ExportError> {
        match self {
            Self::Udp(socket, burst) => {
                if *burst == BURST {
                    *burst = 0;
                    sleep(BURST_PAUSE).await;
                }
                *burst += 1;
                socket.send(message).await.map(drop).map_err(datagram_error)
            }
            Self::Tcp(stream) => stream.write_all(message).await.map_err(ExportError::Send),
            Self::Tls(stream) => {
                stream.write_all(message).await.map_err(ExportError::Send)?;
                stream.flush().await.map_err(ExportError::Send)
            }
            Self::File(file) => {
                // Writing to a file never waits here, but the deadline of the stop must get its turn.
                tokio::task::coop::consume_budget().await;
                file.write(message)
            }
        }
    }

    /// Returns when the other end is gone, and why. What it says meanwhile is thrown away: IPFIX has no replies.
    pub async fn lost(&mut self) -> ExportError {
        match self {
            Self::Udp(socket, _) => loop {
                if let Err(error) = socket.recv(&mut [0; 1]).await {
                    return datagram_error(error);
                }
            },
            Self::Tcp(stream) => end_of(stream).await,
            Self::Tls(stream) => end_of(stream).await,
            Self::File(_) => std::future::pending().await,
        }
    }

    /// An error if the other end is known to be gone, without waiting.
    pub fn check(&mut self) -> Result<(), ExportError> {
        if let Self::Udp(socket, _) = self {
            return match socket.take_error() {
                Ok(Some(error)) | Err(error) => Err(datagram_error(error)),
                Ok(None) => Ok(()),
            };
        }
        self.lost().now_or_never().map_or(Ok(()), Err)
    }

    /// When this session should end and another follow, in milliseconds since the epoch; None for never.
    pub fn ends_at(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.ends_at()),
            _ => None,
        }
    }

    /// True once another session should follow this one.
    pub fn is_complete(&self, now: u64) -> bool {
        match self {
            Self::File(file) => file.is_complete(now),
            _ => false,
        }
    }

    /// Ends the session in order.
    pub async fn close(self) -> Result<(), ExportError> {
        let lost = match self {
            Self::Udp(..) => return Ok(()),
            Self::File(file) => return file.complete(),
            Self::Tcp(mut stream) => {
                stream.shutdown().await.map_err(ExportError::Send)?;
                timeout(CLOSING, end_of(&mut stream)).await
            }
            Self::Tls(mut stream) => {
                stream.shutdown().await.map_err(ExportError::Send)?;
                timeout(CLOSING, end_of(&mut stream)).await
            }
        };
        // A reset while we wait for the other end means that it threw away what it had not read yet.
        match lost {
            Ok(error @ ExportError::Lost(_)) => Err(error),
            _ => Ok(()),
        }
    }
}

async fn end_of(stream: &mut (impl AsyncReadExt + Unpin)) -> ExportError {
    let mut replies = [0; 512];
    loop {
        match stream.read(&mut replies).await {
            Ok(0) => return ExportError::Closed,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return ExportError::Closed;
            }
            Err(error) => return ExportError::Lost(error),
        }
    }
}

fn datagram_error(error: io::Error) -> ExportError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ExportError::Refused,
        _ => ExportError::Send(error),
    }
}

async fn resolve(options: &CollectorOptions) -> Result<Vec<SocketAddr>, ExportError> {
    let error = |source| ExportError::Resolve { host: options.host.clone(), source };
    let addresses = lookup_host((options.host.as_str(), options.port)).await.map_err(error)?;
    let addresses: Vec<_> = addresses.collect();
    match addresses.is_empty() {
        true => Err(error(io::Error::new(io::ErrorKind::NotFound, "it has no address"))),
        false => Ok(addresses),
    }
}

async fn udp(options: &CollectorOptions) -> Result<Session, ExportError> {
    let mut last = None;
    for address in resolve(options).await? {
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0; 16], 0).into(),
        };
        let socket = async {
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            Ok(socket)
        };
        match socket.await {
            Ok(socket) => return Ok(Session::Udp(socket, 0)),
            Err(source) => last = Some((address, source)),
        }
    }
    Err(unreachable_error(options, last))
}

async fn tcp(options: &CollectorOptions) -> Result<(TcpStream, SocketAddr), ExportError> {
    let mut last = None;
    for address in resolve(options).await? {
        let stream = async {
            let connecting = timeout(PATIENCE, TcpStream::connect(address)).await;
            let stream = connecting.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            stream.set_nodelay(true)?;
            let socket = SockRef::from(&stream);
            socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(UNACKNOWLEDGED))?;
            Ok(stream)
        };
        match stream.await {
            Ok(stream) => return Ok((stream, address)),
            Err(source) => last = Some((address, source)),
        }
    }
    Err(unreachable_error(options, last))
}

fn unreachable_error(
    options: &CollectorOptions,
    last: Option<(SocketAddr, io::Error)>,
) -> ExportError {
    match last {
        Some((address, source)) => ExportError::Connect { address: address.to_string(), source },
        None => ExportError::Resolve {
            host: options.host.clone(),
            source: io::ErrorKind::NotFound.into(),
        },
    }
}
