//! Datagrams sent on as they came, so that the sensor can stand before a collector that is there already.
//!
//! Sending never waits: what the kernel does not take at once is counted as failed.

mod packet;
pub(super) mod selection;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket},
    sync::{
        PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

pub(super) use self::packet::Packet;
use self::selection::Selection;
use super::{
    error::IntakeError,
    now,
    options::{Forward, Listener},
    report::ForwardReport,
};

/// Milliseconds between two lines of the log about one receiver.
const SILENCE: u64 = 60_000;

/// How often names are resolved: nobody answers datagrams, so nobody else tells that a name leads elsewhere by now.
pub(super) const RESOLVE: Duration = Duration::from_secs(30);

/// All receivers.
pub(super) struct Relay {
    receivers: Vec<Receiver>,
}

struct Receiver {
    forward: Forward,
    /// Where we listen ourselves.
    listeners: Vec<Listener>,
    route: RwLock<Route>,
    selection: Selection,
    sent: AtomicU64,
    failed: AtomicU64,
    /// When the log may speak of it again, milliseconds since the epoch.
    silent_until: AtomicU64,
    /// Its name leads to nowhere that can be used, and that was told.
    unresolved: AtomicBool,
}

/// Where a receiver is.
struct Route {
    name: String,
    address: SocketAddr,
    way: Way,
}

enum Way {
    /// From our own address.
    Own(UdpSocket),
    /// From the exporter's, in packets that we make ourselves.
    Kept(Socket),
}

impl Relay {
    /// Opens a socket for each of `forwards`; none of them may be one of the `listeners`.
    pub(super) fn open(forwards: &[Forward], listeners: &[&Listener]) -> Result<Self, IntakeError> {
        let receivers = forwards.iter().map(|forward| Receiver::open(forward, listeners));
        Ok(Self { receivers: receivers.collect::<Result<_, _>>()? })
    }

    /// Sends `datagram`, which has come from `from`, to all that are to get it. `packet` is scratch space.
    pub(super) fn send(&self, from: SocketAddr, datagram: &[u8], packet: &mut Packet) {
        let all = self.receivers.iter();
        for receiver in all.filter(|receiver| receiver.selection.takes(from, datagram)) {
            match receiver.send(from, datagram, packet) {
                Ok(()) => {
                    receiver.sent.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => receiver.failed(&error),
            }
        }
    }

    /// What was sent and what not.
    pub(super) fn report(&self) -> Vec<ForwardReport> {
        let report = |receiver: &Receiver| ForwardReport {
            name: receiver.route().name.clone(),
            sent: receiver.sent.load(Ordering::Relaxed),
            failed: receiver.failed.load(Ordering::Relaxed),
        };
        self.receivers.iter().map(report).collect()
    }

    /// Whether there are names that may lead elsewhere.
    pub(super) fn has_names(&self) -> bool {
        self.receivers.iter().any(Receiver::has_name)
    }

    /// Resolves all names again, which may take as long as the resolver lets it, and follows them.
    pub(super) fn look(&self) {
        for receiver in self.receivers.iter().filter(|receiver| receiver.has_name()) {
            receiver.follow(resolve(&receiver.forward));
        }
    }
}

impl Receiver {
    fn open(forward: &Forward, listeners: &[&Listener]) -> Result<Self, IntakeError> {
        let failed = |source| IntakeError::Resolve { host: forward.host.clone(), source };
        let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
        let addresses = resolve(forward).map_err(failed)?;
        let address = addresses.first().ok_or_else(|| failed(none()))?;
        let listeners: Vec<_> = listeners.iter().map(|listener| (*listener).clone()).collect();
        let route = RwLock::new(Route::open(*address, forward.keep_source, &listeners)?);
        let selection = Selection {
            protocols: forward.protocols.clone(),
            exporters: forward.exporters.clone(),
        };
        let forward = forward.clone();
        let (sent, failed, silent_until, unresolved) = Default::default();
        Ok(Self { forward, listeners, route, selection, sent, failed, silent_until, unresolved })
    }

    fn has_name(&self) -> bool {
        self.forward.host.parse::<IpAddr>().is_err()
    }

    fn route(&self) -> RwLockReadGuard<'_, Route> {
        self.route.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes where the name leads by now, unless that is where it goes already.
    fn follow(&self, addresses: io::Result<Vec<SocketAddr>>) {
        let (host, before) = (&self.forward.host, self.route().address);
        let opened = match addresses {
            Err(error) => Err(error.to_string()),
            Ok(all) if all.contains(&before) || all.is_empty() => Ok(None),
            Ok(all) => Route::open(all[0], self.forward.keep_source, &self.listeners)
                .map(Some)
                .map_err(|error| error.to_string()),
        };
        match opened {
            Ok(route) => {
                self.unresolved.store(false, Ordering::Relaxed);
                let Some(route) = route else { return };
                let to = route.address;
                *self.route.write().unwrap_or_else(PoisonError::into_inner) = route;
                tracing::info!(%host, from = %before, %to, "the name leads elsewhere: datagrams follow");
            }
            Err(error) if !self.unresolved.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%host, %error, "datagrams still go to {before}");
            }
            Err(_) => {}
        }
    }

    fn send(&self, from: SocketAddr, datagram: &[u8], packet: &mut Packet) -> io::Result<()> {
        let route = self.route();
        let sent = match &route.way {
            Way::Own(socket) => match socket.send(datagram) {
                // That nobody received an earlier one; this one has not been sent yet.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    self.sent.fetch_sub(1, Ordering::Relaxed);
                    socket.send(datagram)
                }
                sent => sent,
            },
            Way::Kept(socket) => {
                let mut to = route.address;
                let octets = packet.udp(from, to, datagram).ok_or_else(|| {
                    io::Error::other("a packet cannot have an IPv4 and an IPv6 address")
                })?;
                // A raw socket has no ports.
                to.set_port(0);
                socket.send_to(octets, &SockAddr::from(to))
            }
        };
        sent.map(drop)
    }

    fn failed(&self, error: &io::Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let now = now();
        if now >= self.silent_until.load(Ordering::Relaxed) {
            self.silent_until.store(now + SILENCE, Ordering::Relaxed);
            tracing::warn!("not all datagrams reach {}: {error}", self.route().name);
        }
    }
}

impl Route {
    fn open(
        address: SocketAddr,
        keep_source: bool,
        listeners: &[Listener],
    ) -> Result<Self, IntakeError> {
        let name = format!("udp://{address}");
        let is_ours = |listener: &&Listener| {
            let ours = listener.address;
            let near = ours.ip().is_unspecified() && address.ip().is_loopback();
            ours.port() == address.port() && (ours.ip() == address.ip() || near)
        };
        if let Some(listener) = listeners.iter().find(is_ours) {
            return Err(IntakeError::Loop { to: name, listener: listener.name.clone() });
        }
        let way = if keep_source {
            let refused = |source| IntakeError::RawSocket { to: name.clone(), source };
            Way::Kept(raw(address).map_err(refused)?)
        } else {
            let failed = |source| IntakeError::Forward { to: name.clone(), source };
            Way::Own(own(address).map_err(failed)?)
        };
        Ok(Self { name, address, way })
    }
}

/// All addresses of a receiver.
fn resolve(forward: &Forward) -> io::Result<Vec<SocketAddr>> {
    Ok((forward.host.as_str(), forward.port).to_socket_addrs()?.collect())
}

fn own(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(to)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A socket that takes whole IP packets (IPPROTO_RAW, raw(7)).
fn raw(to: SocketAddr) -> io::Result<Socket> {
    const IPPROTO_RAW: i32 = 255;
    let socket =
        Socket::new(Domain::for_address(to), Type::RAW, Some(Protocol::from(IPPROTO_RAW)))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::options::Transport;

    #[test]
    fn datagrams_follow_a_name_in_both_families() {
        let v4 = UdpSocket::bind("127.0.0.1:0").unwrap();
        let v6 = UdpSocket::bind("[::1]:0").unwrap();
        let [to_v4, to_v6] = [&v4, &v6].map(|socket| socket.local_addr().unwrap());
        let forward = Forward {
            host: "localhost".to_owned(),
            port: to_v4.port(),
            keep_source: false,
            protocols: Vec::new(),
            exporters: Vec::new(),
        };
        let listener = Listener {
            name: "netflow://[::]:2055".to_owned(),
            address: "[::]:2055".parse().unwrap(),
            transport: Transport::Udp,
        };
        let relay = Relay::open(&[forward], &[&listener]).unwrap();
        assert!(relay.has_names());
        let receiver = &relay.receivers[0];
        let from = "192.0.2.1:5000".parse().unwrap();
        let received = |socket: &UdpSocket, text: &[u8]| {
            relay.send(from, text, &mut Packet::default());
            let mut buffer = [0; 64];
            let (octets, _) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..octets], text);
        };
        receiver.follow(Ok(vec![to_v4]));
        received(&v4, b"one");
        receiver.follow(Ok(vec![to_v6, to_v4]));
        received(&v4, b"the address in use is still one of the name's");
        receiver.follow(Ok(vec![to_v6]));
        received(&v6, b"elsewhere");
        assert_eq!(relay.report()[0].name, format!("udp://{to_v6}"));
        // No answer, and one that would send datagrams back to us, change nothing.
        receiver.follow(Err(io::ErrorKind::TimedOut.into()));
        receiver.follow(Ok(Vec::new()));
        receiver.follow(Ok(vec!["[::1]:2055".parse().unwrap()]));
        received(&v6, b"still there");
        assert!(receiver.unresolved.load(Ordering::Relaxed));
        receiver.follow(Ok(vec![to_v4]));
        received(&v4, b"and back");
        assert!(!receiver.unresolved.load(Ordering::Relaxed));
        // What the system's resolver says.
        let elsewhere = UdpSocket::bind("127.0.0.77:0").unwrap();
        receiver.follow(Ok(vec![elsewhere.local_addr().unwrap()]));
        relay.look();
        let address = receiver.route().address;
        assert!(address.ip().is_loopback() && address.port() == to_v4.port(), "{address}");
        assert_ne!(address.ip(), elsewhere.local_addr().unwrap().ip());
        let report = relay.report();
        assert_eq!((report[0].sent, report[0].failed), (5, 0));
    }
}
