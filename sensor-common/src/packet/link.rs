//! What stands before the IP header: Ethernet, VLAN tags, PPPoE, MPLS labels, a network service header.

use core::hint::cold_path;

use super::{Bytes, Reject, Words};

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
/// The eBPF programs call this and then [`super::ip::parse_v4`] or [`super::ip::parse_v6`] themselves: where both
/// families' results meet, as in [`super::parse`], the compiler moves them through memory.
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
