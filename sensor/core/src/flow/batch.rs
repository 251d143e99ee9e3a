//! Flow records as columns: the one shape in which flows travel from any source to any sink.
//!
//! A batch has one address family and one source. Rows are immutable once pushed; a consumer that wants fewer
//! rows makes a mask, not a copy.

use std::{net::IpAddr, sync::Arc};

use sensor_common::{key::Direction, packet::ip::protocol, tcp};

pub use super::{
    addresses::Addresses,
    columns::{DIRECTION_UNTOLD, FlowBatch, TCP_FLAGS_UNTOLD},
    source::Source,
};
use super::{
    columns::Column,
    delta::FlowDelta,
    device::{AddressColumn, Device},
    initiator::Initiator,
    key::FlowKey,
    mac,
    profile::{Profile, Side},
};

/// Rows after which a producer hands a batch on. A soft limit: it bounds latency and memory, not correctness.
pub const BATCH_ROWS: usize = 4096;

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

/// What is known of a record besides its counts: which part it is of the life of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Why it ends.
    pub reason: EndReason,
    /// Who opened the connection, where that was seen.
    pub initiator: Option<Initiator>,
    /// It goes on where an earlier record was cut by the active timeout.
    pub continued: bool,
}

impl From<EndReason> for Part {
    /// A whole flow of which nobody saw who opened it.
    fn from(reason: EndReason) -> Self {
        Self { reason, initiator: None, continued: false }
    }
}

impl AddressColumn {
    /// Where IPv4 addresses stand, and where IPv6 ones.
    pub fn columns(self) -> (Column, Column) {
        match self {
            Self::NextHop => (Column::NextHopV4, Column::NextHopV6),
            Self::NatSource => (Column::NatSourceV4, Column::NatSourceV6),
            Self::NatDestination => (Column::NatDestinationV4, Column::NatDestinationV6),
            Self::Via => (Column::ViaV4, Column::ViaV6),
        }
    }
}

impl FlowBatch {
    /// An empty batch of IPv4 flows.
    pub fn v4(observed_by: Source) -> Self {
        Self::without_rows(
            observed_by,
            Addresses::V4 { source: Vec::new(), destination: Vec::new() },
        )
    }

    /// An empty batch of IPv6 flows.
    pub fn v6(observed_by: Source) -> Self {
        Self::without_rows(
            observed_by,
            Addresses::V6 { source: Vec::new(), destination: Vec::new() },
        )
    }

    /// Takes all rows out, and keeps the memory.
    pub fn clear(&mut self) {
        self.addresses.clear();
        self.clear_columns();
        self.devices.clear();
        self.skews.clear();
        self.untold = 0;
        self.lot = None;
        self.offered = 0;
    }

    /// Keeps only `rows`, which ascend and are below [`FlowBatch::len`].
    pub fn keep(&mut self, rows: &[usize]) {
        self.addresses.keep(rows);
        self.keep_columns(rows);
    }

    /// Makes all columns that must have rows, or have some, as long as the batch: a row that is lacking is one of which nobody
    /// told. For producers that fill column after column.
    pub fn level(&mut self) {
        // A decoder has batches of kinds that it seldom meets: they cost nothing.
        if !self.is_empty() {
            self.level_columns(self.len());
        }
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

    /// Appends the record of a flow. Keys of the other family are a bug of the caller and leave the batch as it is.
    pub fn push(&mut self, key: &impl FlowKey, counts: &FlowDelta, part: impl Into<Part>) {
        if !key.push_addresses(&mut self.addresses) {
            debug_assert!(false, "key of another address family");
            return;
        }
        let (key, part) = (key.common(), part.into());
        let icmp = matches!(key.protocol, protocol::ICMP | protocol::ICMPV6);
        self.source_port.push(key.source_port);
        self.destination_port.push(if icmp { 0 } else { key.destination_port });
        self.icmp_type_code.push(if icmp { key.destination_port } else { 0 });
        self.protocol.push(key.protocol);
        self.tos.push(key.tos);
        self.tcp_flags.push(tcp::all(counts.tcp_flags));
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
        let (destination_mac, source_mac) = mac::of_frame(counts.macs);
        self.source_mac.push(source_mac);
        self.destination_mac.push(destination_mac);
        self.fragment.push(key.fragment as u8);
        self.folded.push(u8::from(key.folded));
        self.end_reason.push(part.reason as u8);
        self.initiator.push(part.initiator.map_or(0, |by| by as u8));
        self.continued.push(part.continued.into());
    }

    /// What is known about the address on `side` of row `row`.
    pub fn profile(&self, side: Side, row: usize) -> &Arc<Profile> {
        self.profiles.shared(self.profile_number(side, row))
    }

    /// The number of that profile in `profiles`.
    #[inline(always)]
    pub fn profile_number(&self, side: Side, row: usize) -> u32 {
        let numbers = match side {
            Side::Source => &self.source_profile,
            Side::Destination => &self.destination_profile,
        };
        numbers.get(row).copied().unwrap_or(0)
    }

    /// The address of row `row` in a column; none where it is not told.
    #[inline(always)]
    pub fn address(&self, column: AddressColumn, row: usize) -> Option<IpAddr> {
        let (v4, v6) = match column {
            AddressColumn::NextHop => (&self.next_hop_v4, &self.next_hop_v6),
            AddressColumn::NatSource => (&self.nat_source_v4, &self.nat_source_v6),
            AddressColumn::NatDestination => (&self.nat_destination_v4, &self.nat_destination_v6),
            AddressColumn::Via => (&self.via_v4, &self.via_v6),
        };
        match (v4.get(row), v6.get(row)) {
            (Some(v4), _) if *v4 != 0 => Some(IpAddr::V4((*v4).into())),
            (_, Some(v6)) if *v6 != 0 => Some(IpAddr::V6((*v6).into())),
            _ => None,
        }
    }

    /// The device that exported row `row`.
    pub fn device_of(&self, row: usize) -> Option<&Device> {
        let place = *self.device.get(row)?;
        self.devices.get(usize::try_from(place).ok()?).map(|device| &**device)
    }

    /// Moves the times of all records by `step` milliseconds, but to none before the epoch.
    pub fn shift(&mut self, step: i64) {
        for time in self.start.iter_mut().chain(&mut self.end) {
            *time = time.saturating_add_signed(step);
        }
    }

    /// One of how many packets row `row` counts; none where nobody said.
    pub fn sample_rate(&self, row: usize) -> Option<u32> {
        match self.observed_by {
            Source::NetFlow | Source::Sflow => {
                self.tells(Column::SampleRate, row).then(|| self.sample_rate[row])
            }
            // The host path counts every packet, and clouds report estimates of all.
            _ => Some(1),
        }
    }

    /// `amount` times the sample rate of row `row`; as it is where the rate is not known.
    pub fn scaled(&self, row: usize, amount: u64) -> u64 {
        amount.saturating_mul(self.sample_rate(row).unwrap_or(1).into())
    }

    /// The port on one side of row `row`, 0 for protocols that have none; none where it is not told.
    #[inline(always)]
    pub fn port(&self, side: Side, row: usize) -> Option<u16> {
        let (column, ports) = match side {
            Side::Source => (Column::SourcePort, &self.source_port),
            Side::Destination => (Column::DestinationPort, &self.destination_port),
        };
        self.tells(column, row).then(|| ports[row])
    }

    /// True when row `row` was seen leaving the host or the device that exported it.
    pub fn is_egress(&self, row: usize) -> bool {
        self.direction[row] == Direction::Egress as u8
    }

    /// The TCP flags of row `row`; none where they are not known.
    pub fn tcp_flags_of(&self, row: usize) -> Option<u16> {
        self.tells(Column::TcpFlags, row).then(|| self.tcp_flags[row])
    }
}
