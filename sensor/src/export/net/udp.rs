//! The way of datagrams to a peer, which is looked at again and again: nobody answers them, so nobody else tells that a
//! name leads elsewhere by now, that a route has moved, or that the own address is gone.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::FutureExt as _;
use socket2::{Domain, Socket, Type};
use tokio::{net::UdpSocket, task::JoinHandle, time::Instant};

use super::{connect::Peer, error::NetError};

/// How often it is looked at where the kernel would send from now.
const LOOK: Duration = Duration::from_secs(1);
/// How often the peer's name is resolved.
const RESOLVE: Duration = Duration::from_secs(30);

/// A connected socket, and what was decided when it was connected.
#[derive(Debug)]
pub struct UdpPath {
    peer: Peer,
    socket: UdpSocket,
    remote: SocketAddr,
    local: IpAddr,
    look_at: Instant,
    resolve_at: Instant,
    resolving: Option<JoinHandle<Result<Vec<SocketAddr>, NetError>>>,
    /// The name could not be resolved, and that was told.
    unresolved: bool,
}

/// Why another socket should take the place of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The name leads elsewhere.
    Peer {
        /// Where it led.
        from: SocketAddr,
        /// Where it leads, the first of several addresses.
        to: SocketAddr,
    },
    /// Messages would leave from another address.
    Source {
        /// From which they left.
        from: IpAddr,
        /// From which they will leave.
        to: IpAddr,
    },
}

impl UdpPath {
    /// A path to one of the peer's addresses, another one at each `attempt`: that nobody receives there is only found out
    /// later.
    pub async fn open(peer: &Peer, attempt: usize) -> Result<Self, NetError> {
        let addresses = peer.resolve().await?;
        Self::to(peer, addresses[attempt % addresses.len()])
    }

    fn to(peer: &Peer, remote: SocketAddr) -> Result<Self, NetError> {
        let (socket, local) = connect(peer, remote)?;
        let error = |source| NetError::Connect { address: remote.to_string(), source };
        socket.set_nonblocking(true).map_err(error)?;
        let now = Instant::now();
        Ok(Self {
            peer: peer.clone(),
            socket: UdpSocket::from_std(socket.into()).map_err(error)?,
            remote,
            local,
            look_at: now + LOOK,
            resolve_at: now + RESOLVE,
            resolving: None,
            unresolved: false,
        })
    }

    /// The socket.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// When to look again.
    pub fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Looks at the way, where that is due at `now`, without waiting. What is returned has changed: open another path.
    ///
    /// # Errors
    /// When there is no way any more.
    pub fn look(&mut self, now: Instant) -> Result<Option<Change>, NetError> {
        if now < self.look_at {
            return Ok(None);
        }
        self.look_at = now + LOOK;
        if let Some(to) = self.resolved_elsewhere(now) {
            return Ok(Some(Change::Peer { from: self.remote, to }));
        }
        match connect(&self.peer, self.remote) {
            Ok((_, local)) if local == self.local => Ok(None),
            Ok((_, local)) => Ok(Some(Change::Source { from: self.local, to: local })),
            Err(error) if leads_nowhere(&error) => Err(error),
            // Out of file descriptors, for example: that says nothing about the way.
            Err(_) => Ok(None),
        }
    }

    /// Where the name leads, if no longer to the address in use; resolves it anew when that is due. An answer takes
    /// effect at the look after it.
    fn resolved_elsewhere(&mut self, now: Instant) -> Option<SocketAddr> {
        let answer = self.resolving.as_mut().and_then(|task| task.now_or_never());
        let found = match answer {
            None => None,
            Some(Ok(Ok(addresses))) => {
                self.unresolved = false;
                let to = addresses.first().copied();
                to.filter(|_| !addresses.contains(&self.remote))
            }
            Some(failed) => {
                if let (Ok(Err(error)), false) = (failed, self.unresolved) {
                    self.unresolved = true;
                    let to = self.remote;
                    tracing::warn!(peer = %self.peer, %error, "messages still go to {to}");
                }
                None
            }
        };
        if self.resolving.as_ref().is_some_and(JoinHandle::is_finished) {
            self.resolving = None;
        }
        let is_name = self.peer.host.parse::<IpAddr>().is_err();
        if is_name && self.resolving.is_none() && now >= self.resolve_at {
            self.resolve_at = now + RESOLVE;
            let peer = self.peer.clone();
            self.resolving = Some(tokio::spawn(async move { peer.resolve().await }));
        }
        found
    }
}

/// A socket connected to `remote`, and the own address that it sends from. Nothing is sent.
///
/// Left to the kernel, it is not bound before: of several routes of equal cost one may be chosen by the ports, and a look
/// must choose as the socket in use did.
pub(super) fn connect(peer: &Peer, remote: SocketAddr) -> Result<(Socket, IpAddr), NetError> {
    let error = |source| NetError::Connect { address: remote.to_string(), source };
    let candidates = peer.source.candidates(remote)?;
    let open = |from: Option<SocketAddr>| -> Result<(Socket, IpAddr), NetError> {
        let socket = Socket::new(Domain::for_address(remote), Type::DGRAM, None).map_err(error)?;
        if let Some(from) = from {
            let source_address = peer.source.to_string();
            let error = |source| NetError::Source { source_address, source };
            socket.bind(&from.into()).map_err(error)?;
        }
        socket.connect(&remote.into()).map_err(error)?;
        let local = socket.local_addr().map_err(error)?.as_socket();
        Ok((socket, local.map_or(remote.ip(), |local| local.ip())))
    };
    let Some((last, first)) = candidates.split_last() else { return open(None) };
    first.iter().find_map(|from| open(Some(*from)).ok()).map_or_else(|| open(Some(*last)), Ok)
}

/// Whether the kernel says that there is no way, or that the own address is gone.
fn leads_nowhere(error: &NetError) -> bool {
    let (NetError::Connect { source, .. } | NetError::Source { source, .. }) = error else {
        return false;
    };
    matches!(
        source.kind(),
        io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkDown
    ) || matches!(source.raw_os_error(), Some(libc::ENODEV | libc::EINVAL))
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer { from, to } => write!(f, "the name now resolves to {to} instead of {from}"),
            Self::Source { from, to } => {
                write!(f, "the source address is now {to} instead of {from}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::net::source::Source;

    fn peer(host: &str, source: Source) -> Peer {
        Peer { host: host.into(), port: 4739, source }
    }

    #[tokio::test]
    async fn a_name_is_resolved_again_and_an_address_that_it_no_longer_has_is_left() {
        let remote: SocketAddr = "127.0.0.77:4739".parse().unwrap();
        let mut path = UdpPath::to(&peer("localhost", Source::Any), remote).unwrap();
        let start = Instant::now();
        assert_eq!(path.look(start + LOOK).unwrap(), None);
        assert!(path.resolving.is_none(), "not yet");
        assert_eq!(path.look(start + RESOLVE + LOOK).unwrap(), None);
        while !path.resolving.as_ref().is_some_and(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        let change = path.look(start + RESOLVE + 2 * LOOK).unwrap().unwrap();
        assert!(matches!(change, Change::Peer { from, .. } if from == remote), "{change}");
    }

    #[tokio::test]
    async fn an_address_that_the_name_still_has_stays_in_use() {
        let mut path = UdpPath::open(&peer("localhost", Source::Any), 0).await.unwrap();
        let start = Instant::now();
        assert_eq!(path.look(start + RESOLVE + LOOK).unwrap(), None);
        while !path.resolving.as_ref().is_some_and(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        assert_eq!(path.look(start + RESOLVE + 2 * LOOK).unwrap(), None);
    }

    #[tokio::test]
    async fn an_address_is_never_resolved() {
        let mut path = UdpPath::open(&peer("127.0.0.1", Source::Any), 0).await.unwrap();
        assert_eq!(path.look(Instant::now() + 2 * RESOLVE).unwrap(), None);
        assert!(path.resolving.is_none());
    }

    #[tokio::test]
    async fn messages_leave_from_the_address_that_is_wanted() {
        let wanted: IpAddr = [127, 0, 0, 9].into();
        let path = UdpPath::open(&peer("127.0.0.1", Source::Address(wanted)), 0).await.unwrap();
        assert_eq!(path.socket().local_addr().unwrap().ip(), wanted);
        let foreign = peer("127.0.0.1", Source::Address([192, 0, 2, 77].into()));
        let error = UdpPath::open(&foreign, 0).await.unwrap_err();
        assert!(leads_nowhere(&error), "{error}");
        assert!(error.to_string().starts_with("cannot send from 192.0.2.77: "), "{error}");
    }

    #[tokio::test]
    async fn an_address_that_is_gone_is_noticed() {
        let mut path = UdpPath::open(&peer("127.0.0.1", Source::Any), 0).await.unwrap();
        path.local = [127, 0, 0, 8].into();
        let change = path.look(Instant::now() + LOOK).unwrap();
        let (from, to) = ([127, 0, 0, 8].into(), [127, 0, 0, 1].into());
        assert_eq!(change, Some(Change::Source { from, to }));
        path.peer.source = Source::Address([192, 0, 2, 77].into());
        assert!(path.look(Instant::now() + 2 * LOOK).is_err());
    }
}
