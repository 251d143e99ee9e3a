//! Packets within packets: what a sampled tunnel packet carries.

use sensor_common::packet::{
    self, Headers,
    ethertype::{ETHERNET, IPV4, IPV6},
    ip::protocol,
};

use super::records::sample::{frame, network};

/// UDP port of VXLAN (RFC 7348).
const VXLAN_PORT: u16 = 4789;
/// GRE's protocol types for mirrored frames.
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
/// Tunnels within tunnels that are followed.
pub const DEPTH: usize = 4;

/// The innermost packet in `octets`, whose `outer` headers were parsed from the start of them; none when it is no tunnel,
/// or the sample ends before the headers of what it carries.
pub fn inner(octets: &[u8], outer: &Headers, length: u32) -> Option<Headers> {
    let mut found = None;
    let mut octets = octets;
    let mut headers = *outer;
    let mut left = length;
    for _ in 0..DEPTH {
        let Some((payload, is_frame)) = payload(octets, &headers) else { break };
        left = left.saturating_sub((octets.len() - payload.len()) as u32).max(payload.len() as u32);
        let parsed = if is_frame { frame(payload, left) } else { network(payload, left) };
        let Ok(parsed) = parsed else { break };
        found = Some(parsed);
        (octets, headers) = (payload, parsed);
    }
    found
}

/// The packet at `start` of `octets`, which were cut from a frame of `length`: a frame where it reads as one, else an IP
/// packet.
pub fn at(octets: &[u8], start: usize, length: u32) -> Option<Headers> {
    let payload = octets.get(start..)?;
    let left = length.saturating_sub(start as u32).max(payload.len() as u32);
    frame(payload, left).or_else(|_| network(payload, left)).ok()
}

/// What the packet carries, and whether it is an Ethernet frame.
fn payload<'a>(octets: &'a [u8], headers: &Headers) -> Option<(&'a [u8], bool)> {
    let start = headers.headers_length as usize;
    match headers.protocol {
        protocol::IPV4 | protocol::IPV6 => Some((octets.get(start..)?, false)),
        protocol::UDP if headers.destination_port() == VXLAN_PORT => {
            Some((octets.get(start + 8..)?, true))
        }
        protocol::GRE => gre(octets.get(start..)?),
        _ => None,
    }
}

/// What a GRE packet carries, and whether that is an Ethernet frame (RFC 2784 and 2890: checksum, key and sequence number are
/// there when their bits say so); mirrored frames included (draft-foschiano-erspan).
pub fn gre(octets: &[u8]) -> Option<(&[u8], bool)> {
    const SEQUENCE: u8 = 0x10;
    let (length, kind) = packet::tunnel::gre(octets, 0)?;
    let payload = octets.get(length..)?;
    let flags = octets.first()?;
    let behind = |header: usize| Some((payload.get(header..)?, true));
    match kind {
        IPV4 | IPV6 => Some((payload, false)),
        ETHERNET => behind(0),
        // Type I has no header of its own, nor a sequence number.
        ERSPAN if flags & SEQUENCE == 0 => behind(0),
        ERSPAN => behind(8),
        // The lowest bit of its header: a further header follows.
        ERSPAN_III => behind(if *payload.get(11)? & 1 == 0 { 12 } else { 20 }),
        _ => None,
    }
}

/// The packet in an Ethernet frame that MPLS carries as a pseudowire (RFC 4448), with or without control word.
pub fn pseudowire(octets: &[u8], length: u32) -> Option<Headers> {
    let link = packet::parse_link(octets).ok()?;
    // What follows a stack of labels and is no IP packet.
    let labels = link.ethertype == 0 && link.length > 14;
    let payload = octets.get(link.length..).filter(|_| labels)?;
    let control_word = payload.starts_with(&[0, 0]);
    let carried = payload.get(if control_word { 4 } else { 0 }..)?;
    let length = length.saturating_sub((octets.len() - carried.len()) as u32);
    frame(carried, length.max(carried.len() as u32)).ok()
}
