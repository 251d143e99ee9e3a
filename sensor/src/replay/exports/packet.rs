//! An IP packet taken apart, as far as finding datagrams of devices needs it: unlike the parser of flows, it keeps what
//! identifies fragments.

use std::net::IpAddr;

use sensor_common::packet::ip::protocol;
use sensor_wire::tunnel;

use crate::replay::link::Link;

/// Extension headers of IPv6 that may stand before UDP and TCP (RFC 8200 section 4).
mod extension {
    pub const HOP_BY_HOP: u8 = 0;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const DESTINATION: u8 = 60;
}

/// Extension headers that are followed.
const EXTENSIONS: usize = 8;

/// An IP packet, or a fragment of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// What the payload is.
    pub protocol: u8,
    /// What follows the headers, as far as it was captured.
    pub payload: &'a [u8],
    /// Which part of a packet it is; none for a whole one.
    pub fragment: Option<Fragment>,
}

/// Which part of a fragmented packet a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The same for all fragments of a packet.
    pub identification: u32,
    /// Octets before it.
    pub offset: usize,
    /// True unless it is the last.
    pub more: bool,
}

impl<'a> Packet<'a> {
    /// The packet within the tunnels that this one is of; itself where it is of none, or what it carries cannot be read.
    #[must_use]
    pub fn innermost(self) -> Self {
        let mut packet = self;
        for _ in 0..tunnel::DEPTH {
            if packet.fragment.is_some() {
                break;
            }
            let (payload, is_frame) = match packet.protocol {
                protocol::IPV4 | protocol::IPV6 => (packet.payload, false),
                protocol::GRE => match tunnel::gre(packet.payload) {
                    Some(carried) => carried,
                    None => break,
                },
                _ => break,
            };
            let carried = if is_frame { Link::Ethernet.packet(payload) } else { Some(payload) };
            let Some(inner) = carried.and_then(Self::parse) else { break };
            packet = inner;
        }
        packet
    }

    /// The packet at the start of `octets`; none when its headers contradict themselves or are cut off.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        match octets.first()? >> 4 {
            4 => Self::v4(octets),
            6 => Self::v6(octets),
            _ => None,
        }
    }

    fn v4(octets: &'a [u8]) -> Option<Self> {
        let (header, _) = octets.split_first_chunk::<20>()?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let start = usize::from(header[0] & 0xf) * 4;
        // Super-packets that a NIC is to cut have length 0.
        let end = match usize::from(word(2)) {
            0 => octets.len(),
            length => length.min(octets.len()),
        };
        let part = word(6);
        let (offset, more) = (usize::from(part & 0x1fff) * 8, part & 0x2000 != 0);
        let address = |at: usize| IpAddr::from([0, 1, 2, 3].map(|octet| header[at + octet]));
        Some(Self {
            source: address(12),
            destination: address(16),
            protocol: header[9],
            payload: octets.get(start.max(20)..end)?,
            fragment: (offset != 0 || more).then(|| Fragment {
                identification: word(4).into(),
                offset,
                more,
            }),
        })
    }

    fn v6(octets: &'a [u8]) -> Option<Self> {
        let (header, rest) = octets.split_first_chunk::<40>()?;
        let end = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
            0 => rest.len(),
            length => length.min(rest.len()),
        };
        let mut payload = &rest[..end];
        let mut protocol = header[6];
        let mut fragment = None;
        for _ in 0..EXTENSIONS {
            let length = match protocol {
                extension::HOP_BY_HOP | extension::ROUTING | extension::DESTINATION => {
                    usize::from(*payload.get(1)?) * 8 + 8
                }
                extension::FRAGMENT => 8,
                _ => break,
            };
            let (extension, behind) = payload.split_at_checked(length)?;
            if protocol == extension::FRAGMENT {
                let (fields, _) = extension.split_first_chunk::<8>()?;
                let part = u16::from_be_bytes([fields[2], fields[3]]);
                let (offset, more) = (usize::from(part & 0xfff8), part & 1 != 0);
                let identification =
                    u32::from_be_bytes([fields[4], fields[5], fields[6], fields[7]]);
                let parts = offset != 0 || more;
                fragment = parts.then_some(Fragment { identification, offset, more });
            }
            (protocol, payload) = (extension[0], behind);
            // Further headers are in the first fragment only.
            if fragment.is_some() {
                break;
            }
        }
        let address = |at: usize| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&header[at..at + 16]);
            IpAddr::from(octets)
        };
        Some(Self { source: address(8), destination: address(24), protocol, payload, fragment })
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Its payload, as far as it was captured.
    pub payload: &'a [u8],
    /// True when the capture has only the first part of it.
    pub cut: bool,
}

impl<'a> Udp<'a> {
    /// The datagram at the start of `octets`; none when its header is cut off.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        let (header, payload) = octets.split_first_chunk::<8>()?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let length = match usize::from(word(4)) {
            0 => payload.len(),
            length => length.saturating_sub(8),
        };
        let cut = length > payload.len();
        let payload = &payload[..length.min(payload.len())];
        Some(Self { source_port: word(0), destination_port: word(2), payload, cut })
    }
}
