//! IPv4 (RFC 791), IPv6 with extension headers (RFC 8200) and the transport headers behind them.

use core::hint::cold_path;

use super::{Bytes, Fragment, Headers, MAX_LINK_HEADER, OFFSET_LIMIT, Pair, Reject, Words};

/// Protocol numbers (IANA) that the parser looks into.
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// IPv4 in IP.
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 in IP.
    pub const IPV6: u8 = 41;
    /// Generic routing encapsulation.
    pub const GRE: u8 = 47;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// Extension headers beyond this number are not followed; the flow then carries the next one's number.
pub const MAX_EXTENSION_HEADERS: usize = 6;

// An extension header has 2,048 octets at most.
const _: () = assert!(MAX_LINK_HEADER + 40 + MAX_EXTENSION_HEADERS * 2048 < OFFSET_LIMIT);

/// Next header values of IPv6 (IANA) that stand before the payload.
mod extension {
    pub const HOP_BY_HOP: u8 = 0;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const AUTHENTICATION: u8 = 51;
    pub const NO_NEXT_HEADER: u8 = 59;
    pub const DESTINATION: u8 = 60;
    pub const MOBILITY: u8 = 135;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
}

/// Parses the IPv4 packet at `offset`, where `available` octets of the frame are left, into [`Headers::EMPTY`] (or one
/// with VLAN and MAC addresses).
///
/// # Errors
/// [`Reject`]; `headers` is then half filled.
#[inline(always)]
pub fn parse_v4<B: Bytes + ?Sized>(
    bytes: &B,
    offset: usize,
    available: u32,
    headers: &mut Headers,
) -> Result<(), Reject> {
    let Some(Pair(Words(words), addresses)) = bytes.read::<Pair<Words<u32, 3>, u64>>(offset) else {
        return Err(Reject::Truncated);
    };
    // Octets where octets will do: the words' byte order needs no turning then.
    let [version_length, tos, total @ ..] = words[0].to_ne_bytes();
    let [ttl, protocol, ..] = words[2].to_ne_bytes();
    // Version 4, and a header of five words or more.
    if !(0x45..=0x4f).contains(&version_length) {
        return Err(Reject::Malformed);
    }
    let header_length = (version_length as u32 & 0xf) * 4;
    // Length 0 is a super-packet of more than 64 KiB, or one that the NIC was yet to cut (RFC 2675 has no IPv4 form):
    // one less, it is more than any frame has.
    let total = u16::from_be_bytes(total) as u32;
    let octets = if total.wrapping_sub(1) >= available { available } else { total };
    if octets < header_length {
        return Err(if available < header_length { Reject::Truncated } else { Reject::Malformed });
    }
    if words[1] & 0x3fff_u32.to_be() != 0 {
        cold_path();
        let later = words[1] & 0x1fff_u32.to_be() != 0;
        headers.fragment = if later { Fragment::Later } else { Fragment::First };
    }
    headers.protocol = protocol;
    headers.tos = tos;
    headers.ttl = ttl;
    headers.octets = octets;
    headers.link_length = offset as u32;
    [headers.source[0], headers.destination[0]] = halves(addresses);
    parse_transport(bytes, offset + header_length as usize, octets - header_length, headers);
    Ok(())
}

/// Parses the IPv6 packet at `offset`, as [`parse_v4`].
///
/// # Errors
/// As [`parse_v4`].
#[inline(always)]
pub fn parse_v6<B: Bytes + ?Sized>(
    bytes: &B,
    offset: usize,
    available: u32,
    headers: &mut Headers,
) -> Result<(), Reject> {
    let Some(Pair(Words(words), Words(addresses))) =
        bytes.read::<Pair<Words<u32, 2>, Words<u64, 4>>>(offset)
    else {
        return Err(Reject::Truncated);
    };
    let version_class_label = u32::from_be(words[0]);
    if version_class_label >> 28 != 6 {
        return Err(Reject::Malformed);
    }
    let payload_next_hops = u32::from_be(words[1]);
    let total = (payload_next_hops >> 16) + 40;
    let mut next = (payload_next_hops >> 8) as u8;
    // Payload length 0 with a payload is a jumbogram (RFC 2675) or a super-packet of more than 64 KiB.
    let jumbo = total == 40 && next != extension::NO_NEXT_HEADER;
    let octets = if jumbo || total > available { available } else { total };
    if octets < 40 {
        return Err(Reject::Truncated);
    }
    let mut at = offset + 40;
    let mut fragment = Fragment::None;
    let mut n = 0;
    while n < MAX_EXTENSION_HEADERS && !matches!(fragment, Fragment::Later) {
        let length = match next {
            extension::HOP_BY_HOP
            | extension::ROUTING
            | extension::DESTINATION
            | extension::MOBILITY
            | extension::HIP
            | extension::SHIM6 => {
                let Some(header) = bytes.read::<[u8; 2]>(at) else { break };
                next = header[0];
                (header[1] as usize + 1) * 8
            }
            extension::AUTHENTICATION => {
                let Some(header) = bytes.read::<[u8; 2]>(at) else { break };
                next = header[0];
                (header[1] as usize + 2) * 4
            }
            extension::FRAGMENT => {
                let Some(header) = bytes.read::<[u8; 2]>(at) else { break };
                let Some(position) = bytes.read::<u16>(at + 2) else { break };
                let position = u16::from_be(position);
                if position & 0xfff8 != 0 {
                    fragment = Fragment::Later;
                } else if position & 1 != 0 {
                    fragment = Fragment::First;
                }
                next = header[0];
                8
            }
            _ => break,
        };
        cold_path();
        at = bytes.forget(at + length);
        n += 1;
    }
    headers.v6 = true;
    headers.protocol = next;
    headers.tos = (version_class_label >> 20) as u8;
    headers.ttl = payload_next_hops as u8;
    headers.fragment = fragment;
    headers.octets = octets;
    headers.link_length = offset as u32;
    let [a, b, c, d] = addresses.map(halves);
    headers.source = [a[0], a[1], b[0], b[1]];
    headers.destination = [c[0], c[1], d[0], d[1]];
    let room = octets.saturating_sub((at - offset) as u32);
    parse_transport(bytes, at, room, headers);
    Ok(())
}

/// Transport header at `offset`, where `room` octets of the IP packet are left; leaves ports and flags at 0 where the
/// packet or the captured bytes end first, since bytes behind the IP packet are padding, not ports.
#[inline(always)]
fn parse_transport<B: Bytes + ?Sized>(bytes: &B, offset: usize, room: u32, headers: &mut Headers) {
    headers.headers_length = offset as u32;
    if matches!(headers.fragment, Fragment::Later) {
        return;
    }
    match headers.protocol {
        protocol::TCP if room >= 14 => {
            let Some(Pair(ports, Pair(_, length_flags))) =
                bytes.read::<Pair<u32, Pair<u64, u16>>>(offset)
            else {
                read_ports(bytes, offset, headers);
                return;
            };
            headers.ports = u32::from_be(ports);
            let length_flags = u16::from_be(length_flags);
            headers.tcp_flags = length_flags & 0x1ff;
            let length = (length_flags >> 12) as u32 * 4;
            if length <= room {
                headers.headers_length = offset as u32 + length;
            }
        }
        protocol::TCP if room >= 4 => read_ports(bytes, offset, headers),
        protocol::UDP | protocol::SCTP if room >= 4 => {
            read_ports(bytes, offset, headers);
            // SCTP's common header (RFC 9260 section 3.1) stands before the chunks of each segment.
            let length = if headers.protocol == protocol::UDP { 8 } else { 12 };
            if room >= length {
                headers.headers_length = offset as u32 + length;
            }
        }
        protocol::ICMP | protocol::ICMPV6 if room >= 2 => {
            if let Some(type_code) = bytes.read::<u16>(offset) {
                headers.ports = u16::from_be(type_code) as u32;
            }
        }
        _ => {}
    }
}

#[inline(always)]
fn read_ports<B: Bytes + ?Sized>(bytes: &B, offset: usize, headers: &mut Headers) {
    if let Some(ports) = bytes.read::<u32>(offset) {
        headers.ports = u32::from_be(ports);
    }
}

/// Two words as they lie in memory, read as one.
#[inline(always)]
fn halves(words: u64) -> [u32; 2] {
    let halves = [words as u32, (words >> 32) as u32];
    if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] }
}
