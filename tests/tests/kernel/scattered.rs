//! Headers that no program can read directly: packets whose first octets alone are in one piece.
//!
//! A test run makes buffers in one piece only, so these packets travel: a packet socket tells the kernel how many octets
//! to keep together (`hdr_len` of the virtio header, which holds for packets of a page and more), and the loopback
//! interface of a namespace of our own has the programs at both hooks.

use std::{
    io, mem,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    time::{Duration, Instant},
};

use aya::programs::{TcAttachType, tc};
use sensor_common::{
    layout::names,
    packet::{Reject, parse},
};
use tests::fixtures::{self, Flow, build};

use super::harness::{Kernel, LOOPBACK, Taken, kernel};

/// More than a page: the kernel keeps shorter packets in one piece.
const FRAME: usize = 5_000;

/// An Ethernet header is always in one piece.
const ETHERNET: usize = 14;

/// Until when a packet must have come through the loopback interface.
const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn headers_in_pieces_read_as_headers_in_one() {
    let Some(mut kernel) = kernel() else { return };
    let loopback = Loopback::new().expect("a namespace with its loopback interface");
    for (hook, program) in [
        (TcAttachType::Egress, names::PROGRAM_TC_EGRESS),
        (TcAttachType::Ingress, names::PROGRAM_TC_INGRESS),
    ] {
        let mut attached = Attached::new(&mut kernel, program, hook);
        for row in fixtures::all() {
            let whole = row.frame.len();
            let mut frame = row.frame;
            // What lies behind the packet is no part of it, and what the row expects of the frame's end has a row that
            // test runs make.
            frame.resize(FRAME, 0);
            let expected = expected(&frame, hook);
            for linear in ETHERNET..=whole {
                loopback.send(&frame, linear).expect("send");
                let taken = attached.take();
                let context = format!("{}, {program}, {linear} octets in one piece", row.name);
                assert_eq!(taken.verdict(&context), expected, "{context}");
                taken.assert_balance(&context);
            }
        }
    }
}

/// What a record must say of `frame` at `hook`: what the parser on the host reads.
fn expected(frame: &[u8], hook: TcAttachType) -> Result<Flow, Reject> {
    let read =
        |frame: &[u8]| parse(frame, frame.len() as u32).map(|headers| fixtures::flow(&headers));
    let tagged = [build::VLAN, build::QINQ].map(u16::to_be_bytes).contains(&[frame[12], frame[13]]);
    if !tagged || hook != TcAttachType::Ingress {
        return read(frame);
    }
    // Before ingress the kernel takes the outer tag out and keeps it beside the frame, where it counts all the same.
    let vlan = u16::from_be_bytes([frame[14], frame[15]]) & 0xfff;
    read(&[&frame[..12], &frame[16..]].concat()).map(|flow| Flow { vlan, ..flow })
}

/// A program at a hook of the loopback interface, until this goes.
struct Attached<'a> {
    kernel: &'a mut Kernel,
    link: Option<tc::SchedClassifierLink>,
}

impl<'a> Attached<'a> {
    fn new(kernel: &'a mut Kernel, program: &str, hook: TcAttachType) -> Self {
        // Needed below Linux 6.6; there already at the second hook.
        let _ = tc::qdisc_add_clsact("lo");
        let classifier = kernel.tc(program);
        let id = classifier.attach("lo", hook).expect("attach");
        let link = classifier.take_link(id).expect("link");
        Self { kernel, link: Some(link) }
    }

    /// What one packet has left in the tables, once it is there.
    fn take(&mut self) -> Taken {
        let deadline = Instant::now() + DEADLINE;
        while self.kernel.ledger(0).seen.packets == 0 {
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

/// A packet socket on the loopback interface of this thread's own network namespace.
struct Loopback(OwnedFd);

impl Loopback {
    fn new() -> io::Result<Self> {
        // SAFETY: takes a number; from here on this thread has a network of its own, which ends with it.
        check(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
        let socket = socket(libc::AF_PACKET, libc::SOCK_RAW)?;
        // SAFETY: an interface request is plain numbers, for which zeros will do.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        // SAFETY: the request names an interface and its flags, as SIOCSIFFLAGS reads them.
        check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })?;
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

    /// Sends `frame`, of which `linear` octets are in one piece.
    fn send(&self, frame: &[u8], linear: usize) -> io::Result<()> {
        // `struct virtio_net_hdr` (include/uapi/linux/virtio_net.h): flags, kind of super-packet (none), `hdr_len`.
        let mut message = vec![0; 10];
        message[2..4].copy_from_slice(&(linear as u16).to_ne_bytes());
        message.extend(frame);
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
