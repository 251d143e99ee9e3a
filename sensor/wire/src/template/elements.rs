//! Which information element fills which column of a batch.
//!
//! Numbers below 128 are also NetFlow 9 field types (RFC 3954 section 8); from there on exporters of NetFlow 9 use IANA's
//! IPFIX numbers, Cisco's firewalls some of their own besides. Several elements may fill one column: the one of the lowest
//! rank does.

use super::Specifier;

/// Private enterprise number of reverse elements (RFC 5103).
pub const REVERSE: u32 = 29305;

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
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
    /// Octets of frames.
    Layer2Octets,
    /// First packet.
    Start(Clock),
    /// Last packet.
    End(Clock),
    /// Milliseconds from first to last packet.
    DurationMilliseconds,
    /// Microseconds from first to last packet.
    DurationMicroseconds,
    /// Lowest time to live.
    TtlMin,
    /// Highest time to live.
    TtlMax,
    /// Source MAC address.
    SourceMac,
    /// Destination MAC address.
    DestinationMac,
    /// Why the record ended.
    EndReason,
    /// IPv4 next hop.
    NextHopV4,
    /// IPv6 next hop.
    NextHopV6,
    /// AS of the source.
    SourceAs,
    /// AS of the destination.
    DestinationAs,
    /// One of how many packets.
    SampleRate,
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
    /// VRF on the way in.
    InputVrf,
    /// VRF on the way out.
    OutputVrf,
    /// `forwardingStatus` (RFC 7270).
    ForwardingStatus,
    /// `firewallEvent`.
    FirewallEvent,
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
    /// IPv4 source address after translation (RFC 8158).
    NatSourceV4,
    /// IPv4 destination address after translation.
    NatDestinationV4,
    /// IPv6 source address after translation.
    NatSourceV6,
    /// IPv6 destination address after translation.
    NatDestinationV6,
    /// Source port after translation.
    NatSourcePort,
    /// Destination port after translation.
    NatDestinationPort,
    /// IPv4 address of the exporter that a mediator has the flow from.
    ExporterV4,
    /// IPv6 address of the exporter that a mediator has the flow from.
    ExporterV6,
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
        REVERSE => (specifier.element, true),
        _ => return None,
    };
    let (meaning, rank, responder) = match element {
        232 => (Meaning::Octets, 3, true),
        299 => (Meaning::Packets, 3, true),
        _ => {
            let (meaning, rank) = meaning(element)?;
            (meaning, rank, false)
        }
    };
    Some(Reading { meaning, rank, reverse: reverse || responder })
}

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

#[rustfmt::skip]
fn meaning(element: u16) -> Option<(Meaning, u8)> {
    use Meaning as M;
    Some(match element {
        8 => (M::SourceV4, 0),
        12 => (M::DestinationV4, 0),
        27 => (M::SourceV6, 0),
        28 => (M::DestinationV6, 0),
        7 => (M::SourcePort, 0),
        180 | 182 => (M::SourcePort, 1),
        11 => (M::DestinationPort, 0),
        181 | 183 => (M::DestinationPort, 1),
        32 | 139 => (M::IcmpTypeCode, 0),
        176 | 178 => (M::IcmpType, 0),
        177 | 179 => (M::IcmpCode, 0),
        4 => (M::Protocol, 0),
        5 => (M::Tos, 0),
        195 => (M::Dscp, 1),
        196 => (M::Precedence, 2),
        6 => (M::TcpFlags, 0),
        10 => (M::Input, 0),
        252 => (M::Input, 1),
        14 => (M::Output, 0),
        253 => (M::Output, 1),
        61 => (M::Direction, 0),
        58 => (M::SourceVlan, 0),
        243 => (M::SourceVlan, 1),
        59 => (M::DestinationVlan, 0),
        254 => (M::DestinationVlan, 1),
        1 => (M::Octets, 0),
        85 => (M::Octets, TOTAL),
        23 => (M::Octets, OUT),
        231 => (M::Octets, 3),
        2 => (M::Packets, 0),
        86 => (M::Packets, TOTAL),
        24 => (M::Packets, OUT),
        298 => (M::Packets, 3),
        352 => (M::Layer2Octets, 0),
        353 => (M::Layer2Octets, 1),
        152 => (M::Start(Clock::Milliseconds), 0),
        153 => (M::End(Clock::Milliseconds), 0),
        154 | 156 => (M::Start(Clock::Ntp), 1),
        155 | 157 => (M::End(Clock::Ntp), 1),
        150 => (M::Start(Clock::Seconds), 2),
        151 => (M::End(Clock::Seconds), 2),
        22 => (M::Start(Clock::Uptime), 3),
        21 => (M::End(Clock::Uptime), 3),
        158 => (M::Start(Clock::Before), 4),
        159 => (M::End(Clock::Before), 4),
        323 => (M::End(Clock::Milliseconds), 5),
        324 | 325 => (M::End(Clock::Ntp), 6),
        322 => (M::End(Clock::Seconds), 7),
        161 => (M::DurationMilliseconds, 0),
        162 => (M::DurationMicroseconds, 0),
        52 => (M::TtlMin, 0),
        53 => (M::TtlMax, 0),
        56 => (M::SourceMac, 0),
        81 => (M::SourceMac, 1),
        80 => (M::DestinationMac, 0),
        57 => (M::DestinationMac, 1),
        136 => (M::EndReason, 0),
        15 => (M::NextHopV4, 0),
        18 => (M::NextHopV4, 1),
        62 => (M::NextHopV6, 0),
        63 => (M::NextHopV6, 1),
        16 => (M::SourceAs, 0),
        129 => (M::SourceAs, 1),
        17 => (M::DestinationAs, 0),
        128 => (M::DestinationAs, 1),
        34 => (M::SampleRate, 0),
        50 => (M::SampleRate, 1),
        305 => (M::PacketInterval, 0),
        306 => (M::PacketSpace, 0),
        48 => (M::Sampler, 0),
        302 => (M::Sampler, 1),
        148 => (M::Connection, 0),
        95 => (M::Application, 0),
        234 => (M::InputVrf, 0),
        235 => (M::OutputVrf, 0),
        89 => (M::ForwardingStatus, 0),
        233 => (M::FirewallEvent, 0),
        // Cisco ASA in NetFlow 9, before the element had a number at IANA.
        40_005 => (M::FirewallEvent, 1),
        60 => (M::IpVersion, 0),
        315 => (M::Frame, 0),
        104 => (M::Frame, 1),
        313 => (M::Packet, 0),
        312 => (M::FrameSize, 0),
        160 => (M::SystemInit, 0),
        130 => (M::ExporterV4, 0),
        131 => (M::ExporterV6, 0),
        225 => (M::NatSourceV4, 0),
        226 => (M::NatDestinationV4, 0),
        227 => (M::NatSourcePort, 0),
        228 => (M::NatDestinationPort, 0),
        281 => (M::NatSourceV6, 0),
        282 => (M::NatDestinationV6, 0),
        // Cisco ASA 8.4 and before.
        40_001 => (M::NatSourceV4, 1),
        40_002 => (M::NatDestinationV4, 1),
        40_003 => (M::NatSourcePort, 1),
        40_004 => (M::NatDestinationPort, 1),
        _ => return None,
    })
}

impl Meaning {
    /// The same for whatever may not be told twice in a record.
    pub(super) fn is_like(self, other: Self) -> bool {
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
            Self::SourceMac => Self::DestinationMac,
            Self::DestinationMac => Self::SourceMac,
            Self::SourceAs => Self::DestinationAs,
            Self::DestinationAs => Self::SourceAs,
            Self::InputVrf => Self::OutputVrf,
            Self::OutputVrf => Self::InputVrf,
            Self::NatSourceV4 => Self::NatDestinationV4,
            Self::NatDestinationV4 => Self::NatSourceV4,
            Self::NatSourceV6 => Self::NatDestinationV6,
            Self::NatDestinationV6 => Self::NatSourceV6,
            Self::NatSourcePort => Self::NatDestinationPort,
            Self::NatDestinationPort => Self::NatSourcePort,
            other => other,
        }
    }

    /// True for what describes the packets of one direction only.
    pub(super) fn is_one_way(self) -> bool {
        matches!(
            self,
            Self::Octets
                | Self::Packets
                | Self::Layer2Octets
                | Self::TcpFlags
                | Self::TtlMin
                | Self::TtlMax
                | Self::NextHopV4
                | Self::NextHopV6
                | Self::Direction
        )
    }
}
