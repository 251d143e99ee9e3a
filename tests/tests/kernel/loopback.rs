//! The programs at the hooks of a loopback interface, for what test runs cannot do.
//!
//! A packet socket in a network namespace of the test's own tells the kernel how a packet lies in memory and how it is to be
//! cut, as virtual machines do.

use std::{
    io, mem,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    time::{Duration, Instant},
};

use aya::programs::{TcAttachType, tc};

use super::harness::{Kernel, LOOPBACK, Taken};

/// Until when packets must have come through the interface.
const DEADLINE: Duration = Duration::from_secs(20);

/// `struct virtio_net_hdr` (include/uapi/linux/virtio_net.h).
#[derive(Clone, Copy, Debug, Default)]
pub struct VirtioHeader {
    /// What the packet is cut by; 0 for an ordinary one.
    pub gso_type: u8,
    /// Octets that lie in one piece.
    pub linear: u16,
    /// Payload octets of a segment.
    pub gso_size: u16,
    /// Where the transport header starts, and its checksum in there; 0 for a packet that is complete.
    pub checksum: (u16, u16),
}

impl VirtioHeader {
    fn octets(&self) -> [u8; 10] {
        let flags = u8::from(self.checksum.0 != 0);
        let mut octets = [flags, self.gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        let fields = [self.linear, self.gso_size, self.checksum.0, self.checksum.1];
        for (to, field) in octets[2..].chunks_exact_mut(2).zip(fields) {
            to.copy_from_slice(&field.to_ne_bytes());
        }
        octets
    }
}

/// A program at a hook of the loopback interface, until this goes.
pub struct Attached<'a> {
    kernel: &'a mut Kernel,
    link: Option<tc::SchedClassifierLink>,
}

impl<'a> Attached<'a> {
    pub fn new(kernel: &'a mut Kernel, program: &str, hook: TcAttachType) -> Self {
        // Needed below Linux 6.6; there already at the second hook.
        let _ = tc::qdisc_add_clsact("lo");
        let classifier = kernel.tc(program);
        let id = classifier.attach("lo", hook).expect("attach");
        let link = classifier.take_link(id).expect("link");
        Self { kernel, link: Some(link) }
    }

    /// What `packets` have left in the tables, once they are there.
    pub fn take(&mut self, packets: u64) -> Taken {
        let deadline = Instant::now() + DEADLINE;
        while self.kernel.ledger(0).seen.packets < packets {
            assert!(Instant::now() < deadline, "no packet came");
            std::thread::yield_now();
        }
        self.kernel.take(0)
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        drop(self.link.take());
    }
}

/// `struct ethtool_value` (include/uapi/linux/ethtool.h).
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Sets whether the device cuts super-packets of TCP.
const ETHTOOL_STSO: u32 = 0x1f;
/// include/uapi/linux/sockios.h.
const SIOCETHTOOL: libc::Ioctl = 0x8946;

/// A packet socket on the loopback interface of this thread's own network namespace.
pub struct Loopback(OwnedFd);

impl Loopback {
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes a number; from here on this thread has a network of its own, which ends with it.
        check(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
        let socket = socket(libc::AF_PACKET, libc::SOCK_RAW)?;
        // SAFETY: an interface request is plain numbers, for which zeros will do.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        // SAFETY: the request names an interface and its flags, as SIOCSIFFLAGS reads them.
        check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })?;
        // Super-packets of TCP are cut on their way into the interface, as before a NIC that cannot cut them.
        let mut off = EthtoolValue { command: ETHTOOL_STSO, data: 0 };
        request.ifr_ifru.ifru_data = (&raw mut off).cast();
        // SAFETY: the request names an interface and points to a command that lives through the call.
        check(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw const request) })?;
        let yes: libc::c_int = 1;
        // SAFETY: the option's value is an int, and lives through the call.
        check(unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_VNET_HDR,
                (&raw const yes).cast(),
                size_of_val(&yes) as libc::socklen_t,
            )
        })?;
        Ok(Self(socket))
    }

    /// Sends `frame` as `header` says.
    pub fn send(&self, frame: &[u8], header: VirtioHeader) -> io::Result<()> {
        let message = [&header.octets()[..], frame].concat();
        // SAFETY: an address is plain numbers, for which zeros will do.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = LOOPBACK as i32;
        address.sll_protocol = u16::from_be_bytes([frame[12], frame[13]]).to_be();
        // SAFETY: message and address live through the call, with the lengths given.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                message.as_ptr().cast(),
                message.len(),
                0,
                (&raw const address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        };
        check(sent as libc::c_int).map(drop)
    }
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers.
    let socket = check(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
