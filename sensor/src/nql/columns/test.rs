//! What can be asked of a row, once names of fields have become columns.
//!
//! A [`Test`] is total: it holds or does not, a value cannot be absent. Where a field may be (TCP flags of a UDP flow),
//! lowering adds the test of its presence, and the rules of boolean algebra apply without exception.

use std::sync::Arc;

use crate::{
    flow::profile::Side,
    nql::{
        lists::{ListForm, NamedList},
        sets::{AddressSet, IntegerSet},
        typed::{Predicate, Subject, Typed},
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
            | Self::IcmpCode => u8::MAX.into(),
            Self::SourcePort
            | Self::DestinationPort
            | Self::IcmpTypeCode
            | Self::TcpFlags
            | Self::Vlan => u16::MAX.into(),
            Self::Interface => u32::MAX.into(),
            Self::Octets
            | Self::Packets
            | Self::Layer2Octets
            | Self::Start
            | Self::End
            | Self::Duration
            | Self::OctetsPerPacket => u64::MAX,
            Self::SourceMac | Self::DestinationMac => (1 << 48) - 1,
        }
    }
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
    /// Decided by the batch alone.
    Batch(Box<Typed>),
    /// Decided by interface and direction.
    Interface(Box<Typed>),
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
            Self::Address(_, set) => set.is_empty().then_some(false),
            _ => None,
        }
    }
}
