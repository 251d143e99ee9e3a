//! What a source adds to one flow: a packet of a capture, or a drained slot of the kernel's table.

use sensor_common::{
    key::{V4_WORDS, V6_WORDS},
    table::Increment,
    tcp,
};

/// Counts of one flow over some time, to be merged into the flow cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowDelta {
    /// Octets of the IP packets.
    pub octets: u64,
    /// Packets on the wire.
    pub packets: u64,
    /// Octets of whole frames (`octets` plus link headers and padding).
    pub layer2_octets: u64,
    /// First packet, milliseconds since the epoch.
    pub start: u64,
    /// Last packet, milliseconds since the epoch.
    pub end: u64,
    /// TCP flags, as in [`sensor_common::tcp`]: of all packets, OR-ed, and SYN and ACK of the first.
    pub tcp_flags: u16,
    /// Lowest time to live.
    pub ttl_min: u8,
    /// Highest time to live.
    pub ttl_max: u8,
    /// Destination and source MAC address as they lie in the frame.
    pub macs: [u32; 3],
}

impl FlowDelta {
    /// The counts of one packet with `macs` (as in [`FlowDelta::macs`]) at `time`, milliseconds since the epoch.
    pub fn packet(packet: &Increment, macs: [u32; 3], time: u64) -> Self {
        Self {
            octets: packet.octets.into(),
            packets: packet.packets.into(),
            layer2_octets: u64::from(packet.octets) + u64::from(packet.overhead),
            start: time,
            end: time,
            tcp_flags: tcp::of_first(packet.tcp_flags),
            ttl_min: packet.ttl,
            ttl_max: packet.ttl,
            macs,
        }
    }
}

/// Where a source puts its deltas, flow by flow: the flow cache, in front of whatever takes its records.
pub trait DeltaSink {
    /// Counts of an IPv4 flow, by its packed key.
    fn v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta);
    /// Counts of an IPv6 flow, by its packed key.
    fn v6(&mut self, key: &[u64; V6_WORDS], delta: &FlowDelta);
}
