//! Datagrams sent on as they came, so that the sensor can stand before a collector that is there already.
//!
//! Sending never waits: what the kernel does not take at once is counted as failed.

mod packet;
pub(super) mod selection;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

pub(super) use self::packet::Packet;
use self::selection::Selection;
use super::{
    error::IntakeError,
    options::{Forward, Listener},
    report::{ForwardReport, ended},
};
use crate::clock;

/// Milliseconds between two lines of the log about one receiver.
const SILENCE: u64 = 60_000;

/// All receivers.
#[derive(Default)]
pub(super) struct Relay {
    receivers: Vec<Receiver>,
    /// Those that reloads have ended.
    ended: Vec<Arc<Account>>,
}

/// A receiver and what it is to get.
struct Receiver {
    line: Arc<Line>,
    selection: Selection,
}

/// The way to a receiver.
struct Line {
    host: String,
    port: u16,
    keep_source: bool,
    address: SocketAddr,
    way: Way,
    account: Arc<Account>,
}

/// What became of the datagrams for one receiver.
#[derive(Default)]
struct Account {
    name: String,
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
    /// Opens a socket for each of `forwards`, but goes on with those that there are already; none of them may be one of the
    /// `listeners`.
    pub(super) fn changed_to(
        &self,
        forwards: &[Forward],
        listeners: &[&Listener],
    ) -> Result<Self, IntakeError> {
        let mut receivers = Vec::with_capacity(forwards.len());
        for forward in forwards {
            let there = self.receivers.iter().find(|receiver| receiver.line.serves(forward));
            let line = match there {
                Some(receiver) => receiver.line.clone(),
                None => Arc::new(Line::open(forward, &self.ended)?),
            };
            line.check_loop(listeners)?;
            let (protocols, devices) = (forward.protocols.clone(), forward.devices.clone());
            receivers.push(Receiver { line, selection: Selection { protocols, devices } });
        }
        let before = self.receivers.iter().map(|receiver| &receiver.line.account);
        let goes_on = |account: &Arc<Account>| {
            receivers.iter().any(|receiver| Arc::ptr_eq(&receiver.line.account, account))
        };
        let ended = before.chain(&self.ended).filter(|account| !goes_on(account)).cloned();
        Ok(Self { ended: ended.collect(), receivers })
    }

    /// Sends `datagram`, which has come from `from`, to all that are to get it. `packet` is scratch space.
    pub(super) fn send(&self, from: SocketAddr, datagram: &[u8], packet: &mut Packet) {
        let all = self.receivers.iter();
        for receiver in all.filter(|receiver| receiver.selection.takes(from, datagram)) {
            let Line { account, .. } = &*receiver.line;
            match receiver.line.send(from, datagram, packet) {
                Ok(()) => {
                    account.sent.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => account.failed(&error),
            }
        }
    }

    /// What was sent and what not.
    pub(super) fn report(&self) -> Vec<ForwardReport> {
        let report = |name: String, account: &Account| ForwardReport {
            name,
            sent: account.sent.load(Ordering::Relaxed),
            failed: account.failed.load(Ordering::Relaxed),
        };
        let receivers = self.receivers.iter().map(|receiver| &receiver.line.account);
        let receivers = receivers.map(|account| report(account.name.clone(), account));
        let ended = self.ended.iter().map(|account| report(ended(&account.name), account));
        receivers.chain(ended).collect()
    }
}

impl Line {
    /// Opens the way to the receiver of `forward`, who may be one of those that have `ended`.
    fn open(forward: &Forward, ended: &[Arc<Account>]) -> Result<Self, IntakeError> {
        let resolve = |source| IntakeError::Resolve { host: forward.host.clone(), source };
        let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
        let addresses = (forward.host.as_str(), forward.port).to_socket_addrs();
        let address = addresses.and_then(|mut all| all.next().ok_or_else(none)).map_err(resolve)?;
        let name = format!("udp://{address}");
        let way = if forward.keep_source {
            let raw = raw(address);
            let refused = |source| IntakeError::RawSocket { to: name.clone(), source };
            Way::Kept(raw.map_err(refused)?)
        } else {
            let failed = |source| IntakeError::Forward { to: name.clone(), source };
            Way::Own(own(address).map_err(failed)?)
        };
        let known = ended.iter().find(|account| account.name == name).cloned();
        let account = known.unwrap_or_else(|| Arc::new(Account { name, ..Account::default() }));
        let Forward { host, port, keep_source, .. } = forward.clone();
        Ok(Self { host, port, keep_source, address, way, account })
    }

    /// Whether it is the way to the receiver of `forward`.
    fn serves(&self, forward: &Forward) -> bool {
        (&self.host, self.port, self.keep_source)
            == (&forward.host, forward.port, forward.keep_source)
    }

    fn check_loop(&self, listeners: &[&Listener]) -> Result<(), IntakeError> {
        let address = self.address;
        let is_ours = |listener: &&&Listener| {
            let ours = listener.address;
            let near = ours.ip().is_unspecified() && address.ip().is_loopback();
            ours.port() == address.port() && (ours.ip() == address.ip() || near)
        };
        match listeners.iter().find(is_ours) {
            None => Ok(()),
            Some(listener) => {
                let (to, listener) = (self.account.name.clone(), listener.name.clone());
                Err(IntakeError::Loop { to, listener })
            }
        }
    }

    fn send(&self, from: SocketAddr, datagram: &[u8], packet: &mut Packet) -> io::Result<()> {
        let sent = match &self.way {
            Way::Own(socket) => match socket.send(datagram) {
                // That nobody received an earlier one; this one has not been sent yet.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.account.failed.fetch_add(1, Ordering::Relaxed);
                    self.account.sent.fetch_sub(1, Ordering::Relaxed);
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
}

impl Account {
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
