//! The header parser: one Ethernet frame in, the fields of a flow record out.
//!
//! Reads Ethernet, up to four VLAN tags (802.1Q, 802.1ad, and the EtherType of before these), PPPoE sessions, up to eight
//! MPLS labels, a network service header, IPv4 with options, IPv6 with extension headers, fragments, TCP, UDP, SCTP, ICMP
//! and ICMPv6. A packet whose IP header is
//! whole always has a result: what is missing behind it (cut by a snapshot length, or never sent) reads as port 0 and
//! no flags.
//!
//! Invariant: no loop without a constant bound, no allocation, no panic; the verifier holds it to the first.

mod bytes;
mod headers;
pub mod ip;
mod link;
pub mod tunnel;

pub use bytes::{Bytes, OFFSET_LIMIT, Pair, Word, Words};
pub use headers::{Fragment, Headers, Reject};
pub use link::{Link, MAX_LINK_HEADER, ethertype, parse_link};

/// Parses the Ethernet frame in `bytes`, whose length on the wire is `frame_length` octets (not less than what
/// `bytes` holds; more when a capture or sample cut it).
///
/// # Errors
/// [`Reject`] when no flow can be named; never for what is wrong behind a whole IP header.
pub fn parse<B: Bytes + ?Sized>(bytes: &B, frame_length: u32) -> Result<Headers, Reject> {
    let Some(Words(macs)) = bytes.read::<Words<u32, 3>>(0) else { return Err(Reject::Truncated) };
    let link = parse_link(bytes)?;
    parse_network(bytes, link.ethertype, link.length, frame_length, link.vlan, macs)
}

/// Parses the IP packet that starts at `offset` of a frame without a link header that this parser knows:
/// raw IP captures, PPP, tunnel payloads. `ethertype` says which IP version to expect.
///
/// # Errors
/// As [`parse`].
pub fn parse_network<B: Bytes + ?Sized>(
    bytes: &B,
    ethertype: u16,
    offset: usize,
    frame_length: u32,
    vlan: u16,
    macs: [u32; 3],
) -> Result<Headers, Reject> {
    let mut headers = Headers { vlan, macs, ..Headers::EMPTY };
    // Everything behind the link header; a frame never has fewer octets than were read of it.
    let available = frame_length.wrapping_sub(offset as u32);
    match ethertype {
        ethertype::IPV4 => ip::parse_v4(bytes, offset, available, &mut headers)?,
        ethertype::IPV6 => ip::parse_v6(bytes, offset, available, &mut headers)?,
        _ => return Err(Reject::NonIp),
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
