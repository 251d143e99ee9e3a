//! Rows from packet headers: frames that records or sFlow samples carry, through the parser that runs in the kernel.

use sensor_common::packet::{self, Bytes, Fragment, Headers, Reject, ip::protocol};
use sensor_core::flow::{
    batch::{Addresses, FlowBatch, TCP_FLAGS_UNTOLD},
    mac,
};

use crate::{ledger::Skipped, records::fill::begin_with, tunnel};

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

/// Reads `octets`, the first of a frame of `length` octets on the wire, and looks into tunnels where `inner` asks for it.
/// The headers go to `headers`, those of the packet within where that was asked for; to copy them costs time. Returns the
/// octets of the frame on the wire: as told, or as many as its IP header says, whichever is more. Devices tell that of the
/// sampled octets.
///
/// # Errors
/// Why there is no flow in it.
pub fn parse(
    octets: &[u8],
    carrier: Carrier,
    length: Option<u32>,
    inner: bool,
    headers: &mut Headers,
) -> Result<u32, Skipped> {
    let told = length.unwrap_or(LONGEST).max(octets.len() as u32);
    let mut parsed = read(octets, carrier, told);
    if parsed.is_err() {
        // A length that is too small for the IP header to be true may be too small for any packet.
        parsed = read(octets, carrier, LONGEST);
    }
    let found = match &mut parsed {
        Ok(found) => found,
        Err(Reject::NonIp) => return Err(Skipped::NonIp),
        Err(Reject::Truncated | Reject::Malformed) => return Err(Skipped::FrameMalformed),
    };
    let length = told.max(found.link_length + packet_length(octets, found));
    if length > told
        && let Ok(longer) = read(octets, carrier, length)
    {
        *found = longer;
    }
    match inner.then(|| tunnel::inner(octets, found, length)).flatten() {
        Some(within) => *headers = within,
        None => *headers = *found,
    }
    Ok(length)
}

/// The headers in `octets`, of a frame of `length`.
fn read(octets: &[u8], carrier: Carrier, length: u32) -> Result<Headers, Reject> {
    let mut parsed = match carrier {
        Carrier::Frame => frame(octets, length),
        Carrier::Packet => network(octets, length),
    };
    if carrier == Carrier::Frame
        && parsed == Err(Reject::NonIp)
        && let Some(headers) = tunnel::pseudowire(octets, length)
    {
        parsed = Ok(headers);
    }
    parsed
}

/// Octets of the IP packet, as its header says; 0 where that says nothing (jumbograms, and packets that are yet to be cut).
fn packet_length(octets: &[u8], headers: &Headers) -> u32 {
    let at = headers.link_length as usize + if headers.v6 { 4 } else { 2 };
    let told = octets.read::<u16>(at).map_or(0, u16::from_be);
    match (told, headers.v6) {
        (0, _) => 0,
        (payload, true) => u32::from(payload) + 40,
        (total, false) => total.into(),
    }
}

/// The headers of the Ethernet frame in `octets`.
///
/// # Errors
/// As [`packet::parse`].
pub fn frame(octets: &[u8], length: u32) -> Result<Headers, Reject> {
    let mut parsed = packet::parse(octets, length);
    mark_unknown_flags(octets, &mut parsed);
    parsed
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
    let mut parsed = packet::parse_network(octets, ethertype, 0, length, 0, [0; 3]);
    mark_unknown_flags(octets, &mut parsed);
    parsed
}

/// Octets of a TCP header up to behind its flags.
const FLAGS_END: usize = 14;

/// Says so where a sample ends before the flags of a TCP segment, or the packet is a later fragment that has none.
#[inline]
fn mark_unknown_flags(octets: &[u8], parsed: &mut Result<Headers, Reject>) {
    if let Ok(headers) = parsed
        && headers.protocol == protocol::TCP
        && headers.tcp_flags == 0
        && !has_flags(octets, headers)
    {
        headers.tcp_flags = TCP_FLAGS_UNTOLD;
    }
}

/// Whether the flags of the TCP segment with these headers are in the sample.
#[cold]
fn has_flags(octets: &[u8], headers: &Headers) -> bool {
    let start = headers.link_length as usize;
    let options = |first: &u8| usize::from(first & 0xf) * 4;
    let transport = match headers.v6 {
        false => start + octets.get(start).map_or(0, options),
        true if octets.get(start + 6) == Some(&protocol::TCP) => start + 40,
        // Behind extension headers, where the parser got to if it read no TCP header.
        true => headers.headers_length as usize,
    };
    headers.fragment != Fragment::Later && octets.len() >= transport + FLAGS_END
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
    if batch.tcp_flags.len() <= base {
        begin_with(&mut batch.tcp_flags, base, TCP_FLAGS_UNTOLD);
        batch.tcp_flags.extend(headers.iter().map(|packet| packet.tcp_flags));
    }
    put(&mut batch.octets, base, headers, |packet| packet.octets.into());
    put(&mut batch.packets, base, headers, |_| 1);
    put(&mut batch.fragment, base, headers, |packet| packet.fragment as u8);
    put(&mut batch.ttl_min, base, headers, |packet| packet.ttl);
    put(&mut batch.ttl_max, base, headers, |packet| packet.ttl);
    if frame {
        put(&mut batch.vlan, base, headers, |packet| packet.vlan);
        put(&mut batch.source_mac, base, headers, |packet| mac::of_frame(packet.macs).1);
        put(&mut batch.destination_mac, base, headers, |packet| mac::of_frame(packet.macs).0);
    }
}

/// Fills a column, unless a field of the records has.
fn put<T: Copy + Default>(
    column: &mut Vec<T>,
    base: usize,
    headers: &[Headers],
    read: impl Fn(&Headers) -> T,
) {
    if column.len() <= base {
        begin_with(column, base, T::default());
        column.extend(headers.iter().map(read));
    }
}

fn is_icmp(packet: &Headers) -> bool {
    matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6)
}

fn number(words: [u32; 4]) -> u128 {
    words.iter().fold(0, |number, word| number << 32 | u128::from(u32::from_be(*word)))
}
