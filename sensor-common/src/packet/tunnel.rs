//! What a super-packet's segments repeat beyond its outer headers.
//!
//! The kernel cuts a super-packet in a tunnel at the payload of its inner packet, and each segment gets the headers of
//! both. The kernel itself sums that up for a packet on its way out only; of a received one the headers must be read. The
//! forms are those whose super-packets the kernel makes: IP in IP, GRE, and over UDP VXLAN (RFC 7348), its GPE, GENEVE
//! (RFC 8926) and bare IP. Which of them a UDP port stands for is configuration that nobody here knows, so it is told by
//! the packet: only where an inner IP header says that its packet reaches to the end of the outer one is there a tunnel.

use super::{Bytes, Words, ethertype, ip::protocol};

/// Octets from the start of the frame to the payload of the packet that fills the tunnel, or 0 where there is no tunnel.
///
/// `protocol` is that of the outer packet, whose payload (behind the header of UDP) starts at `start` and ends at `end`,
/// all from the start of the frame.
#[inline(always)]
pub fn headers_length<B: Bytes + ?Sized>(
    bytes: &B,
    protocol: u8,
    start: usize,
    end: usize,
) -> usize {
    inner_headers(bytes, protocol, start, end).unwrap_or(0)
}

#[inline(always)]
fn inner_headers<B: Bytes + ?Sized>(
    bytes: &B,
    protocol: u8,
    start: usize,
    end: usize,
) -> Option<usize> {
    let (length, mut kind) = match protocol {
        protocol::IPV4 => (0, ethertype::IPV4),
        protocol::IPV6 => (0, ethertype::IPV6),
        protocol::GRE => gre(bytes, start)?,
        protocol::UDP => over_udp(bytes, start)?,
        _ => return None,
    };
    let mut at = bytes.forget(start + length);
    if kind == ethertype::ETHERNET {
        kind = u16::from_be(bytes.read::<u16>(at + 12)?);
        at += 14;
        if kind == ethertype::VLAN {
            kind = u16::from_be(bytes.read::<u16>(at + 2)?);
            at += 4;
        }
    }
    let (inner, at, length) = match kind {
        ethertype::IPV4 => ipv4(bytes, at)?,
        ethertype::IPV6 => ipv6(bytes, at)?,
        _ => return None,
    };
    // Length 0 is a super-packet of more than 64 KiB.
    if length != 0 && at.wrapping_add(length) != end {
        return None;
    }
    let at = bytes.forget(at + inner.length);
    match inner.protocol {
        protocol::TCP => {
            let Words([offset_flags]) = bytes.read::<Words<u16, 1>>(at + 12)?;
            Some(at + (u16::from_be(offset_flags) >> 12) as usize * 4)
        }
        protocol::UDP => Some(at + 8),
        _ => None,
    }
}

/// Length of the GRE header (RFC 2784, RFC 2890) at `at`, and the EtherType of what follows; none where `bytes` end first.
#[inline(always)]
pub fn gre<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Option<(usize, u16)> {
    let Words([flags, kind]) = bytes.read::<Words<u16, 2>>(at)?;
    let flags = u16::from_be(flags) as usize;
    // Checksum, key, sequence number.
    let fields = (flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1);
    Some((4 + 4 * fields, u16::from_be(kind)))
}

/// Length of the tunnel's header behind a UDP header, and the EtherType of what follows.
#[inline(always)]
fn over_udp<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Option<(usize, u16)> {
    let Words([first, kind, _, last]) = bytes.read::<Words<u16, 4>>(at)?;
    let (first, kind, last) = (u16::from_be(first), u16::from_be(kind), u16::from_be(last));
    match first >> 12 {
        4 => return Some((0, ethertype::IPV4)),
        6 => return Some((0, ethertype::IPV6)),
        _ => {}
    }
    // GENEVE: version 0, the length of the options in words, and the EtherType.
    if first >> 14 == 0 && matches!(kind, ethertype::ETHERNET | ethertype::IPV4 | ethertype::IPV6) {
        return Some((8 + (first >> 8 & 0x3f) as usize * 4, kind));
    }
    // VXLAN: the network identifier is there, and it is Ethernet unless the GPE names another protocol.
    let (identifier, other) = (first & 0x0800 != 0, first & 0x0400 != 0);
    match (identifier, other, kind & 0xff) {
        (true, false, _) if last & 0xff == 0 => Some((8, ethertype::ETHERNET)),
        (true, true, 1) => Some((8, ethertype::IPV4)),
        (true, true, 2) => Some((8, ethertype::IPV6)),
        (true, true, 3) => Some((8, ethertype::ETHERNET)),
        _ => None,
    }
}

struct Inner {
    protocol: u8,
    /// Octets of the IP header.
    length: usize,
}

/// The IPv4 header at `at`: itself, its place, and the octets of its packet.
#[inline(always)]
fn ipv4<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Option<(Inner, usize, usize)> {
    let Words(words) = bytes.read::<Words<u32, 3>>(at)?;
    let [version_length_tos_total, _, ttl_protocol] = words.map(u32::from_be);
    let length = (version_length_tos_total >> 24 & 0xf) as usize * 4;
    if version_length_tos_total >> 28 != 4 || length < 20 {
        return None;
    }
    let inner = Inner { protocol: (ttl_protocol >> 16) as u8, length };
    Some((inner, at, (version_length_tos_total & 0xffff) as usize))
}

/// The IPv6 header at `at`, as [`ipv4`]; length 0 for a packet of more than 64 KiB.
#[inline(always)]
fn ipv6<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Option<(Inner, usize, usize)> {
    let Words(words) = bytes.read::<Words<u32, 2>>(at)?;
    let [version_class_label, payload_next_hops] = words.map(u32::from_be);
    if version_class_label >> 28 != 6 {
        return None;
    }
    let payload = (payload_next_hops >> 16) as usize;
    let inner = Inner { protocol: (payload_next_hops >> 8) as u8, length: 40 };
    Some((inner, at, if payload == 0 { 0 } else { payload + 40 }))
}

/// True where the IPv6 header at `at` stands before the hop-by-hop header that the kernel gives TCP super-packets of more
/// than 64 KiB (`struct hop_jumbo_hdr` of include/net/ipv6.h): 8 octets with a jumbo payload option (RFC 2675), which no
/// segment carries.
#[inline(always)]
pub fn is_big_tcp<B: Bytes + ?Sized>(bytes: &B, at: usize) -> bool {
    let next = bytes.read::<[u8; 2]>(at + 6);
    let header = bytes.read::<u32>(at + 40);
    next.is_some_and(|[next, _]| next == 0)
        && header.is_some_and(|header| u32::from_be(header) == 0x0600_c204)
}
