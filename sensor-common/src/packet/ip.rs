//! IPv4 (RFC 791), IPv6 with extension headers (RFC 8200) and the transport headers behind them.

use super::{Bytes, Fragment, Headers, Reject, Words};

/// Protocol numbers (IANA) that the parser looks into.
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// Extension headers beyond this number are not followed; the flow then carries the next one's number.
pub const MAX_EXTENSION_HEADERS: usize = 6;

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

/// IPv4 header at `offset`; `available` octets of the frame lie behind that.
#[inline(always)]
pub(super) fn parse_v4<B: Bytes + ?Sized>(
    bytes: &B,
    offset: usize,
    available: u32,
) -> Result<Headers, Reject> {
    let Some(version_tos) = bytes.read::<[u8; 2]>(offset) else { return Err(Reject::Truncated) };
    let header_length = (version_tos[0] & 0xf) as u32 * 4;
    if version_tos[0] >> 4 != 4 || header_length < 20 {
        return Err(Reject::Malformed);
    }
    let Some(total) = bytes.read::<u16>(offset + 2) else { return Err(Reject::Truncated) };
    let Some(fragment) = bytes.read::<u16>(offset + 6) else { return Err(Reject::Truncated) };
    let Some(ttl_protocol) = bytes.read::<[u8; 2]>(offset + 8) else {
        return Err(Reject::Truncated);
    };
    let Some(source) = bytes.read::<u32>(offset + 12) else { return Err(Reject::Truncated) };
    let Some(destination) = bytes.read::<u32>(offset + 16) else { return Err(Reject::Truncated) };
    let total = u16::from_be(total) as u32;
    // Length 0 is a super-packet of more than 64 KiB, or one that the NIC was yet to cut (RFC 2675 has no IPv4 form).
    let octets = if total == 0 || total > available { available } else { total };
    if octets < header_length {
        return Err(if available < header_length { Reject::Truncated } else { Reject::Malformed });
    }
    let fragment = u16::from_be(fragment);
    let fragment = if fragment & 0x1fff != 0 {
        Fragment::Later
    } else if fragment & 0x2000 != 0 {
        Fragment::First
    } else {
        Fragment::None
    };
    let mut headers = Headers {
        v6: false,
        protocol: ttl_protocol[1],
        tos: version_tos[1],
        ttl: ttl_protocol[0],
        fragment,
        tcp_flags: 0,
        vlan: 0,
        source_port: 0,
        destination_port: 0,
        octets,
        link_length: offset as u32,
        headers_length: offset as u32 + header_length,
        source: [source, 0, 0, 0],
        destination: [destination, 0, 0, 0],
        macs: [0; 3],
    };
    parse_transport(bytes, offset + header_length as usize, offset as u32 + octets, &mut headers);
    Ok(headers)
}

/// IPv6 header at `offset`; `available` octets of the frame lie behind that.
#[inline(always)]
pub(super) fn parse_v6<B: Bytes + ?Sized>(
    bytes: &B,
    offset: usize,
    available: u32,
) -> Result<Headers, Reject> {
    let Some(first) = bytes.read::<u32>(offset) else { return Err(Reject::Truncated) };
    let first = u32::from_be(first);
    if first >> 28 != 6 {
        return Err(Reject::Malformed);
    }
    let Some(payload) = bytes.read::<u16>(offset + 4) else { return Err(Reject::Truncated) };
    let Some(next_hops) = bytes.read::<[u8; 2]>(offset + 6) else { return Err(Reject::Truncated) };
    let Some(Words(source)) = bytes.read::<Words<u32, 4>>(offset + 8) else {
        return Err(Reject::Truncated);
    };
    let Some(Words(destination)) = bytes.read::<Words<u32, 4>>(offset + 24) else {
        return Err(Reject::Truncated);
    };
    let [mut next, hop_limit] = next_hops;
    let total = u16::from_be(payload) as u32 + 40;
    // Payload length 0 with a payload is a jumbogram (RFC 2675) or a super-packet of more than 64 KiB.
    let jumbo = total == 40 && next != extension::NO_NEXT_HEADER;
    let octets = if jumbo || total > available { available } else { total };
    if octets < 40 {
        return Err(Reject::Truncated);
    }
    let end = offset as u32 + octets;

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
        at += length;
        n += 1;
    }
    let mut headers = Headers {
        v6: true,
        protocol: next,
        tos: (first >> 20) as u8,
        ttl: hop_limit,
        fragment,
        tcp_flags: 0,
        vlan: 0,
        source_port: 0,
        destination_port: 0,
        octets,
        link_length: offset as u32,
        headers_length: at as u32,
        source,
        destination,
        macs: [0; 3],
    };
    parse_transport(bytes, at, end, &mut headers);
    Ok(headers)
}

/// Transport header at `offset` of an IP packet that ends before `end`; leaves ports and flags at 0 where the
/// packet or the captured bytes end first, since bytes behind the IP packet are padding, not ports.
#[inline(always)]
fn parse_transport<B: Bytes + ?Sized>(bytes: &B, offset: usize, end: u32, headers: &mut Headers) {
    if matches!(headers.fragment, Fragment::Later) {
        return;
    }
    let room = end.saturating_sub(offset as u32);
    match headers.protocol {
        protocol::TCP => {
            read_ports(bytes, offset, room, headers);
            if room < 14 {
                return;
            }
            let Some(word) = bytes.read::<u16>(offset + 12) else { return };
            let word = u16::from_be(word);
            headers.tcp_flags = word & 0x1ff;
            let length = (word >> 12) as u32 * 4;
            if length <= room {
                headers.headers_length = offset as u32 + length;
            }
        }
        protocol::UDP | protocol::SCTP => {
            read_ports(bytes, offset, room, headers);
            if room >= 8 {
                headers.headers_length = offset as u32 + 8;
            }
        }
        protocol::ICMP | protocol::ICMPV6 if room >= 2 => {
            if let Some(type_code) = bytes.read::<u16>(offset) {
                headers.destination_port = u16::from_be(type_code);
            }
        }
        _ => {}
    }
}

#[inline(always)]
fn read_ports<B: Bytes + ?Sized>(bytes: &B, offset: usize, room: u32, headers: &mut Headers) {
    if room < 4 {
        return;
    }
    if let Some(Words(ports)) = bytes.read::<Words<u16, 2>>(offset) {
        headers.source_port = u16::from_be(ports[0]);
        headers.destination_port = u16::from_be(ports[1]);
    }
}
