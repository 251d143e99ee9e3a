//! The system calls that neither the standard library nor socket2 makes: recvmmsg(2) with control messages, poll(2), and
//! the options of sockets that are particular to Linux.
//!
//! nix wraps recvmmsg(2), but at the second call with the same headers no longer has room for control messages, without
//! which merged datagrams (UDP_GRO) cannot be told apart.

#![expect(unsafe_code, reason = "system calls take pointers")]

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsRawFd, BorrowedFd},
    time::Duration,
};

use super::steer::Instruction;

/// Datagrams, or runs of merged datagrams, of one call.
pub(super) const SLOTS: usize = 64;

/// Longest of them: an IP packet's length is a number of 16 bits.
const LONGEST: usize = 1 << 16;

/// Distance of two buffers: not a power of two, or all of them would compete for the same cache lines.
const STRIDE: usize = LONGEST + 17 * 64;

/// `struct sockaddr_in` or `sockaddr_in6`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Name([u8; 32]);

/// Room for control messages.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Buffers to receive into.
pub(super) struct Inbox {
    octets: Box<[u8]>,
    names: [Name; SLOTS],
    controls: [Control; SLOTS],
    /// Octets received in each buffer, and of control messages.
    lengths: [(usize, usize); SLOTS],
}

/// What came in one buffer: one datagram, or several from one sender, each but the last `segment` octets long.
pub(super) struct Arrived<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// The datagrams.
    pub octets: &'a [u8],
    /// Octets of each of them but the last.
    pub segment: usize,
}

impl<'a> Arrived<'a> {
    /// The datagrams one by one; one without octets is one all the same.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> {
        let empty = self.octets.is_empty().then_some(self.octets);
        empty.into_iter().chain(self.octets.chunks(self.segment))
    }
}

impl Inbox {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self {
            octets: vec![0; SLOTS * STRIDE].into_boxed_slice(),
            names: [Name([0; 32]); SLOTS],
            controls: [Control([0; 64]); SLOTS],
            lengths: [(0, 0); SLOTS],
        })
    }

    /// Receives what waits at `socket`, up to [`SLOTS`], and returns how many buffers that filled. Does not wait.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        // SAFETY: pointers and numbers, for which zeros are valid.
        let mut vectors: [libc::iovec; SLOTS] = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; SLOTS] = unsafe { std::mem::zeroed() };
        let buffers = self.octets.chunks_exact_mut(STRIDE);
        let names = self.names.iter_mut().zip(&mut self.controls);
        for (((vector, header), buffer), (name, control)) in
            vectors.iter_mut().zip(&mut headers).zip(buffers).zip(names)
        {
            *vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: LONGEST };
            let header = &mut header.msg_hdr;
            header.msg_name = name.0.as_mut_ptr().cast();
            header.msg_namelen = size_of::<Name>() as libc::socklen_t;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        // SAFETY: each header points to memory of the stated length that lives until the call returns.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                SLOTS as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (lengths, header) in self.lengths.iter_mut().zip(&headers[..count]) {
            *lengths = (header.msg_len as usize, header.msg_hdr.msg_controllen);
        }
        Ok(count)
    }

    /// What the last call left in buffer `slot`; none when its sender has no address.
    pub(super) fn arrived(&self, slot: usize) -> Option<Arrived<'_>> {
        let (length, control) = self.lengths[slot];
        let octets = self.octets[slot * STRIDE..].get(..length.min(LONGEST))?;
        let from = address(&self.names[slot].0)?;
        let control = self.controls[slot].0.get(..control)?;
        let segment = segment(control).filter(|&segment| segment != 0).unwrap_or(LONGEST);
        Some(Arrived { from, octets, segment })
    }
}

/// Reads a `struct sockaddr_in` or `sockaddr_in6`.
fn address(name: &[u8; 32]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes([name[0], name[1]]);
    let port = u16::from_be_bytes([name[2], name[3]]);
    match i32::from(family) {
        libc::AF_INET => {
            let octets: [u8; 4] = name[4..8].try_into().ok()?;
            Some((Ipv4Addr::from(octets), port).into())
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = name[8..24].try_into().ok()?;
            Some((Ipv6Addr::from(octets), port).into())
        }
        _ => None,
    }
}

/// The length of merged datagrams, from control messages (`struct cmsghdr`, cmsg(3)).
fn segment(mut control: &[u8]) -> Option<usize> {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    const WORD: usize = size_of::<usize>();
    loop {
        let length = usize::from_ne_bytes(control.get(..WORD)?.try_into().ok()?);
        let number = |at: usize| -> Option<i32> {
            Some(i32::from_ne_bytes(control.get(at..at + 4)?.try_into().ok()?))
        };
        if (number(WORD)?, number(WORD + 4)?) == (libc::SOL_UDP, libc::UDP_GRO) {
            return usize::try_from(number(HEADER.next_multiple_of(WORD))?).ok();
        }
        control = control.get(length.max(HEADER).next_multiple_of(WORD)..)?;
    }
}

/// Waits until one of `sockets` has something, or for `time`.
pub(super) fn wait(sockets: &[BorrowedFd<'_>], time: Duration) {
    let poll = |socket: &BorrowedFd<'_>| libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let mut polled: Vec<_> = sockets.iter().map(poll).collect();
    // SAFETY: the list is valid for its length. A signal may end the wait early, which does no harm.
    unsafe {
        libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, time.as_millis() as _);
    }
}

/// Has the kernel merge datagrams of one sender (UDP_GRO, udp(7)).
pub(super) fn merge_datagrams(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_GRO, &1_i32)
}

/// Sets the receive buffer beyond the limit of the system (SO_RCVBUFFORCE, socket(7)); needs CAP_NET_ADMIN.
pub(super) fn force_receive_buffer(socket: BorrowedFd<'_>, octets: usize) -> io::Result<()> {
    let octets = i32::try_from(octets).unwrap_or(i32::MAX);
    set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &octets)
}

/// Has `program` choose among the sockets of the group that `socket` belongs to (SO_ATTACH_REUSEPORT_CBPF, socket(7)).
pub(super) fn choose_by(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    attach(socket, libc::SO_ATTACH_REUSEPORT_CBPF, program)
}

/// Has `socket` take nothing more (SO_ATTACH_FILTER, socket(7)): what comes counts as dropped; what waits can be received.
pub(super) fn refuse_all(socket: BorrowedFd<'_>) -> io::Result<()> {
    /// Take so many octets: none.
    const RETURN: u16 = 0x06;
    attach(socket, libc::SO_ATTACH_FILTER, &[(RETURN, 0, 0, 0)])
}

fn attach(socket: BorrowedFd<'_>, option: i32, program: &[Instruction]) -> io::Result<()> {
    let filter = |&(code, jt, jf, k): &Instruction| libc::sock_filter { code, jt, jf, k };
    let mut filters: Vec<_> = program.iter().map(filter).collect();
    let program = libc::sock_fprog { len: filters.len() as u16, filter: filters.as_mut_ptr() };
    set(socket, libc::SOL_SOCKET, option, &program)
}

/// Octets that wait to be read from a stream (SIOCINQ, tcp(7)).
pub(super) fn waiting(socket: BorrowedFd<'_>) -> usize {
    let mut octets: libc::c_int = 0;
    // SAFETY: the request writes one int, which lives until the call returns.
    unsafe {
        libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut octets);
    }
    usize::try_from(octets).unwrap_or(0)
}

fn set<T>(socket: BorrowedFd<'_>, level: i32, name: i32, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` is valid for its own length; the callers give the type that the option takes.
    let result = unsafe {
        let value = std::ptr::from_ref(value).cast();
        libc::setsockopt(socket.as_raw_fd(), level, name, value, length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has `socket` hear only an interface that there is none of: look-ups pass it over from now on (`compute_score` in
/// net/ipv4/udp.c), and it stays where it is in the kernel's table.
pub(super) fn hear_no_interface(socket: BorrowedFd<'_>) -> io::Result<()> {
    /// Of asm-generic/socket.h, since Linux 5.1.
    const SO_BINDTOIFINDEX: i32 = 62;
    set(socket, libc::SOL_SOCKET, SO_BINDTOIFINDEX, &i32::MAX)
}

/// Datagrams that the kernel dropped at `socket` because its buffer was full: the count that SO_RXQ_OVFL attaches to
/// datagrams, asked for (SO_MEMINFO, since Linux 4.12) so that those behind the last datagram are in it as well.
pub(super) fn dropped(socket: BorrowedFd<'_>) -> u32 {
    /// Of linux/socket.h and linux/sock_diag.h.
    const SO_MEMINFO: i32 = 55;
    const SK_MEMINFO_DROPS: usize = 8;
    let mut numbers = [0_u32; SK_MEMINFO_DROPS + 1];
    let mut length = size_of_val(&numbers) as libc::socklen_t;
    // SAFETY: the array is valid for `length`, which is too.
    unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        );
    }
    numbers[SK_MEMINFO_DROPS]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, kind: i32, value: i32) -> Vec<u8> {
        let mut octets = 20_usize.to_ne_bytes().to_vec();
        octets.extend([level, kind, value, 0].into_iter().flat_map(i32::to_ne_bytes));
        octets
    }

    #[test]
    fn the_segment_is_found_among_control_messages() {
        let other = message(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 7);
        let gro = message(libc::SOL_UDP, libc::UDP_GRO, 1400);
        assert_eq!(segment(&gro), Some(1400));
        assert_eq!(segment(&[other.clone(), gro.clone()].concat()), Some(1400));
        assert_eq!(segment(&other), None);
        assert_eq!(segment(&[]), None);
        for end in 0..20 {
            assert_eq!(segment(&gro[..end]), None);
        }
    }

    #[test]
    fn addresses_of_both_families() {
        let mut name = [0; 32];
        name[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        name[2..8].copy_from_slice(&[8, 7, 192, 0, 2, 1]);
        assert_eq!(address(&name), "192.0.2.1:2055".parse().ok());
        name[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
        name[23] = 1;
        assert_eq!(address(&name), "[::1]:2055".parse().ok());
        assert_eq!(address(&[0; 32]), None);
    }
}
