//! Ports for those who are to listen there later.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below those that Linux gives to outgoing connections (`net.ipv4.ip_local_port_range` starts at 32768): a port from there may be the
/// local end of somebody's connection by the time that its listener binds.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A UDP and TCP port that nobody uses, and that this process did not get before.
///
/// # Errors
/// When all are taken.
pub fn free_port() -> io::Result<u16> {
    // Processes that run side by side start far from each other.
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let start = process::id().wrapping_mul(7919);
    let is_free = |port: &u16| {
        let at = (Ipv4Addr::UNSPECIFIED, *port);
        UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok()
    };
    let next = || start.wrapping_add(u32::from(TAKEN.fetch_add(1, Ordering::Relaxed)));
    (0..COUNT)
        .map(|_| FIRST + u16::try_from(next() % u32::from(COUNT)).unwrap_or_default())
        .find(is_free)
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))
}
