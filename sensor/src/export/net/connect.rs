//! How connections are opened: names resolved, connections made, hands shaken.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::{connection::Connection, error::NetError, source::Source, tls::TlsClient};

/// How long a host may take to accept a connection, and to answer on one.
pub(in crate::export) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a peer may leave what was sent without an acknowledgement before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// After so long without a word from the other end, it has taken us: a refusal by ICMP or in an alert comes sooner.
pub(in crate::export) const PROBATION: Duration = Duration::from_millis(250);

/// A host and a port there. A name is resolved at each attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Where messages leave from.
    pub source: Source,
}

impl Peer {
    /// A connection to the first of the addresses that takes it.
    pub(in crate::export) async fn tcp(&self) -> Result<(Connection, SocketAddr), NetError> {
        let mut last = None;
        for address in self.resolve().await? {
            match self.tcp_to(address).await {
                Ok(stream) => return Ok((Connection::new(stream), address)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.no_address()))
    }

    /// As [`Self::tcp`], and a handshake.
    pub(in crate::export) async fn tls(
        &self,
        client: &TlsClient,
    ) -> Result<TlsStream<Connection>, NetError> {
        let (stream, address) = self.tcp().await?;
        Self::shake_hands(client, stream, address).await
    }

    /// The handshake over a connection to `address`.
    pub(in crate::export) async fn shake_hands(
        client: &TlsClient,
        stream: Connection,
        address: SocketAddr,
    ) -> Result<TlsStream<Connection>, NetError> {
        let refused = |source| NetError::Handshake { address: address.to_string(), source };
        let handshake = timeout(PATIENCE, client.connect(stream)).await;
        let handshake = handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut stream = handshake.map_err(refused)?;
        // In TLS 1.3 the client's handshake ends before the server has seen the client's certificate.
        match timeout(PROBATION, end_of(&mut stream)).await {
            Ok(NetError::Lost(source)) => Err(refused(source)),
            Ok(error) => Err(error),
            Err(_) => Ok(stream),
        }
    }

    /// All addresses, at least one.
    pub(in crate::export) async fn resolve(&self) -> Result<Vec<SocketAddr>, NetError> {
        let error = |source| NetError::Resolve { host: self.host.clone(), source };
        let addresses = lookup_host((self.host.as_str(), self.port)).await.map_err(error)?;
        let addresses: Vec<_> = addresses.collect();
        match addresses.is_empty() {
            true => Err(self.no_address()),
            false => Ok(addresses),
        }
    }

    async fn tcp_to(&self, address: SocketAddr) -> Result<TcpStream, NetError> {
        let error = |source| NetError::Connect { address: address.to_string(), source };
        let candidates = self.source.candidates(address)?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(error)?;
        let mut bound = Ok(());
        for from in candidates {
            bound = socket.bind(from);
            if bound.is_ok() {
                break;
            }
        }
        let source_address = self.source.to_string();
        bound.map_err(|source| NetError::Source { source_address, source })?;
        let connecting = timeout(PATIENCE, socket.connect(address)).await;
        let connecting = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = connecting.map_err(error)?;
        settle_options(&stream).map_err(error)?;
        Ok(stream)
    }

    fn no_address(&self) -> NetError {
        let source = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        NetError::Resolve { host: self.host.clone(), source }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

fn settle_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(UNACKNOWLEDGED))
}

/// Reads what the other end says until it says no more, and returns why.
pub(in crate::export) async fn end_of(stream: &mut (impl AsyncReadExt + Unpin)) -> NetError {
    let mut replies = [0; 512];
    loop {
        match stream.read(&mut replies).await {
            Ok(0) => return NetError::Closed,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return NetError::Closed,
            Err(error) => return NetError::Lost(error),
        }
    }
}
