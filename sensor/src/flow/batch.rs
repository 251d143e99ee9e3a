//! Flow records as columns: the one shape in which flows travel from any source to any sink.
//!
//! A batch has one address family and one source. Rows are immutable once pushed; a consumer that wants fewer
//! rows makes a mask, not a copy.

use std::sync::Arc;

use sensor_common::{key::Direction, packet::ip::protocol};

use super::{
    delta::FlowDelta,
    key::FlowKey,
    ports::PortLabels,
    profile::{Profile, Profiles, Side},
    router::RouterColumns,
    tags::TagSets,
};

/// Rows after which a producer hands a batch on. A soft limit: it bounds latency and memory, not correctness.
pub const BATCH_ROWS: usize = 4096;

/// Stands in the column of TCP flags where nobody has seen them: no flag is known to be set, nor not to be.
pub const TCP_FLAGS_UNTOLD: u16 = 1 << 15;

/// Stands in the column of directions where an exporter does not tell whether it saw the flow coming in or going out.
pub const DIRECTION_UNTOLD: u8 = 2;

/// Why a flow record was made (IPFIX `flowEndReason`, element 136, RFC 5102 section 5.11.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EndReason {
    /// No packet for the idle timeout.
    IdleTimeout = 1,
    /// The flow lives on; it has reached the active timeout.
    ActiveTimeout = 2,
    /// FIN or RST seen.
    EndOfFlow = 3,
    /// The sensor stops.
    ForcedEnd = 4,
    /// The cache was full.
    LackOfResources = 5,
}

/// What a flow was observed by (NQL `flowtype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// This host's interfaces, or a capture file.
    Host,
    /// A device that exports NetFlow or IPFIX.
    NetFlow,
    /// A device that exports sFlow.
    Sflow,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Host, Self::NetFlow, Self::Sflow];

    /// The value of `flowtype`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::NetFlow => "netflow",
            Self::Sflow => "sflow",
        }
    }
}

/// Address columns, as numbers in host order (`u32::from(Ipv4Addr)`).
#[derive(Clone, Debug)]
pub enum Addresses {
    /// IPv4.
    V4 {
        /// Source.
        source: Vec<u32>,
        /// Destination.
        destination: Vec<u32>,
    },
    /// IPv6.
    V6 {
        /// Source.
        source: Vec<u128>,
        /// Destination.
        destination: Vec<u128>,
    },
}

/// Flow records in columns. All columns have [`FlowBatch::len`] rows; only those that say so may have none instead.
#[derive(Clone, Debug)]
pub struct FlowBatch {
    /// What observed the flows.
    pub observed_by: Source,
    /// Source and destination addresses.
    pub addresses: Addresses,
    /// Source port, 0 where there is none.
    pub source_port: Vec<u16>,
    /// Destination port, 0 where there is none.
    pub destination_port: Vec<u16>,
    /// ICMP `type << 8 | code`, 0 for other protocols.
    pub icmp_type_code: Vec<u16>,
    /// IP protocol number.
    pub protocol: Vec<u8>,
    /// Type of service, or traffic class.
    pub tos: Vec<u8>,
    /// The nine TCP flags, OR-ed over the flow; [`TCP_FLAGS_UNTOLD`] where no exporter tells.
    pub tcp_flags: Vec<u16>,
    /// Interface index; ingress or egress interface, according to `direction`. Where the batch has the column
    /// [`RouterColumns::output_interface`], this is the ingress interface in every row.
    pub interface: Vec<u32>,
    /// [`Direction`] as a number; [`DIRECTION_UNTOLD`] where no exporter tells.
    pub direction: Vec<u8>,
    /// Outermost VLAN identifier, 0 for none. Where the batch has the column [`RouterColumns::destination_vlan`], the
    /// VLAN on the way in.
    pub vlan: Vec<u16>,
    /// Octets of the IP packets.
    pub octets: Vec<u64>,
    /// Packets.
    pub packets: Vec<u64>,
    /// Octets of whole frames. No rows where no exporter tells.
    pub layer2_octets: Vec<u64>,
    /// First packet, milliseconds since the epoch.
    pub start: Vec<u64>,
    /// Last packet, milliseconds since the epoch.
    pub end: Vec<u64>,
    /// Lowest time to live. No rows where no exporter tells.
    pub ttl_min: Vec<u8>,
    /// Highest time to live. No rows where no exporter tells.
    pub ttl_max: Vec<u8>,
    /// Source MAC address. No rows where no exporter tells.
    pub source_mac: Vec<[u8; 6]>,
    /// Destination MAC address. No rows where no exporter tells.
    pub destination_mac: Vec<[u8; 6]>,
    /// [`sensor_common::packet::Fragment`] as a number.
    pub fragment: Vec<u8>,
    /// 1 where the remote end was folded away (its address and port are 0), because the kernel's table was full.
    pub folded: Vec<u8>,
    /// [`EndReason`] as a number, 0 where no exporter tells.
    pub end_reason: Vec<u8>,
    /// The profiles that the next two columns number.
    pub profiles: Arc<Profiles>,
    /// Profile of the source address; no rows at all where no flow has been looked up, which reads as 0 everywhere.
    pub source_profile: Vec<u32>,
    /// The same of the destination address.
    pub destination_profile: Vec<u32>,
    /// The sets of tags that the next column numbers.
    pub tag_sets: Arc<TagSets>,
    /// Tags of the flow, those of its exporter among them. 0 stands for the exporter's alone; so it reads everywhere when
    /// the column has no rows.
    pub tags: Vec<u32>,
    /// Labels of ports.
    pub port_labels: Arc<PortLabels>,
    /// What only routers tell. None of its columns has rows in a batch of the host's flows.
    pub router: RouterColumns,
}

impl FlowBatch {
    /// An empty batch of IPv4 flows.
    pub fn v4(observed_by: Source) -> Self {
        Self::empty(observed_by, Addresses::V4 { source: Vec::new(), destination: Vec::new() })
    }

    /// An empty batch of IPv6 flows.
    pub fn v6(observed_by: Source) -> Self {
        Self::empty(observed_by, Addresses::V6 { source: Vec::new(), destination: Vec::new() })
    }

    fn empty(observed_by: Source, addresses: Addresses) -> Self {
        Self {
            observed_by,
            addresses,
            source_port: Vec::new(),
            destination_port: Vec::new(),
            icmp_type_code: Vec::new(),
            protocol: Vec::new(),
            tos: Vec::new(),
            tcp_flags: Vec::new(),
            interface: Vec::new(),
            direction: Vec::new(),
            vlan: Vec::new(),
            octets: Vec::new(),
            packets: Vec::new(),
            layer2_octets: Vec::new(),
            start: Vec::new(),
            end: Vec::new(),
            ttl_min: Vec::new(),
            ttl_max: Vec::new(),
            source_mac: Vec::new(),
            destination_mac: Vec::new(),
            fragment: Vec::new(),
            folded: Vec::new(),
            end_reason: Vec::new(),
            profiles: Arc::default(),
            source_profile: Vec::new(),
            destination_profile: Vec::new(),
            tag_sets: Arc::default(),
            tags: Vec::new(),
            port_labels: Arc::default(),
            router: RouterColumns::default(),
        }
    }

    /// Takes all rows out, and keeps the memory.
    pub fn clear(&mut self) {
        match &mut self.addresses {
            Addresses::V4 { source, destination } => {
                source.clear();
                destination.clear();
            }
            Addresses::V6 { source, destination } => {
                source.clear();
                destination.clear();
            }
        }
        self.source_port.clear();
        self.destination_port.clear();
        self.icmp_type_code.clear();
        self.protocol.clear();
        self.tos.clear();
        self.tcp_flags.clear();
        self.interface.clear();
        self.direction.clear();
        self.vlan.clear();
        self.octets.clear();
        self.packets.clear();
        self.layer2_octets.clear();
        self.start.clear();
        self.end.clear();
        self.ttl_min.clear();
        self.ttl_max.clear();
        self.source_mac.clear();
        self.destination_mac.clear();
        self.fragment.clear();
        self.folded.clear();
        self.end_reason.clear();
        self.source_profile.clear();
        self.destination_profile.clear();
        self.tags.clear();
        self.router.clear();
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// True once a producer should hand the batch on.
    pub fn is_full(&self) -> bool {
        self.len() >= BATCH_ROWS
    }

    /// 4 or 6.
    pub fn ip_version(&self) -> u8 {
        match self.addresses {
            Addresses::V4 { .. } => 4,
            Addresses::V6 { .. } => 6,
        }
    }

    /// Appends the record of a flow that has ended for `reason`. Keys of the other family are a bug of the
    /// caller and leave the batch as it is.
    pub fn push(&mut self, key: &impl FlowKey, counts: &FlowDelta, reason: EndReason) {
        if !key.push_addresses(&mut self.addresses) {
            debug_assert!(false, "key of another address family");
            return;
        }
        let key = key.common();
        let icmp = matches!(key.protocol, protocol::ICMP | protocol::ICMPV6);
        self.source_port.push(key.source_port);
        self.destination_port.push(if icmp { 0 } else { key.destination_port });
        self.icmp_type_code.push(if icmp { key.destination_port } else { 0 });
        self.protocol.push(key.protocol);
        self.tos.push(key.tos);
        self.tcp_flags.push(counts.tcp_flags);
        self.interface.push(key.interface);
        self.direction.push(key.direction as u8);
        self.vlan.push(key.vlan);
        self.octets.push(counts.octets);
        self.packets.push(counts.packets);
        self.layer2_octets.push(counts.layer2_octets);
        self.start.push(counts.start);
        self.end.push(counts.end);
        self.ttl_min.push(counts.ttl_min);
        self.ttl_max.push(counts.ttl_max);
        let (destination_mac, source_mac) = split_macs(counts.macs);
        self.source_mac.push(source_mac);
        self.destination_mac.push(destination_mac);
        self.fragment.push(key.fragment as u8);
        self.folded.push(u8::from(key.folded));
        self.end_reason.push(reason as u8);
    }

    /// What is known about the address on `side` of row `row`.
    pub fn profile(&self, side: Side, row: usize) -> &Arc<Profile> {
        let numbers = match side {
            Side::Source => &self.source_profile,
            Side::Destination => &self.destination_profile,
        };
        self.profiles.shared(numbers.get(row).copied().unwrap_or(0))
    }

    /// Moves the times of all records by `step` milliseconds, but to none before the epoch.
    pub fn shift(&mut self, step: i64) {
        for time in self.start.iter_mut().chain(&mut self.end) {
            *time = time.saturating_add_signed(step);
        }
    }

    /// Keeps only `rows`, which ascend and are below [`FlowBatch::len`].
    pub fn keep(&mut self, rows: &[usize]) {
        match &mut self.addresses {
            Addresses::V4 { source, destination } => {
                keep(source, rows);
                keep(destination, rows);
            }
            Addresses::V6 { source, destination } => {
                keep(source, rows);
                keep(destination, rows);
            }
        }
        keep(&mut self.source_port, rows);
        keep(&mut self.destination_port, rows);
        keep(&mut self.icmp_type_code, rows);
        keep(&mut self.protocol, rows);
        keep(&mut self.tos, rows);
        keep(&mut self.tcp_flags, rows);
        keep(&mut self.interface, rows);
        keep(&mut self.direction, rows);
        keep(&mut self.vlan, rows);
        keep(&mut self.octets, rows);
        keep(&mut self.packets, rows);
        keep(&mut self.layer2_octets, rows);
        keep(&mut self.start, rows);
        keep(&mut self.end, rows);
        keep(&mut self.ttl_min, rows);
        keep(&mut self.ttl_max, rows);
        keep(&mut self.source_mac, rows);
        keep(&mut self.destination_mac, rows);
        keep(&mut self.fragment, rows);
        keep(&mut self.folded, rows);
        keep(&mut self.end_reason, rows);
        keep(&mut self.source_profile, rows);
        keep(&mut self.destination_profile, rows);
        keep(&mut self.tags, rows);
        self.router.keep(rows);
    }

    /// One of how many packets row `row` counts; none where nobody said.
    pub fn sample_rate(&self, row: usize) -> Option<u32> {
        match self.observed_by {
            // The host path counts every packet.
            Source::Host => Some(1),
            Source::NetFlow | Source::Sflow => {
                self.router.sample_rate.get(row).copied().filter(|rate| *rate != 0)
            }
        }
    }

    /// `amount` times the sample rate of row `row`; as it is where the rate is not known.
    pub fn scaled(&self, row: usize, amount: u64) -> u64 {
        amount.saturating_mul(self.sample_rate(row).unwrap_or(1).into())
    }

    /// True when row `row` was seen leaving the host or the device that exported it.
    pub fn is_egress(&self, row: usize) -> bool {
        self.direction[row] == Direction::Egress as u8
    }

    /// The TCP flags of row `row`; none where they are not known.
    pub fn tcp_flags_of(&self, row: usize) -> Option<u16> {
        Some(self.tcp_flags[row]).filter(|flags| *flags != TCP_FLAGS_UNTOLD)
    }
}

/// Keeps only `rows` of a column, which ascend; a column without rows stays so.
pub(super) fn keep<T: Copy>(column: &mut Vec<T>, rows: &[usize]) {
    if column.is_empty() {
        return;
    }
    for (to, &from) in rows.iter().enumerate() {
        column[to] = column[from];
    }
    column.truncate(rows.len());
}

/// Destination and source MAC address from the first twelve octets of a frame.
fn split_macs(words: [u32; 3]) -> ([u8; 6], [u8; 6]) {
    let [a, b, c] = words.map(u32::to_ne_bytes);
    ([a[0], a[1], a[2], a[3], b[0], b[1]], [b[2], b[3], c[0], c[1], c[2], c[3]])
}
