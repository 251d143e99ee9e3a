//! Datagram sockets: one for each worker and listener, those of one listener in a group.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::{error::IntakeError, options::Listener, steer, sys};

/// A socket of one worker.
pub(super) struct Port {
    /// The name of the listener, as of when it was opened.
    pub name: String,
    /// The listener's number.
    listener: AtomicUsize,
    socket: Socket,
    /// What the kernel gave: where it is small, nothing may wait.
    buffer: AtomicUsize,
    /// Datagrams that the kernel had dropped when it was given to its listener.
    counted: AtomicU32,
    /// Whether its worker is to empty and close it.
    ends: AtomicBool,
    /// Datagrams that the kernel had dropped when it was closed to others, and when that was.
    closed: OnceLock<(u32, Instant)>,
    /// It has been found empty since the kernel chooses by sender.
    sorted: AtomicBool,
    /// See [`Self::leave`].
    leaves: AtomicBool,
}

/// The port of a service that sends nothing (RFC 863).
const DISCARD: u16 = 9;

/// How long a datagram may take that has passed the door of a socket when it closes.
const UNDER_WAY: Duration = Duration::from_millis(10);

impl Port {
    /// Where it listens.
    #[cfg(test)]
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Datagrams that the kernel dropped because the buffer was full, since its listener has it.
    pub(super) fn dropped(&self) -> u32 {
        let closed = self.closed.get().map(|(dropped, _)| *dropped);
        let dropped = closed.unwrap_or_else(|| sys::dropped(self.as_fd()));
        dropped.wrapping_sub(self.counted.load(Ordering::Relaxed))
    }

    /// Datagrams that came when nothing was taken any more.
    pub(super) fn too_late(&self) -> u32 {
        let closed = self.closed.get();
        closed.map_or(0, |(closed, _)| sys::dropped(self.as_fd()).wrapping_sub(*closed))
    }

    /// The number of its listener.
    pub(super) fn listener(&self) -> usize {
        self.listener.load(Ordering::Relaxed)
    }

    /// It is of listener `number` from the first.
    pub(super) fn belong_to(&self, number: usize) {
        self.listener.store(number, Ordering::Relaxed);
    }

    /// Gives it to listener `number`; returns what the kernel has dropped of the one before.
    pub(super) fn pass_to(&self, number: usize) -> u32 {
        let dropped = self.dropped();
        self.counted.fetch_add(dropped, Ordering::Relaxed);
        self.listener.store(number, Ordering::Relaxed);
        dropped
    }

    /// Whether all that waits is of its worker's devices. While the sockets of several workers are bound one by one, the
    /// kernel has no choice yet; while they leave one by one, its choice is among those that are left.
    pub(super) fn is_sorted(&self) -> bool {
        self.sorted.load(Ordering::Relaxed) && !self.leaves.load(Ordering::Relaxed)
    }

    /// One of its group is about to end, and the others are next.
    pub(super) fn leave(&self) {
        self.leaves.store(true, Ordering::Release);
    }

    /// It has been found empty since the kernel chooses by sender.
    pub(super) fn be_sorted(&self) {
        self.sorted.store(true, Ordering::Relaxed);
    }

    /// Whether its buffer is so large that datagrams may gather there.
    pub(super) fn holds(&self, octets: usize) -> bool {
        self.buffer.load(Ordering::Relaxed) >= octets
    }

    /// Makes its receive buffer `octets` large, as far as the system lets it.
    pub(super) fn set_buffer(&self, octets: usize) {
        match set_buffer(&self.socket, octets) {
            Ok(given) => self.buffer.store(given, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!("{}: cannot change the receive buffer: {error}", self.name);
            }
        }
    }

    /// Lets others be bound to its address, or to a part of it, who let it as well: for the moment in which one takes
    /// its place.
    pub(super) fn share_address(&self, share: bool) -> io::Result<()> {
        self.socket.set_reuse_address(share)
    }

    /// Leaves its address to others, and has its worker receive what waits and close it. What comes from now on goes to a
    /// listener that has taken its place, or to none.
    pub(super) fn end(&self) {
        if sys::hear_no_interface(self.as_fd()).is_ok() || self.hears_nobody() {
            // Not before: its worker counts from here when nothing more can come, and this thread may be held up.
            self.closed.get_or_init(|| (sys::dropped(self.as_fd()), Instant::now()));
        } else {
            self.close();
        }
        self.ends.store(true, Ordering::Release);
    }

    /// Where a socket cannot be bound to an interface (before Linux 5.7): one that is connected to somebody hears nobody else.
    /// It moves to another chain of the kernel's table, and a datagram that is looked up meanwhile may find no socket.
    fn hears_nobody(&self) -> bool {
        let nobody: SocketAddr = match self.socket.local_addr().map(|address| address.is_ipv6()) {
            Ok(true) => (Ipv6Addr::LOCALHOST, DISCARD).into(),
            _ => (Ipv4Addr::LOCALHOST, DISCARD).into(),
        };
        self.socket.connect(&SockAddr::from(nobody)).is_ok()
    }

    /// Whether its worker is to empty and close it.
    pub(super) fn ends(&self) -> bool {
        self.ends.load(Ordering::Acquire)
    }

    /// Whether it was closed so long ago that nothing more can come.
    pub(super) fn is_done(&self) -> bool {
        self.closed.get().is_some_and(|(_, since)| since.elapsed() >= UNDER_WAY)
    }

    /// Takes nothing more; what waits can still be received.
    pub(super) fn close(&self) {
        self.closed.get_or_init(|| (sys::dropped(self.as_fd()), Instant::now()));
        if let Err(error) = sys::refuse_all(self.as_fd()) {
            tracing::warn!("{}: datagrams keep arriving although it ends: {error}", self.name);
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What holds for the sockets of a listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    /// One for each.
    pub workers: usize,
    /// Octets of its receive buffer.
    pub buffer: usize,
    /// Whether an IPv6 address leaves IPv4 to another listener of its port.
    pub only_v6: bool,
    /// Whether one that is about to end may have the address, or a part of it.
    pub shared: bool,
}

/// Opens a socket for each worker at the address of `listener`, whose number is told later.
pub(super) fn open(listener: &Listener, binding: Binding) -> Result<Vec<Arc<Port>>, IntakeError> {
    let Binding { workers, buffer, .. } = binding;
    let address = listener.address;
    let failed = |source| IntakeError::Listen { listener: listener.name.clone(), source };
    if workers > 1 {
        // Into a group anybody of the same user may come: whoever is there already would share the datagrams with us.
        drop(tried(address, binding).map_err(failed)?);
    }
    let mut ports = Vec::with_capacity(workers);
    for _ in 0..workers {
        let socket = bound(address, binding, workers > 1).map_err(failed)?;
        let buffer = AtomicUsize::new(set_buffer(&socket, buffer).map_err(failed)?);
        if let Err(error) = sys::merge_datagrams(socket.as_fd()) {
            tracing::debug!("{}: cannot receive datagrams in batches: {error}", listener.name);
        }
        let (name, closed) = (listener.name.clone(), OnceLock::new());
        let (listener, counted, ends) = Default::default();
        let (sorted, leaves) = (AtomicBool::new(workers == 1), AtomicBool::new(false));
        ports.push(Arc::new(Port {
            name,
            listener,
            socket,
            buffer,
            counted,
            ends,
            closed,
            sorted,
            leaves,
        }));
    }
    if let (true, Some(first)) = (workers > 1, ports.first()) {
        sys::choose_by(first.as_fd(), &steer::program(workers)).map_err(failed)?;
    }
    Ok(ports)
}

/// Opens one socket at the address of `listener` as [`open`] would, and closes it; returns the octets of its receive buffer.
pub(super) fn trial(listener: &Listener, only_v6: bool, buffer: usize) -> io::Result<usize> {
    let socket = tried(listener.address, Binding { workers: 1, buffer, only_v6, shared: false })?;
    give_buffer(&socket, buffer)
}

/// Bound to an address that must be free, as long as that takes. Nobody reads it, so it hears nothing where the kernel can
/// have that: datagrams of others must not end here.
fn tried(address: SocketAddr, binding: Binding) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    let _ = sys::hear_no_interface(socket.as_fd());
    bind(socket, address, binding, false)
}

fn bound(address: SocketAddr, binding: Binding, group: bool) -> io::Result<Socket> {
    bind(Socket::new(Domain::for_address(address), Type::DGRAM, None)?, address, binding, group)
}

fn bind(socket: Socket, address: SocketAddr, binding: Binding, group: bool) -> io::Result<Socket> {
    if address.is_ipv6() {
        socket.set_only_v6(binding.only_v6)?;
    }
    socket.set_reuse_port(group)?;
    socket.set_reuse_address(binding.shared)?;
    socket.bind(&SockAddr::from(address))?;
    socket.set_reuse_address(false)?;
    Ok(socket)
}

/// As [`give_buffer`]; warns, once, where that is less.
fn set_buffer(socket: &Socket, octets: usize) -> io::Result<usize> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let given = give_buffer(socket, octets)?;
    if given < octets && !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "the receive buffer is {given} octets, not {octets}: run `sysctl -w \
             net.core.rmem_max={octets}`, or give the sensor CAP_NET_ADMIN, to avoid losing bursts"
        );
    }
    Ok(given)
}

/// Makes the receive buffer `octets` large, or as large as the system lets it be; returns that.
fn give_buffer(socket: &Socket, octets: usize) -> io::Result<usize> {
    if sys::force_receive_buffer(socket.as_fd(), octets).is_err() {
        socket.set_recv_buffer_size(octets)?;
    }
    // The kernel doubles what it is asked for, to account for its own structures.
    Ok(socket.recv_buffer_size()? / 2)
}
