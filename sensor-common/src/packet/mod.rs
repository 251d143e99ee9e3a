//! The header parser: one Ethernet frame in, the fields of a flow record out.
//!
//! Reads Ethernet, up to four VLAN tags (802.1Q, 802.1ad, and the EtherType of before these), PPPoE sessions, up to eight
//! MPLS labels, a network service header, IPv4 with options, IPv6 with extension headers, fragments, TCP, UDP, SCTP, ICMP
//! and ICMPv6. A packet whose IP header is
//! whole always has a result: what is missing behind it (cut by a snapshot length, or never sent) reads as port 0 and
//! no flags.
//!
//! Invariant: no loop without a constant bound, no allocation, no panic; the verifier holds it to the first.

use core::hint::cold_path;

mod bytes;
pub mod ip;
pub mod tunnel;

pub use bytes::{Bytes, OFFSET_LIMIT, Pair, Word, Words};

/// Most octets before the IP header: Ethernet, all VLAN tags, a PPPoE session, all MPLS labels, and the longest service
/// header.
pub const MAX_LINK_HEADER: usize =
    14 + MAX_VLAN_TAGS * 4 + PPPOE_HEADER + MAX_MPLS_LABELS * 4 + 63 * 4;

const MAX_VLAN_TAGS: usize = 4;
const MAX_MPLS_LABELS: usize = 8;
/// The session header (RFC 2516 section 4) and the protocol number of PPP.
const PPPOE_HEADER: usize = 6 + 2;

/// Assigned EtherTypes (IEEE registration authority), in host byte order.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// 802.1Q customer VLAN tag.
    pub const VLAN: u16 = 0x8100;
    /// 802.1ad service VLAN tag.
    pub const QINQ: u16 = 0x88a8;
    /// VLAN tag of before 802.1ad, as many providers still stack them.
    pub const QINQ_OLD: u16 = 0x9100;
    /// PPPoE session stage (RFC 2516).
    pub const PPPOE: u16 = 0x8864;
    /// MPLS unicast.
    pub const MPLS: u16 = 0x8847;
    /// MPLS with upstream-assigned label.
    pub const MPLS_UPSTREAM: u16 = 0x8848;
    /// Network service header.
    pub const NSH: u16 = 0x894f;
    /// An Ethernet frame, in GRE and its like (RFC 1701).
    pub const ETHERNET: u16 = 0x6558;

    /// The EtherType for what a protocol number of PPP (IANA) stands for, where the parser reads it.
    #[inline(always)]
    pub const fn of_ppp(protocol: u16) -> Option<u16> {
        match protocol {
            0x0021 => Some(IPV4),
            0x0057 => Some(IPV6),
            0x0281 => Some(MPLS),
            0x0283 => Some(MPLS_UPSTREAM),
            _ => None,
        }
    }
}

/// Why a frame has no flow record. Each value is a row of the [ledger](crate::ledger).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No IP packet inside: ARP, LLDP, 802.3 length frames, MPLS pseudowires and the like.
    NonIp,
    /// The frame ends before the IP header does.
    Truncated,
    /// The IP header contradicts itself: wrong version nibble, header longer than the packet.
    Malformed,
}

/// Position of a packet within a fragmented datagram; the value of the flow field `fragment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fragment {
    /// Not fragmented.
    None = 0,
    /// First fragment: carries the ports.
    First = 1,
    /// A later fragment: has no transport header, ports are 0.
    Later = 2,
}

/// The parsed headers of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// True for IPv6, false for IPv4.
    pub v6: bool,
    /// IP protocol number of the payload, after any IPv6 extension headers.
    pub protocol: u8,
    /// IPv4 type of service, or IPv6 traffic class.
    pub tos: u8,
    /// IPv4 time to live, or IPv6 hop limit.
    pub ttl: u8,
    /// Fragment position.
    pub fragment: Fragment,
    /// The nine TCP flags (NS CWR ECE URG ACK PSH RST SYN FIN, FIN lowest); 0 for other protocols.
    pub tcp_flags: u16,
    /// VLAN identifier of the outermost tag, 0 for none.
    pub vlan: u16,
    /// `source port << 16 | destination port`, see [`Headers::source_port`] and [`Headers::destination_port`].
    pub ports: u32,
    /// Octets of the IP packet, header included, never more than the frame carried.
    pub octets: u32,
    /// Octets from the start of the frame to the IP header.
    pub link_length: u32,
    /// Octets from the start of the frame to the transport payload: what a NIC repeats in each segment of a
    /// super-packet. Without a transport header that the parser knows, up to the IP payload.
    pub headers_length: u32,
    /// Source address as it lies in the packet; IPv4 in the first word, the others 0.
    pub source: [u32; 4],
    /// Destination address, likewise.
    pub destination: [u32; 4],
    /// Destination and source MAC address as they lie in the frame (6 + 6 octets).
    pub macs: [u32; 3],
}

impl Headers {
    /// What the parser starts from.
    pub const EMPTY: Self = Self {
        v6: false,
        protocol: 0,
        tos: 0,
        ttl: 0,
        fragment: Fragment::None,
        tcp_flags: 0,
        vlan: 0,
        ports: 0,
        octets: 0,
        link_length: 0,
        headers_length: 0,
        source: [0; 4],
        destination: [0; 4],
        macs: [0; 3],
    };

    /// Source port of TCP, UDP, SCTP; else 0.
    #[inline(always)]
    pub const fn source_port(&self) -> u16 {
        (self.ports >> 16) as u16
    }

    /// Destination port of TCP, UDP, SCTP; `type << 8 | code` of ICMP and ICMPv6; else 0.
    #[inline(always)]
    pub const fn destination_port(&self) -> u16 {
        self.ports as u16
    }
}

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

/// What stands before the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What the payload is, in host byte order; 0 for what nothing names.
    pub ethertype: u16,
    /// VLAN identifier of the outermost tag, 0 for none.
    pub vlan: u16,
    /// Octets up to the payload.
    pub length: usize,
}

/// Parses the Ethernet header, VLAN tags, PPPoE session, MPLS labels and network service header of a frame.
///
/// The eBPF programs call this and then [`ip::parse_v4`] or [`ip::parse_v6`] themselves: where both families' results
/// meet, as in [`parse`], the compiler moves them through memory.
///
/// # Errors
/// [`Reject::Truncated`].
#[inline(always)]
pub fn parse_link<B: Bytes + ?Sized>(bytes: &B) -> Result<Link, Reject> {
    let Some(ethertype) = bytes.read::<u16>(12) else { return Err(Reject::Truncated) };
    let mut link = Link { ethertype: u16::from_be(ethertype), vlan: 0, length: 14 };
    if link.ethertype == ethertype::IPV4 || link.ethertype == ethertype::IPV6 {
        return Ok(link);
    }
    cold_path();
    let mut tags = 0;
    while tags < MAX_VLAN_TAGS
        && matches!(link.ethertype, ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD)
    {
        let Some(Words([tag, inner])) = bytes.read::<Words<u16, 2>>(link.length) else {
            return Err(Reject::Truncated);
        };
        if tags == 0 {
            link.vlan = u16::from_be(tag) & 0xfff;
        }
        link.ethertype = u16::from_be(inner);
        link.length += 4;
        tags += 1;
    }
    link.length = bytes.forget(link.length);
    if link.ethertype == ethertype::PPPOE {
        let Some(Words([version_code, _, _, protocol])) = bytes.read::<Words<u16, 4>>(link.length)
        else {
            return Err(Reject::Truncated);
        };
        // Version 1, type 1, code 0: a packet of the session. Else the frame is none of IP.
        if u16::from_be(version_code) == 0x1100
            && let Some(ethertype) = ethertype::of_ppp(u16::from_be(protocol))
        {
            link.ethertype = ethertype;
            link.length += PPPOE_HEADER;
        }
    }
    let mut labels = 0;
    while labels < MAX_MPLS_LABELS
        && (link.ethertype == ethertype::MPLS || link.ethertype == ethertype::MPLS_UPSTREAM)
    {
        let Some(label) = bytes.read::<u32>(link.length) else { return Err(Reject::Truncated) };
        link.length += 4;
        labels += 1;
        // Bottom of stack (RFC 3032): nothing names the payload but its own version nibble (RFC 4928).
        if u32::from_be(label) & 0x100 != 0 {
            let Some(first) = bytes.read::<[u8; 2]>(link.length) else {
                return Err(Reject::Truncated);
            };
            link.ethertype = match first[0] >> 4 {
                4 => ethertype::IPV4,
                6 => ethertype::IPV6,
                _ => 0,
            };
        }
    }
    link.length = bytes.forget(link.length);
    // Network service header (RFC 8300 section 2.2): its length in words, and what follows it.
    if link.ethertype == ethertype::NSH {
        let Some(base) = bytes.read::<u32>(link.length) else { return Err(Reject::Truncated) };
        let base = u32::from_be(base);
        link.length += (base >> 16 & 0x3f) as usize * 4;
        link.ethertype = match base & 0xff {
            1 => ethertype::IPV4,
            2 => ethertype::IPV6,
            _ => 0,
        };
    }
    Ok(link)
}

#[cfg(test)]
mod tests;
