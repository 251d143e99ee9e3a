//! Datagram sockets: one for each worker and listener, those of one listener in a group.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::{error::IntakeError, options::Listener, steer, sys};

/// A socket of one worker.
pub(super) struct Port {
    /// The listener's name.
    pub name: String,
    socket: Socket,
    /// What the kernel gave: where it is small, nothing may wait.
    pub buffer: usize,
    /// Datagrams that the kernel had dropped when it was closed to others.
    closed: OnceLock<u32>,
}

impl Port {
    /// Where it listens.
    #[cfg(test)]
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Datagrams that the kernel dropped because the buffer was full.
    pub(super) fn dropped(&self) -> u32 {
        self.closed.get().copied().unwrap_or_else(|| sys::dropped(self.as_fd()))
    }

    /// Datagrams that came when nothing was taken any more.
    pub(super) fn too_late(&self) -> u32 {
        self.closed.get().map_or(0, |closed| sys::dropped(self.as_fd()).wrapping_sub(*closed))
    }

    /// Takes nothing more; what waits can still be received.
    pub(super) fn close(&self) {
        self.closed.get_or_init(|| sys::dropped(self.as_fd()));
        if let Err(error) = sys::refuse_all(self.as_fd()) {
            tracing::warn!("{}: datagrams keep arriving during the stop: {error}", self.name);
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Opens a socket for each of `workers` at the address of `listener`. `all` are the listeners for datagrams, among which an
/// IPv6 one leaves IPv4 to another of its port.
pub(super) fn open(
    listener: &Listener,
    all: &[&Listener],
    workers: usize,
    buffer: usize,
) -> Result<Vec<Port>, IntakeError> {
    let address = listener.address;
    let shared =
        |other: &&&Listener| other.address.is_ipv4() && other.address.port() == address.port();
    let only_v6 = all.iter().find(shared).is_some();
    let failed = |source| IntakeError::Listen { listener: listener.name.clone(), source };
    if workers > 1 {
        // Into a group anybody of the same user may come: whoever is there already would share the datagrams with us.
        drop(bound(address, only_v6, false).map_err(failed)?);
    }
    let mut ports = Vec::with_capacity(workers);
    for _ in 0..workers {
        let socket = bound(address, only_v6, workers > 1).map_err(failed)?;
        let buffer = set_buffer(&socket, buffer).map_err(failed)?;
        if let Err(error) = sys::merge_datagrams(socket.as_fd()) {
            tracing::debug!("{}: cannot receive datagrams in batches: {error}", listener.name);
        }
        let (name, closed) = (listener.name.clone(), OnceLock::new());
        ports.push(Port { name, socket, buffer, closed });
    }
    if let (true, Some(first)) = (workers > 1, ports.first()) {
        sys::choose_by(first.as_fd(), &steer::program(workers)).map_err(failed)?;
    }
    Ok(ports)
}

fn bound(address: SocketAddr, only_v6: bool, group: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_port(group)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Makes the receive buffer `octets` large, or as large as the system lets it be; returns that.
fn set_buffer(socket: &Socket, octets: usize) -> io::Result<usize> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if sys::force_receive_buffer(socket.as_fd(), octets).is_err() {
        socket.set_recv_buffer_size(octets)?;
    }
    // The kernel doubles what it is asked for, to account for its own structures.
    let given = socket.recv_buffer_size()? / 2;
    if given < octets && !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "the receive buffer is {given} octets, not {octets}: run `sysctl -w \
             net.core.rmem_max={octets}`, or give the sensor CAP_NET_ADMIN, to avoid losing bursts"
        );
    }
    Ok(given)
}
