//! Rows from packet headers: frames that records or sFlow samples carry, through the parser that runs in the kernel.

use sensor_common::packet::{self, Headers, Reject, ip::protocol};

use crate::{
    flow::batch::{Addresses, FlowBatch},
    wire::{ledger::Skipped, tunnel},
};

/// What carries a packet's first octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Ethernet.
    Frame,
    /// Nothing: an IP packet of either version.
    Packet,
}

/// Longest frame that a sample without a length may come from.
const LONGEST: u32 = 65_535 + packet::MAX_LINK_HEADER as u32;

/// The headers in `octets`, the first of a frame of `length` octets on the wire; those of the packet within, where `inner`
/// asks for it and there is a tunnel.
///
/// # Errors
/// Why there is no flow in it.
pub fn parse(
    octets: &[u8],
    carrier: Carrier,
    length: Option<u32>,
    inner: bool,
) -> Result<Headers, Skipped> {
    let length = length.unwrap_or(LONGEST).max(octets.len() as u32);
    let parsed = match carrier {
        Carrier::Frame => match packet::parse(octets, length) {
            Err(Reject::NonIp) => tunnel::pseudowire(octets, length).ok_or(Reject::NonIp),
            parsed => parsed,
        },
        Carrier::Packet => network(octets, length),
    };
    let headers = parsed.map_err(|reject| match reject {
        Reject::NonIp => Skipped::NonIp,
        Reject::Truncated | Reject::Malformed => Skipped::FrameMalformed,
    })?;
    Ok(if inner { tunnel::inner(octets, &headers, length).unwrap_or(headers) } else { headers })
}

/// The headers of the IP packet in `octets`, whichever its version.
///
/// # Errors
/// As [`packet::parse_network`].
pub fn network(octets: &[u8], length: u32) -> Result<Headers, Reject> {
    let ethertype = match octets.first().map(|first| first >> 4) {
        Some(4) => packet::ethertype::IPV4,
        Some(6) => packet::ethertype::IPV6,
        Some(_) => 0,
        None => return Err(Reject::Truncated),
    };
    packet::parse_network(octets, ethertype, 0, length, 0, [0; 3])
}

/// Appends what `headers` tell, a row each, to the columns that have no more than `base` rows. Octets are those of the IP
/// packets.
pub fn extend(batch: &mut FlowBatch, base: usize, headers: &[Headers], frame: bool) {
    match &mut batch.addresses {
        Addresses::V4 { source, destination } => {
            source.extend(headers.iter().map(|packet| u32::from_be(packet.source[0])));
            destination.extend(headers.iter().map(|packet| u32::from_be(packet.destination[0])));
        }
        Addresses::V6 { source, destination } => {
            source.extend(headers.iter().map(|packet| number(packet.source)));
            destination.extend(headers.iter().map(|packet| number(packet.destination)));
        }
    }
    put(&mut batch.source_port, base, headers, |packet| {
        if is_icmp(packet) { 0 } else { packet.source_port() }
    });
    put(&mut batch.destination_port, base, headers, |packet| {
        if is_icmp(packet) { 0 } else { packet.destination_port() }
    });
    put(&mut batch.icmp_type_code, base, headers, |packet| {
        if is_icmp(packet) { packet.destination_port() } else { 0 }
    });
    put(&mut batch.protocol, base, headers, |packet| packet.protocol);
    put(&mut batch.tos, base, headers, |packet| packet.tos);
    put(&mut batch.tcp_flags, base, headers, |packet| packet.tcp_flags);
    put(&mut batch.octets, base, headers, |packet| packet.octets.into());
    put(&mut batch.packets, base, headers, |_| 1);
    put(&mut batch.fragment, base, headers, |packet| packet.fragment as u8);
    put(&mut batch.ttl_min, base, headers, |packet| packet.ttl);
    put(&mut batch.ttl_max, base, headers, |packet| packet.ttl);
    if frame {
        put(&mut batch.vlan, base, headers, |packet| packet.vlan);
        put(&mut batch.source_mac, base, headers, |packet| macs(packet).1);
        put(&mut batch.destination_mac, base, headers, |packet| macs(packet).0);
    }
}

/// Fills a column, unless a field of the records has.
fn put<T: Clone + Default>(
    column: &mut Vec<T>,
    base: usize,
    headers: &[Headers],
    read: impl Fn(&Headers) -> T,
) {
    if column.len() <= base {
        column.resize(base, T::default());
        column.extend(headers.iter().map(read));
    }
}

fn is_icmp(packet: &Headers) -> bool {
    matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6)
}

fn number(words: [u32; 4]) -> u128 {
    words.iter().fold(0, |number, word| number << 32 | u128::from(u32::from_be(*word)))
}

/// Destination and source MAC address.
fn macs(packet: &Headers) -> ([u8; 6], [u8; 6]) {
    let [a, b, c] = packet.macs.map(u32::to_ne_bytes);
    ([a[0], a[1], a[2], a[3], b[0], b[1]], [b[2], b[3], c[0], c[1], c[2], c[3]])
}
