//! What can be asked of a row, once names of fields have become columns.
//!
//! A [`Test`] is total: it holds or does not, a value cannot be absent. Where a field may be (TCP flags of a UDP flow),
//! lowering adds the test of its presence, and the rules of boolean algebra apply without exception.

use std::sync::Arc;

use crate::{
    flow::{batch::FlowBatch, profile::Side, router::AddressColumn},
    nql::{
        lists::{ListForm, NamedList},
        sets::{AddressSet, IntegerSet},
        typed::{Comparison, Predicate, Subject, Typed},
    },
};

/// A column of numbers, stored or computed row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// IP protocol.
    Protocol,
    /// Type of service.
    Tos,
    /// Lowest time to live.
    TtlMin,
    /// Highest time to live.
    TtlMax,
    /// Direction as a number.
    Direction,
    /// Kind of fragment as a number.
    Fragment,
    /// 1 for folded rows.
    Folded,
    /// End reason as a number.
    EndReason,
    /// Source port.
    SourcePort,
    /// Destination port.
    DestinationPort,
    /// ICMP `type << 8 | code`.
    IcmpTypeCode,
    /// The code of it.
    IcmpCode,
    /// TCP flags.
    TcpFlags,
    /// VLAN.
    Vlan,
    /// Interface.
    Interface,
    /// Octets.
    Octets,
    /// Packets.
    Packets,
    /// Octets of whole frames.
    Layer2Octets,
    /// Time of the first packet.
    Start,
    /// Time of the last packet.
    End,
    /// Milliseconds between the two.
    Duration,
    /// Octets per packet; 0 without packets.
    OctetsPerPacket,
    /// Source MAC address as a number of 48 bits.
    SourceMac,
    /// Destination MAC address as a number of 48 bits.
    DestinationMac,
    /// Egress interface that a router told beside the ingress interface.
    OutputInterface,
    /// VLAN on the way out that a router told beside that on the way in.
    DestinationVlan,
    /// Source port after translation.
    NatSourcePort,
    /// Destination port after translation.
    NatDestinationPort,
    /// AS of the source.
    SourceAs,
    /// AS of the destination.
    DestinationAs,
    /// One of how many packets was counted, 0 where nobody said; 1 on the host.
    SampleRate,
    /// Bits times the sample rate.
    BitsTimesRate,
    /// Packets times the sample rate.
    PacketsTimesRate,
    /// Version of the export.
    Version,
    /// Time at which the record was received.
    Received,
    /// What the router did with the packets.
    Action,
}

impl Column {
    /// The highest number that it can hold.
    pub fn maximum(self) -> u64 {
        match self {
            Self::Protocol
            | Self::Tos
            | Self::TtlMin
            | Self::TtlMax
            | Self::Direction
            | Self::Fragment
            | Self::Folded
            | Self::EndReason
            | Self::IcmpCode
            | Self::Version
            | Self::Action => u8::MAX.into(),
            Self::SourcePort
            | Self::DestinationPort
            | Self::IcmpTypeCode
            | Self::TcpFlags
            | Self::Vlan
            | Self::NatSourcePort
            | Self::NatDestinationPort
            | Self::DestinationVlan => u16::MAX.into(),
            Self::Interface
            | Self::OutputInterface
            | Self::SourceAs
            | Self::DestinationAs
            | Self::SampleRate => u32::MAX.into(),
            Self::Octets
            | Self::Packets
            | Self::Layer2Octets
            | Self::Start
            | Self::End
            | Self::Duration
            | Self::OctetsPerPacket
            | Self::BitsTimesRate
            | Self::PacketsTimesRate
            | Self::Received => u64::MAX,
            Self::SourceMac | Self::DestinationMac => (1 << 48) - 1,
        }
    }

    /// Whether the column has rows in a batch, for those that may have none.
    fn filled(self) -> Option<fn(&FlowBatch) -> bool> {
        Some(match self {
            Self::TtlMin => |batch| !batch.ttl_min.is_empty(),
            Self::TtlMax => |batch| !batch.ttl_max.is_empty(),
            Self::Layer2Octets => |batch| !batch.layer2_octets.is_empty(),
            Self::SourceMac => |batch| !batch.source_mac.is_empty(),
            Self::DestinationMac => |batch| !batch.destination_mac.is_empty(),
            Self::OutputInterface => |batch| !batch.router.output_interface.is_empty(),
            Self::DestinationVlan => |batch| !batch.router.destination_vlan.is_empty(),
            Self::NatSourcePort => |batch| !batch.router.nat_source_port.is_empty(),
            Self::NatDestinationPort => |batch| !batch.router.nat_destination_port.is_empty(),
            Self::SourceAs => |batch| !batch.router.source_as.is_empty(),
            Self::DestinationAs => |batch| !batch.router.destination_as.is_empty(),
            Self::Received => |batch| !batch.router.received.is_empty(),
            _ => return None,
        })
    }

    /// True for columns that have no rows in some batches.
    pub(super) fn may_lack(self) -> bool {
        self.filled().is_some()
    }

    /// Whether the column has rows in a batch.
    pub(super) fn is_filled(self, batch: &FlowBatch) -> bool {
        self.filled().is_none_or(|filled| filled(batch))
    }
}

/// What is the same in all rows of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The flows are the host's own.
    Host,
    /// The column has rows. One without reads as 0.
    Filled(Column),
    /// A query that any row answers for all.
    Query(Box<Typed>),
}

/// The number by which texts about a flow are found, among those of its exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// None: it is about the exporter itself.
    Exporter,
    /// Input interface.
    Input,
    /// Output interface.
    Output,
    /// The interface that saw the flow.
    Interface,
    /// Application.
    Application,
    /// VRF on the way in.
    InputVrf,
    /// VRF on the way out.
    OutputVrf,
    /// Set of tags, whosever number it is.
    Tags,
}

/// One test of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The number lies in the set.
    Number(Column, IntegerSet),
    /// The number lies in the list as of now.
    ListedNumber(Column, Arc<NamedList>, ListForm),
    /// One of these TCP flags is set.
    Flags(u16),
    /// The address lies in the set.
    Address(Side, AddressSet),
    /// The address lies in the list as of now.
    ListedAddress(Side, Arc<NamedList>),
    /// The profile of the address fulfils a predicate.
    Profile(Side, Subject, Predicate),
    /// The labels of the port in the column fulfil a predicate, taken as a port of the protocol with this number.
    PortLabel(Column, u8, Predicate),
    /// The ports of both ends compare so, the source's on the left.
    Ports(Comparison),
    /// Both ends have the same address.
    SameAddress,
    /// The address in the column lies in the set; there may be none.
    ToldAddress(AddressColumn, AddressSet),
    /// Decided by the batch alone.
    Batch(Shape),
    /// Decided by what the exporter tells about a number.
    Told(By, Box<Typed>),
    /// Anything else: decided row by row by the reference evaluator.
    Row(Box<Typed>),
}

impl Test {
    /// What it comes to, where that is the same for all rows.
    pub fn constant(&self) -> Option<bool> {
        match self {
            Self::Number(column, set) => match set.ranges() {
                [] => Some(false),
                [(0, high)] if *high >= column.maximum() => Some(true),
                _ => None,
            },
            Self::Address(_, set) | Self::ToldAddress(_, set) => set.is_empty().then_some(false),
            _ => None,
        }
    }
}
