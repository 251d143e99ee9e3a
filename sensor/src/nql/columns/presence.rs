//! Fields that are whole numbers: the columns that hold them, and when a row has a value.

use std::borrow::Cow;

use sensor_common::{key::Direction, packet::ip::protocol};

use super::test::{Column, Shape, Test};
use crate::{
    flow::batch::TCP_FLAGS_UNTOLD,
    nql::{
        dag::{Dag, Literal},
        sets::IntegerSet,
    },
};

/// A test of a column; what it cannot hold does not count.
pub(super) fn number(dag: &mut Dag, column: Column, set: &IntegerSet) -> Literal {
    let highest = set.ranges().last().map_or(0, |&(_, high)| high);
    let held = if highest <= column.maximum() {
        set.clone()
    } else {
        set.intersection(&IntegerSet::range(0, column.maximum()))
    };
    dag.test(Test::Number(column, held))
}

/// When a field has a value.
#[derive(Clone, Copy)]
pub(super) enum Presence {
    Always,
    Tcp,
    /// Of TCP, where the flags are known.
    TcpFlags,
    Icmp,
    Packets,
    /// Where the column has rows.
    Filled(Column),
    /// Where the column says something else than 0.
    Told(Column),
    /// As `Filled` of the host's flows, as `Told` of routers'.
    Known(Column),
    /// The flows are the host's.
    Host,
    /// The flows are a router's.
    Router,
    /// The ingress interface is the one in the column of interfaces.
    Input,
    /// The egress interface is.
    Output,
    /// The VLAN on the way in is the one in the column of VLANs.
    InputVlan,
    /// The VLAN on the way out is.
    OutputVlan,
}

/// The test of a presence.
pub(super) fn present(dag: &mut Dag, presence: Presence) -> Literal {
    let one_of = |dag: &mut Dag, column, numbers: &[u64]| {
        number(dag, column, &IntegerSet::of(numbers.iter().copied()))
    };
    let filled = |dag: &mut Dag, column| dag.test(Test::Batch(Shape::Filled(column)));
    let told = |dag: &mut Dag, column| number(dag, column, &IntegerSet::range(1, u64::MAX));
    let egress = |dag: &mut Dag| one_of(dag, Column::Direction, &[Direction::Egress as u64]);
    match presence {
        Presence::Always => Literal::TRUE,
        Presence::Tcp => one_of(dag, Column::Protocol, &[protocol::TCP.into()]),
        Presence::TcpFlags => {
            let untold = one_of(dag, Column::TcpFlags, &[TCP_FLAGS_UNTOLD.into()]);
            let tcp = present(dag, Presence::Tcp);
            dag.and([tcp, !untold])
        }
        Presence::Icmp => {
            one_of(dag, Column::Protocol, &[protocol::ICMP.into(), protocol::ICMPV6.into()])
        }
        Presence::Packets => told(dag, Column::Packets),
        Presence::Filled(column) if column.may_lack() => filled(dag, column),
        Presence::Filled(_) => Literal::TRUE,
        Presence::Told(column) => told(dag, column),
        Presence::Known(column) => {
            let filled = present(dag, Presence::Filled(column));
            let (host, told) = (dag.test(Test::Batch(Shape::Host)), told(dag, column));
            let known = dag.or([host, told]);
            dag.and([filled, known])
        }
        Presence::Host => dag.test(Test::Batch(Shape::Host)),
        Presence::Router => !dag.test(Test::Batch(Shape::Host)),
        Presence::Input => {
            let (both, egress) = (filled(dag, Column::OutputInterface), egress(dag));
            dag.or([both, !egress])
        }
        Presence::Output => {
            let (both, egress) = (filled(dag, Column::OutputInterface), egress(dag));
            dag.and([!both, egress])
        }
        Presence::InputVlan => {
            let (both, egress) = (filled(dag, Column::DestinationVlan), egress(dag));
            let applies = dag.or([both, !egress]);
            let told = told(dag, Column::Vlan);
            dag.and([applies, told])
        }
        Presence::OutputVlan => {
            let (both, egress) = (filled(dag, Column::DestinationVlan), egress(dag));
            let told = told(dag, Column::Vlan);
            dag.and([!both, egress, told])
        }
    }
}

/// How a field's numbers follow from a column's.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    One,
    /// Eight times as much, at most the highest number.
    Bits,
    /// A thousandth, rounded down.
    Seconds,
    /// The upper octet of two.
    UpperOctet,
}

impl Scale {
    /// The numbers of the column for which the field lies in `set`.
    pub(super) fn apply(self, set: &IntegerSet) -> Cow<'_, IntegerSet> {
        Cow::Owned(match self {
            Self::One => return Cow::Borrowed(set),
            Self::Bits => set.map_ranges(|low, high| {
                (low.div_ceil(8), if high == u64::MAX { high } else { high / 8 })
            }),
            Self::Seconds => set.map_ranges(|low, high| {
                // What is too late for the column makes an empty range.
                let first = low.checked_mul(1000);
                let last = high.saturating_mul(1000).saturating_add(999);
                first.map_or((1, 0), |first| (first, last))
            }),
            Self::UpperOctet => {
                let octets = set.intersection(&IntegerSet::range(0, u8::MAX.into()));
                octets.map_ranges(|low, high| (low << 8, high << 8 | 0xff))
            }
        })
    }
}

/// Where the numbers of a field are, and when.
pub(super) struct Numbers {
    pub(super) column: Column,
    pub(super) presence: Presence,
    pub(super) scale: Scale,
}

/// The readings of a field; never do two apply to one row. None for fields that no column holds as numbers.
pub(super) fn numbers(name: &str) -> &'static [Numbers] {
    use Presence::{
        Always, Filled, Host, Icmp, Input, InputVlan, Known, Output, OutputVlan, Packets, Router,
        TcpFlags, Told,
    };
    use Scale::{Bits, One, Seconds, UpperOctet};
    macro_rules! readings {
        ($(($column:ident, $presence:expr, $scale:ident)),+) => {
            &[$(Numbers { column: Column::$column, presence: $presence, scale: $scale }),+]
        };
    }
    match name {
        "timestamp" => readings![(End, Always, Seconds)],
        "start" => readings![(Start, Always, One)],
        "end" => readings![(End, Always, One)],
        "duration" => readings![(Duration, Always, One)],
        "flowrtime" => readings![(Received, Filled(Column::Received), Seconds)],
        "srcport" => readings![(SourcePort, Always, One)],
        "dstport" => readings![(DestinationPort, Always, One)],
        "protocolint" => readings![(Protocol, Always, One)],
        "bits" => readings![(Octets, Always, Bits)],
        "bitsxrate" => readings![(Octets, Host, Bits), (BitsTimesRate, Router, One)],
        "octets" => readings![(Octets, Always, One)],
        "packets" => readings![(Packets, Always, One)],
        "packetsxrate" => readings![(Packets, Host, One), (PacketsTimesRate, Router, One)],
        "samplerate" => readings![(SampleRate, Told(Column::SampleRate), One)],
        "bytesperpacket" => readings![(OctetsPerPacket, Packets, One)],
        "layer2octets" => readings![(Layer2Octets, Filled(Column::Layer2Octets), One)],
        "tos" => readings![(Tos, Always, One)],
        "tcpflagsint" => readings![(TcpFlags, TcpFlags, One)],
        "icmptype" => readings![(IcmpTypeCode, Icmp, UpperOctet)],
        "icmpcode" => readings![(IcmpCode, Icmp, One)],
        "ttlmin" => readings![(TtlMin, Known(Column::TtlMin), One)],
        "ttlmax" => readings![(TtlMax, Known(Column::TtlMax), One)],
        "flowendreason" => readings![(EndReason, Known(Column::EndReason), One)],
        "input" => readings![(Interface, Input, One)],
        "output" => readings![
            (OutputInterface, Filled(Column::OutputInterface), One),
            (Interface, Output, One)
        ],
        "srcvlan" => readings![(Vlan, InputVlan, One)],
        "dstvlan" => readings![
            (DestinationVlan, Told(Column::DestinationVlan), One),
            (Vlan, OutputVlan, One)
        ],
        "srcmac" => readings![(SourceMac, Filled(Column::SourceMac), One)],
        "dstmac" => readings![(DestinationMac, Filled(Column::DestinationMac), One)],
        "natsrcport" => readings![(NatSourcePort, Told(Column::NatSourcePort), One)],
        "natdstport" => readings![(NatDestinationPort, Told(Column::NatDestinationPort), One)],
        "flowversion" => readings![(Version, Told(Column::Version), One)],
        "srcas.number" => readings![(SourceAs, Filled(Column::SourceAs), One)],
        "dstas.number" => readings![(DestinationAs, Filled(Column::DestinationAs), One)],
        _ => &[],
    }
}
