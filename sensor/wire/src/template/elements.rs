//! What information elements say: which column of a batch they fill, or what else decoding takes from them.
//!
//! The table of columns lists the elements of each column, the best first: where several stand in a record, the one of the
//! lowest rank fills it. Here is how they are read, where a column's number is not just the field's, and the elements that
//! fill no column of that table. Numbers below 128 are also NetFlow 9 field types (RFC 3954 section 8); from there on
//! devices of NetFlow 9 use IANA's IPFIX numbers, Cisco's firewalls some of their own besides.

use std::sync::LazyLock;

use sensor_core::flow::columns::Column;

use super::Specifier;
use crate::ipfix::{elements as ipfix, encode::ENTERPRISE};

/// Private enterprise number of reverse elements (RFC 5103).
pub const REVERSE: u32 = 29305;

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Just what a column stores, as its abstract data type.
    Column(Column),
    /// IPv4 source address.
    SourceV4,
    /// IPv4 destination address.
    DestinationV4,
    /// IPv6 source address.
    SourceV6,
    /// IPv6 destination address.
    DestinationV6,
    /// Source port.
    SourcePort,
    /// Destination port; of ICMP, type and code.
    DestinationPort,
    /// ICMP `type << 8 | code`.
    IcmpTypeCode,
    /// ICMP type.
    IcmpType,
    /// ICMP code.
    IcmpCode,
    /// IP protocol.
    Protocol,
    /// Type of service.
    Tos,
    /// The upper six bits of it (RFC 2474).
    Dscp,
    /// The upper three bits of it (RFC 791).
    Precedence,
    /// TCP flags.
    TcpFlags,
    /// Ingress interface.
    Input,
    /// Egress interface.
    Output,
    /// 0 ingress, 1 egress.
    Direction,
    /// VLAN at ingress.
    SourceVlan,
    /// VLAN at egress.
    DestinationVlan,
    /// Octets of IP packets.
    Octets,
    /// Packets.
    Packets,
    /// First packet.
    Start(Clock),
    /// Last packet.
    End(Clock),
    /// Milliseconds from first to last packet.
    DurationMilliseconds,
    /// Microseconds from first to last packet.
    DurationMicroseconds,
    /// Packets that are taken in a row (`samplingPacketInterval`).
    PacketInterval,
    /// Packets that are passed over between (`samplingPacketSpace`).
    PacketSpace,
    /// Which sampler took the packets.
    Sampler,
    /// Which connection of a firewall.
    Connection,
    /// Application.
    Application,
    /// `forwardingStatus` (RFC 7270).
    ForwardingStatus,
    /// `firewallEvent`.
    FirewallEvent,
    /// Which end opened the connection (`biflowDirection`, RFC 5103).
    Initiator,
    /// The same, of the flow in the other direction.
    TurnedInitiator,
    /// 4 or 6.
    IpVersion,
    /// A frame's first octets.
    Frame,
    /// An IP packet's first octets.
    Packet,
    /// Octets of the whole frame.
    FrameSize,
    /// When the device booted, milliseconds since the epoch.
    SystemInit,
    /// IPv4 address of the device that a mediator has the flow from.
    DeviceV4,
    /// IPv6 address of the device that a mediator has the flow from.
    DeviceV6,
}

/// How a time is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Milliseconds since the device booted, 32 bits that wrap.
    Uptime,
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Milliseconds,
    /// An NTP time stamp (RFC 5905): seconds since 1900, and their fraction.
    Ntp,
    /// Microseconds before the export time.
    Before,
}

/// What a field is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub meaning: Meaning,
    /// Which of two fields with one meaning is read: the lower.
    pub rank: u8,
    /// True when it says it about the packets of the other direction (RFC 5103, or a responder).
    pub reverse: bool,
}

/// Rank of counts since a flow began (`octetTotalCount`, `packetTotalCount`).
pub const TOTAL: u8 = 1;
/// Rank of counts of initiator and responder (`initiatorOctets`, `responderPackets` and so on).
pub const ROLES: u8 = 3;
/// Rank of counts behind the device (`postOctetDeltaCount`, `postPacketDeltaCount`).
const OUT: u8 = 2;

impl Reading {
    /// True for OUT counters.
    pub fn is_out(&self) -> bool {
        matches!(self.meaning, Meaning::Octets | Meaning::Packets) && self.rank == OUT
    }
}

/// What the field is read as; none for fields that fill no column.
pub fn reading(specifier: &Specifier) -> Option<Reading> {
    let (element, reverse) = match specifier.enterprise {
        0 => (specifier.element, false),
        ENTERPRISE => return of_sensor(specifier.element),
        REVERSE => (specifier.element, true),
        _ => return None,
    };
    // What a responder sent.
    let reverse = reverse || matches!(element, 232 | 299);
    let place = BY_ELEMENT.binary_search_by_key(&element, |(element, _)| *element).ok()?;
    let (_, (meaning, rank)) = BY_ELEMENT[place];
    Some(Reading { meaning, rank, reverse })
}

/// What an element of the sensor's own says.
fn of_sensor(element: u16) -> Option<Reading> {
    let own = [
        (ipfix::TRAFFIC_PATH, Column::TrafficPath),
        (ipfix::VIA_IPV4_ADDRESS, Column::ViaV4),
        (ipfix::VIA_IPV6_ADDRESS, Column::ViaV6),
    ];
    let (_, column) = own.into_iter().find(|(own, _)| own.id == ipfix::own(element))?;
    Some(Reading { meaning: Meaning::Column(column), rank: 0, reverse: false })
}

/// What each element says that is read, and its rank, in order of their numbers: whoever sends ever new templates has each of
/// their fields looked up.
static BY_ELEMENT: LazyLock<Vec<(u16, (Meaning, u8))>> = LazyLock::new(|| {
    let listed = Column::ALL.iter().flat_map(|column| column.elements());
    let columns = listed.filter_map(|&element| Some((element, of_column(element)?)));
    let others = (0..512).filter_map(|element| Some((element, of_no_column(element)?)));
    let mut all: Vec<_> = columns.chain(others).collect();
    all.sort_unstable_by_key(|(element, _)| *element);
    all
});

/// Elements that name something, and those that number it.
const NAMES: &[(&[u16], &[u16])] = &[
    // Interfaces, by name or description.
    (&[82, 83], &[10, 14]),
    // Applications.
    (&[96], &[95]),
    // VRFs.
    (&[236], &[234, 235]),
];

/// True where some name stands beside the number of what it names.
pub fn tells_names(specifiers: &[Specifier]) -> bool {
    let has = |elements: &[u16]| {
        specifiers
            .iter()
            .any(|specifier| specifier.enterprise == 0 && elements.contains(&specifier.element))
    };
    NAMES.iter().any(|(names, numbers)| has(names) && has(numbers))
}

/// What an element of the table of columns says, and its rank there.
fn of_column(element: u16) -> Option<(Meaning, u8)> {
    let mut ranks = Column::ALL.iter().flat_map(|column| {
        let ranks = column.elements_by_rank().iter().enumerate();
        ranks.map(move |(rank, elements)| (*column, rank as u8, *elements))
    });
    let (column, rank, _) = ranks.find(|(.., elements)| elements.contains(&element))?;
    Some((in_column(column, element), rank))
}

/// How an element is read that fills `column`.
fn in_column(column: Column, element: u16) -> Meaning {
    match (column, element) {
        // What decoding asks for, or changes.
        (Column::SourcePort, _) => Meaning::SourcePort,
        (Column::DestinationPort, _) => Meaning::DestinationPort,
        (Column::IcmpTypeCode, 176 | 178) => Meaning::IcmpType,
        (Column::IcmpTypeCode, 177 | 179) => Meaning::IcmpCode,
        (Column::IcmpTypeCode, _) => Meaning::IcmpTypeCode,
        (Column::Protocol, _) => Meaning::Protocol,
        (Column::Tos, 195) => Meaning::Dscp,
        (Column::Tos, 196) => Meaning::Precedence,
        (Column::Tos, _) => Meaning::Tos,
        (Column::TcpFlags, _) => Meaning::TcpFlags,
        (Column::Interface, _) => Meaning::Input,
        (Column::OutputInterface, _) => Meaning::Output,
        (Column::Direction, _) => Meaning::Direction,
        (Column::Vlan, _) => Meaning::SourceVlan,
        (Column::DestinationVlan, _) => Meaning::DestinationVlan,
        (Column::Octets, _) => Meaning::Octets,
        (Column::Packets, _) => Meaning::Packets,
        (Column::Start, _) => Meaning::Start(clock(element)),
        (Column::End, _) => Meaning::End(clock(element)),
        (Column::Application, _) => Meaning::Application,
        (Column::Initiator, _) => Meaning::Initiator,
        (Column::Action, 89) => Meaning::ForwardingStatus,
        (Column::Action, _) => Meaning::FirewallEvent,
        (column, _) => Meaning::Column(column),
    }
}

/// How an element tells a time.
fn clock(element: u16) -> Clock {
    match element {
        150 | 151 | 322 => Clock::Seconds,
        154..=157 | 324 | 325 => Clock::Ntp,
        21 | 22 => Clock::Uptime,
        158 | 159 => Clock::Before,
        _ => Clock::Milliseconds,
    }
}

/// What other elements say, all of them below 512: addresses, and what is read record by record.
fn of_no_column(element: u16) -> Option<(Meaning, u8)> {
    use Meaning as M;
    Some(match element {
        8 => (M::SourceV4, 0),
        12 => (M::DestinationV4, 0),
        27 => (M::SourceV6, 0),
        28 => (M::DestinationV6, 0),
        161 => (M::DurationMilliseconds, 0),
        162 => (M::DurationMicroseconds, 0),
        305 => (M::PacketInterval, 0),
        306 => (M::PacketSpace, 0),
        48 => (M::Sampler, 0),
        302 => (M::Sampler, 1),
        148 => (M::Connection, 0),
        60 => (M::IpVersion, 0),
        315 => (M::Frame, 0),
        104 => (M::Frame, 1),
        313 => (M::Packet, 0),
        312 => (M::FrameSize, 0),
        160 => (M::SystemInit, 0),
        // Numbers of the sender, which are exchanged for those of the batch.
        137 => (M::Column(Column::CommonProperties), 0),
        138 => (M::Column(Column::ObservationPoint), 0),
        130 => (M::DeviceV4, 0),
        131 => (M::DeviceV6, 0),
        _ => return None,
    })
}

/// The column that says the same of the other end, or of the other way.
fn opposite(column: Column) -> Option<Column> {
    const PAIRS: [(Column, Column); 6] = [
        (Column::SourceMac, Column::DestinationMac),
        (Column::SourceAs, Column::DestinationAs),
        (Column::InputVrf, Column::OutputVrf),
        (Column::NatSourceV4, Column::NatDestinationV4),
        (Column::NatSourceV6, Column::NatDestinationV6),
        (Column::NatSourcePort, Column::NatDestinationPort),
    ];
    PAIRS.into_iter().find_map(|pair| match pair {
        (one, other) | (other, one) if one == column => Some(other),
        _ => None,
    })
}

impl Meaning {
    /// The column that it fills.
    pub fn column(self) -> Option<Column> {
        Some(match self {
            Self::Column(column) => column,
            Self::SourcePort => Column::SourcePort,
            Self::DestinationPort => Column::DestinationPort,
            Self::IcmpTypeCode | Self::IcmpType | Self::IcmpCode => Column::IcmpTypeCode,
            Self::Protocol => Column::Protocol,
            Self::Tos | Self::Dscp | Self::Precedence => Column::Tos,
            Self::TcpFlags => Column::TcpFlags,
            Self::Input => Column::Interface,
            Self::Output => Column::OutputInterface,
            Self::Direction => Column::Direction,
            Self::SourceVlan => Column::Vlan,
            Self::DestinationVlan => Column::DestinationVlan,
            Self::Octets => Column::Octets,
            Self::Packets => Column::Packets,
            Self::Start(_) => Column::Start,
            Self::End(_) => Column::End,
            Self::Application => Column::Application,
            Self::ForwardingStatus | Self::FirewallEvent => Column::Action,
            Self::Initiator | Self::TurnedInitiator => Column::Initiator,
            Self::SourceV4
            | Self::DestinationV4
            | Self::SourceV6
            | Self::DestinationV6
            | Self::DurationMilliseconds
            | Self::DurationMicroseconds
            | Self::PacketInterval
            | Self::PacketSpace
            | Self::Sampler
            | Self::Connection
            | Self::IpVersion
            | Self::Frame
            | Self::Packet
            | Self::FrameSize
            | Self::SystemInit
            | Self::DeviceV4
            | Self::DeviceV6 => return None,
        })
    }

    /// The same for whatever may not be told twice in a record.
    pub fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Start(_), Self::Start(_))
            | (Self::End(_), Self::End(_))
            | (
                Self::Tos | Self::Dscp | Self::Precedence,
                Self::Tos | Self::Dscp | Self::Precedence,
            ) => true,
            _ => self == other,
        }
    }

    /// What it says of the flow in the other direction.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::SourceV4 => Self::DestinationV4,
            Self::DestinationV4 => Self::SourceV4,
            Self::SourceV6 => Self::DestinationV6,
            Self::DestinationV6 => Self::SourceV6,
            Self::SourcePort => Self::DestinationPort,
            Self::DestinationPort => Self::SourcePort,
            Self::Input => Self::Output,
            Self::Output => Self::Input,
            Self::SourceVlan => Self::DestinationVlan,
            Self::DestinationVlan => Self::SourceVlan,
            Self::Initiator => Self::TurnedInitiator,
            Self::Column(column) => Self::Column(opposite(column).unwrap_or(column)),
            other => other,
        }
    }

    /// True for what describes the packets of one direction only.
    pub(super) fn is_one_way(self) -> bool {
        match self {
            Self::Octets | Self::Packets | Self::TcpFlags | Self::Direction => true,
            // Of a column nobody thought of it is safe to say so: the other direction lacks it.
            Self::Column(column) => {
                let holds_both_ways = matches!(column, Column::SampleRate | Column::EndReason);
                !holds_both_ways && opposite(column).is_none()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_element_fills_two_columns_or_says_anything_else() {
        let mut seen = BTreeSet::new();
        for column in Column::ALL {
            for &element in column.elements() {
                assert!(seen.insert(element), "{column:?}: {element}");
                assert_eq!(of_no_column(element), None, "{column:?}: {element}");
                let specifier = Specifier { element, length: 4, enterprise: 0 };
                let found = reading(&specifier).map(|reading| (reading.meaning, reading.rank));
                assert_eq!(found, of_column(element), "{column:?}: {element}");
            }
        }
    }
}
