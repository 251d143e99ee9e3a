//! Captured frames into flow counts, through the packet parser that runs in the kernel.

use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    ledger::{Count, Ledger},
    packet::{self, Bytes, Headers, Reject, ethertype},
    table::Increment,
};

use super::capture::Frame;
use crate::flow::delta::{DeltaSink, FlowDelta};

/// Link types whose header this module can read.
mod link_type {
    pub const NULL: u32 = 0;
    pub const ETHERNET: u32 = 1;
    /// Raw IP, as three registries have numbered it.
    pub const RAW: [u32; 3] = [12, 14, 101];
    pub const PPP: u32 = 9;
    pub const LOOP: u32 = 108;
    pub const LINUX_SLL: u32 = 113;
    pub const IPV4: u32 = 228;
    pub const IPV6: u32 = 229;
    pub const LINUX_SLL2: u32 = 276;
}

/// Counts `frame` in `ledger`, and in its flow in `sink`, or in `unknown_link` when its link type cannot be read. The
/// interface is 0 and the direction ingress: a capture does not tell.
pub fn count(
    frame: &Frame<'_>,
    ledger: &mut Ledger,
    unknown_link: &mut Count,
    sink: &mut impl DeltaSink,
) {
    let frame_length = frame.wire_length.max(frame.data.len() as u32);
    ledger.seen.add(1, frame_length.into());
    let Some(parsed) = parse(frame, frame_length) else {
        unknown_link.add(1, frame_length.into());
        return;
    };
    let headers = match parsed {
        Ok(headers) => headers,
        Err(reason) => return ledger.reject(reason).add(1, frame_length.into()),
    };
    let increment = Increment::new(&headers, frame_length, 1);
    let delta = FlowDelta::packet(&increment, headers.macs, frame.timestamp_ns / 1_000_000);
    let common = Common::new(&headers, 0, Direction::Ingress, headers.vlan);
    if headers.v6 {
        let key = KeyV6 { source: headers.source, destination: headers.destination, common };
        sink.v6(&key.pack(), &delta);
    } else {
        let key = KeyV4 { source: headers.source[0], destination: headers.destination[0], common };
        sink.v4(&key.pack(), &delta);
    }
}

/// `None`: a link type that cannot be read.
fn parse(frame: &Frame<'_>, frame_length: u32) -> Option<Result<Headers, Reject>> {
    let data = frame.data;
    let network = |ethertype: Option<u16>, offset: usize| {
        Some(match ethertype {
            Some(ethertype) => {
                packet::parse_network(data, ethertype, offset, frame_length, 0, [0; 3])
            }
            None => Err(Reject::Truncated),
        })
    };
    let word = |offset: usize| data.read::<u16>(offset).map(u16::from_be);
    match frame.link_type {
        link_type::ETHERNET => Some(packet::parse(data, frame_length)),
        link_type::LINUX_SLL => network(word(14), 16),
        link_type::LINUX_SLL2 => network(word(0), 20),
        link_type::IPV4 => network(Some(ethertype::IPV4), 0),
        link_type::IPV6 => network(Some(ethertype::IPV6), 0),
        link_type::NULL | link_type::LOOP => network(by_version(data, 4), 4),
        // PPP with or without the address and control octets of HDLC framing (RFC 1662); 0x21 is IPv4, 0x57 IPv6.
        link_type::PPP => {
            let offset = if data.starts_with(&[0xff, 0x03]) { 4 } else { 2 };
            let protocol = word(offset - 2).map(|protocol| match protocol {
                0x0021 => ethertype::IPV4,
                0x0057 => ethertype::IPV6,
                _ => 0,
            });
            network(protocol, offset)
        }
        raw if link_type::RAW.contains(&raw) => network(by_version(data, 0), 0),
        _ => None,
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
