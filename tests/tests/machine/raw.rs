//! Frames made by hand between two Ethernet devices, for what no device here makes: they must arrive octet by octet, with
//! the tag that the kernel keeps beside the frame put back.

use std::{io, mem::MaybeUninit, os::fd::AsRawFd};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use tests::{fixtures::build, frames, netns::Netns, peers::PATIENCE};

use crate::{
    network::index,
    sys::{check, set_option},
};

const ETH_P_ALL: u16 = 3;
/// linux/if_packet.h
const PACKET_AUXDATA: i32 = 8;
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;

/// Octets of the two MAC addresses.
const MACS: usize = 12;

/// Ethernet with a tag and two octets.
const SHORTEST: usize = 20;

/// `struct tpacket_auxdata` (linux/if_packet.h).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Beside {
    status: u32,
    length: u32,
    captured: u32,
    mac: u16,
    network: u16,
    tag: u16,
    ethertype: u16,
}

/// Frames of all shapes, tags and contents, with names.
fn all() -> Vec<(String, Vec<u8>)> {
    let plain = build::ethernet(build::IPV4, &build::ipv4(build::UDP, &build::udp(40)));
    // The kernel drops frames that end with their tag.
    let mut frames: Vec<_> = tests::fixtures::all()
        .into_iter()
        .filter(|row| row.frame.len() >= SHORTEST)
        .map(|row| (row.name.to_owned(), row.frame))
        .collect();
    for tags in [
        &[(0x8100, 7)][..],
        &[(0x8100, 0)],
        &[(0x88a8, 100), (0x8100, 7)],
        &[(0x9100, 100), (0x8100, 7)],
        &[(0x88a8, 100), (0x8100, 7), (0x8100, 8)],
    ] {
        frames.push((format!("tags {tags:x?}"), frames::tag(&plain, tags)));
    }
    for (name, to) in [("multicast", [1, 0, 0x5e, 1, 1, 1]), ("broadcast", [0xff; 6])] {
        let mut frame = plain.clone();
        frame[..6].copy_from_slice(&to);
        frames.push((name.to_owned(), frame));
    }
    frames.push(("arp".to_owned(), frames::arp()));
    // Two octets too many for the IP packet, and an EtherType that nobody knows.
    frames.push(("padded".to_owned(), [&plain[..], &[0xaa; 2]].concat()));
    frames.push(("unknown".to_owned(), build::ethernet(0xcafe, &[0x5a; 300])));
    frames.push(("full".to_owned(), build::ethernet(0xcafe, &[0xa5; 1500])));
    frames
}

/// Sends all frames from `device` in one namespace to its peer of the same name in the other.
///
/// # Errors
/// When one does not arrive as it was sent.
pub fn frames(from: &Netns, to: &Netns, device: &str) -> Result<()> {
    let (sender, receiver) = (socket(from, device)?, socket(to, device)?);
    set_option(&receiver, libc::SOL_PACKET, PACKET_AUXDATA, 1_i32)?;
    for (name, frame) in all() {
        sender.send(&frame).with_context(|| format!("send `{name}`"))?;
        loop {
            let arrived = receive(&receiver).with_context(|| format!("`{name}` is missing"))?;
            // Others may speak up at any time.
            if arrived[..MACS] == frame[..MACS] {
                ensure!(arrived == frame, "`{name}` arrived as {arrived:02x?} not {frame:02x?}");
                break;
            }
        }
    }
    Ok(())
}

/// A socket for all frames of `device`.
///
/// # Errors
/// When it cannot be made.
pub fn socket(netns: &Netns, device: &str) -> Result<Socket> {
    let index = index(netns, device)? as i32;
    netns.enter(|| -> Result<Socket> {
        let protocol = ETH_P_ALL.to_be();
        let socket =
            Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(protocol))))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut storage = SockAddrStorage::zeroed();
        // SAFETY: sockaddr_ll is one of the addresses that the storage is for.
        let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = index;
        // SAFETY: it was filled in as what its length says.
        let address =
            unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) };
        socket.bind(&address)?;
        Ok(socket)
    })?
}

/// The next frame, with its outermost tag where it was on the wire.
fn receive(socket: &Socket) -> io::Result<Vec<u8>> {
    let mut frame = vec![0_u8; 1 << 16];
    let mut part = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() };
    // Aligned as its header wants it.
    let mut control = [0_u64; 16];
    // SAFETY: all zero is a valid message header.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the buffers live and have the lengths that the header tells.
    let length = check(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) } as i32)?;
    frame.truncate(length as usize);
    let mut beside = Beside::default();
    // SAFETY: the header was filled in by the kernel; what it points to lies in `control`.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if !header.is_null() && (*header).cmsg_type == PACKET_AUXDATA {
            beside = libc::CMSG_DATA(header).cast::<Beside>().read_unaligned();
        }
    }
    if beside.status & TP_STATUS_VLAN_VALID != 0 {
        let tag = [beside.ethertype.to_be_bytes(), beside.tag.to_be_bytes()].concat();
        frame.splice(MACS..MACS, tag);
    }
    Ok(frame)
}
