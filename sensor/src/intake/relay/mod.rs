//! Datagrams sent on as they came, so that the sensor can stand before a collector that is there already.
//!
//! Sending never waits: what the kernel does not take at once is counted as failed.

mod packet;
pub(super) mod selection;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket},
    sync::atomic::{AtomicU64, Ordering},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

pub(super) use self::packet::Packet;
use self::selection::Selection;
use super::{
    error::IntakeError,
    options::{Forward, Listener},
    report::ForwardReport,
};
use crate::clock;

/// Milliseconds between two lines of the log about one receiver.
const SILENCE: u64 = 60_000;

/// All receivers.
pub(super) struct Relay {
    receivers: Vec<Receiver>,
}

struct Receiver {
    name: String,
    address: SocketAddr,
    way: Way,
    selection: Selection,
    sent: AtomicU64,
    failed: AtomicU64,
    /// When the log may speak of it again, milliseconds since the epoch.
    silent_until: AtomicU64,
}

enum Way {
    /// From our own address.
    Own(UdpSocket),
    /// From the device's, in packets that we make ourselves.
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
            name: receiver.name.clone(),
            sent: receiver.sent.load(Ordering::Relaxed),
            failed: receiver.failed.load(Ordering::Relaxed),
        };
        self.receivers.iter().map(report).collect()
    }
}

impl Receiver {
    fn open(forward: &Forward, listeners: &[&Listener]) -> Result<Self, IntakeError> {
        let resolve = |source| IntakeError::Resolve { host: forward.host.clone(), source };
        let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
        let addresses = (forward.host.as_str(), forward.port).to_socket_addrs();
        let address = addresses.and_then(|mut all| all.next().ok_or_else(none)).map_err(resolve)?;
        let name = format!("udp://{address}");
        let is_ours = |listener: &&&Listener| {
            let ours = listener.address;
            let near = ours.ip().is_unspecified() && address.ip().is_loopback();
            ours.port() == address.port() && (ours.ip() == address.ip() || near)
        };
        if let Some(listener) = listeners.iter().find(is_ours) {
            return Err(IntakeError::Loop { to: name, listener: listener.name.clone() });
        }
        let way = if forward.keep_source {
            let raw = raw(address);
            let refused = |source| IntakeError::RawSocket { to: name.clone(), source };
            Way::Kept(raw.map_err(refused)?)
        } else {
            let failed = |source| IntakeError::Forward { to: name.clone(), source };
            Way::Own(own(address).map_err(failed)?)
        };
        let selection =
            Selection { protocols: forward.protocols.clone(), devices: forward.devices.clone() };
        let (sent, failed, silent_until) = Default::default();
        Ok(Self { name, address, way, selection, sent, failed, silent_until })
    }

    fn send(&self, from: SocketAddr, datagram: &[u8], packet: &mut Packet) -> io::Result<()> {
        let sent = match &self.way {
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
                let mut to = self.address;
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
        let now = clock::now();
        if now >= self.silent_until.load(Ordering::Relaxed) {
            self.silent_until.store(now + SILENCE, Ordering::Relaxed);
            tracing::warn!("not all datagrams reach {}: {error}", self.name);
        }
    }
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
