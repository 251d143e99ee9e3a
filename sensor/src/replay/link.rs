//! Link headers of captured frames: where the IP packet begins.

use sensor_common::packet::{self, Bytes, ethertype};

use super::capture::Frame;

/// Link types whose header this module can read.
mod link_type {
    pub const NULL: u32 = 0;
    pub const ETHERNET: u32 = 1;
    /// Raw IP, as three registries have numbered it.
    pub const RAW: [u32; 3] = [12, 14, 101];
    pub const PPP: u32 = 9;
    pub const PPP_HDLC: u32 = 50;
    /// PPPoE without the Ethernet header.
    pub const PPP_ETHER: u32 = 51;
    /// Cisco's HDLC.
    pub const C_HDLC: u32 = 104;
    pub const LOOP: u32 = 108;
    pub const LINUX_SLL: u32 = 113;
    pub const IPV4: u32 = 228;
    pub const IPV6: u32 = 229;
    pub const LINUX_SLL2: u32 = 276;
}

/// Octets of the header of PPPoE: version and type, code, session, length.
const PPPOE_LENGTH: usize = 6;

/// What stands before the IP packet of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet, whose header the packet parser reads.
    Ethernet,
    /// Something shorter: EtherType of the payload, none where the frame ends first, and where it begins.
    Other(Option<u16>, usize),
    /// A link type that cannot be read.
    Unknown,
}

impl Link {
    /// The link header of `frame`.
    pub fn of(frame: &Frame<'_>) -> Self {
        let data = frame.data;
        let word = |offset: usize| data.read::<u16>(offset).map(u16::from_be);
        match frame.link_type {
            link_type::ETHERNET => Self::Ethernet,
            link_type::LINUX_SLL => Self::Other(word(14), 16),
            link_type::LINUX_SLL2 => Self::Other(word(0), 20),
            link_type::IPV4 => Self::Other(Some(ethertype::IPV4), 0),
            link_type::IPV6 => Self::Other(Some(ethertype::IPV6), 0),
            link_type::NULL | link_type::LOOP => Self::Other(by_version(data, 4), 4),
            // Address and control, then what Ethernet would say.
            link_type::C_HDLC => Self::Other(word(2), 4),
            link_type::PPP | link_type::PPP_HDLC => {
                let framing = if data.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
                let (protocol, offset) = ppp(data, framing);
                Self::Other(protocol, offset)
            }
            link_type::PPP_ETHER => {
                let (protocol, offset) = ppp(data, PPPOE_LENGTH);
                Self::Other(protocol, offset)
            }
            raw if link_type::RAW.contains(&raw) => Self::Other(by_version(data, 0), 0),
            _ => Self::Unknown,
        }
    }

    /// The IP packet in `data`, a frame with this link header; none where there is none.
    pub fn packet(self, data: &[u8]) -> Option<&[u8]> {
        let (ethertype, offset) = match self {
            Self::Ethernet => {
                let link = packet::parse_link(data).ok()?;
                (link.ethertype, link.length)
            }
            Self::Other(ethertype, offset) => (ethertype?, offset),
            Self::Unknown => return None,
        };
        let (ethertype, offset) = match ethertype {
            ethertype::PPPOE => {
                let (protocol, offset) = ppp(data, offset + PPPOE_LENGTH);
                (protocol?, offset)
            }
            _ => (ethertype, offset),
        };
        let is_ip = matches!(ethertype, ethertype::IPV4 | ethertype::IPV6);
        data.get(offset..).filter(|_| is_ip)
    }
}

/// The EtherType of what PPP carries whose protocol number is at `offset`, and where that begins; none where the frame ends
/// first. The number has one octet where its first would be 0 and that is left out (RFC 1661 section 6.5).
fn ppp(data: &[u8], offset: usize) -> (Option<u16>, usize) {
    let ethertype = |number: u8| ethertype::of_ppp(number.into()).unwrap_or(0);
    match data.get(offset..).unwrap_or_default() {
        [0, number, ..] => (Some(ethertype(*number)), offset + 2),
        [number, ..] if ethertype(*number) != 0 => (Some(ethertype(*number)), offset + 1),
        [_, _, ..] => (Some(0), offset + 2),
        _ => (None, offset),
    }
}

/// The EtherType that the IP version nibble at `offset` stands for. The BSD loopback header names an address
/// family whose numbers differ between systems, so it is not asked.
fn by_version(data: &[u8], offset: usize) -> Option<u16> {
    data.get(offset).map(|first| match first >> 4 {
        4 => ethertype::IPV4,
        6 => ethertype::IPV6,
        _ => 0,
    })
}
