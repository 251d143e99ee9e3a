//! A flow as a log tells it, before it is a row of a batch.

use sensor_common::key::Direction;
use sensor_core::flow::device::Action;

use super::names::CommonTexts;

/// The addresses of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Source and destination, numbers in host order.
    V4(u32, u32),
    /// The same.
    V6(u128, u128),
}

/// An address that may be of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A number in host order.
    V4(u32),
    /// The same.
    V6(u128),
}

/// A flow in one direction, as a log tells it. What is `None`, or 0 where a number stands for something, is not told.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Addresses in the packets.
    pub ends: Ends,
    /// Source and destination port. What is not told is 0 of a protocol that has no ports, as everywhere.
    pub ports: (Option<u16>, Option<u16>),
    /// IP protocol.
    pub protocol: u8,
    /// Packets.
    pub packets: Option<u64>,
    /// Octets of the IP packets.
    pub octets: Option<u64>,
    /// First packet, milliseconds since the epoch.
    pub start: Option<u64>,
    /// Last packet, milliseconds since the epoch.
    pub end: u64,
    /// TCP flags, OR-ed.
    pub tcp_flags: Option<u16>,
    /// Type of service.
    pub tos: Option<u8>,
    /// As the virtual interface sees it.
    pub direction: Option<Direction>,
    /// What became of the packets.
    pub action: Option<Action>,
    /// The address that stood for the interface's end where the packets had another.
    pub via: Option<Via>,
    /// Path on which the flow left.
    pub traffic_path: u8,
    /// Version of the log.
    pub version: u8,
    /// Who opened the connection, as [`sensor_core::flow::initiator::Initiator`] numbers it.
    pub initiator: u8,
    /// Numbers of [`Names::point`](super::names::Names::point): the point and its source.
    pub point: (u32, u32),
    /// Numbers of [`Names::labels`](super::names::Names::labels): of the source and the destination.
    pub labels: (u32, u32),
    /// Numbers of [`Names::text`](super::names::Names::text): rule, reason of rejection, state, encryption, status of the data.
    pub texts: RecordTexts,
}

/// Texts of a record by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordTexts {
    /// Rule that decided.
    pub rule: u32,
    /// Why the flow was rejected.
    pub reject_reason: u32,
    /// Part of the flow's life.
    pub flow_state: u32,
    /// Encryption on the way.
    pub encryption: u32,
    /// Status of the data.
    pub data_status: u32,
}

impl RecordTexts {
    /// By [`CommonProperty`](sensor_core::flow::properties::CommonProperty).
    #[inline(always)]
    pub(super) fn all(&self) -> CommonTexts {
        let Self { rule, reject_reason, flow_state, encryption, data_status } = *self;
        [rule, reject_reason, flow_state, encryption, data_status]
    }
}
