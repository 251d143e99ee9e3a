//! From typed queries to tests of columns: what each field of flows is made of.
//!
//! The meaning is that of the reference evaluator; a property test holds the two together.

use std::borrow::Cow;

use sensor_common::{
    key::Direction,
    packet::{Fragment, ip::protocol},
};

use super::test::{Column, Test};
use crate::{
    flow::{
        fields::{Field, Value},
        profile::Side,
        protocol as protocols,
    },
    nql::{
        dag::{Dag, Literal},
        lists::ListForm,
        literal, reference,
        sets::IntegerSet,
        typed::{Predicate, Subject, Typed},
    },
};

/// Adds a query to the graph.
pub(super) fn lower(dag: &mut Dag, query: &Typed) -> Literal {
    match query {
        Typed::Constant(value) => Literal::constant(*value),
        Typed::Not(operand) => !lower(dag, operand),
        Typed::And(operands) => {
            let operands: Vec<_> = operands.iter().map(|operand| lower(dag, operand)).collect();
            dag.and(operands)
        }
        Typed::Or(operands) => {
            let operands: Vec<_> = operands.iter().map(|operand| lower(dag, operand)).collect();
            dag.or(operands)
        }
        Typed::Test(subject, predicate) => match (subject, subject.side()) {
            (_, Some(side)) => dag.test(Test::Profile(side, subject.clone(), predicate.clone())),
            // Fields that no source fills are absent, and those of other records are no fields of flows.
            (Subject::Field(Field { read: None, .. }) | Subject::PortLabel(_), _) => Literal::FALSE,
            (Subject::Field(field), _) => lower_field(dag, field.name, predicate, query),
            (Subject::Label(..), None) => Literal::FALSE,
        },
        Typed::Compare(left, _, right) if is_absent(left) || is_absent(right) => Literal::FALSE,
        Typed::Compare(..) => dag.test(Test::Row(Box::new(query.clone()))),
    }
}

fn is_absent(subject: &Subject) -> bool {
    match subject {
        Subject::Field(field) => field.read.is_none() && field.attribute.is_none(),
        Subject::Label(..) => false,
        Subject::PortLabel(_) => true,
    }
}

/// A test of a field that is read from the row.
fn lower_field(dag: &mut Dag, name: &str, predicate: &Predicate, whole: &Typed) -> Literal {
    match (name, predicate) {
        ("srcip", Predicate::Addresses(set)) => dag.test(Test::Address(Side::Source, set.clone())),
        ("dstip", Predicate::Addresses(set)) => {
            dag.test(Test::Address(Side::Destination, set.clone()))
        }
        ("srcip", Predicate::Listed(list, ListForm::Addresses)) => {
            dag.test(Test::ListedAddress(Side::Source, list.clone()))
        }
        ("dstip", Predicate::Listed(list, ListForm::Addresses)) => {
            dag.test(Test::ListedAddress(Side::Destination, list.clone()))
        }
        ("ipversion" | "flowtype" | "samplerate", _) => {
            dag.test(Test::Batch(Box::new(whole.clone())))
        }
        ("interface" | "inputname" | "outputname" | "inputalias" | "outputalias", _) => {
            dag.test(Test::Interface(Box::new(whole.clone())))
        }
        (_, Predicate::Bool(expected)) => match tcp_flag(name) {
            Some(flag) => {
                let set = dag.test(Test::Flags(flag));
                let tcp = present(dag, Presence::Tcp);
                dag.and([tcp, if *expected { set } else { !set }])
            }
            None if name == "folded" => {
                let folded = number(dag, Column::Folded, &IntegerSet::range(1, u64::MAX));
                if *expected { folded } else { !folded }
            }
            None => dag.test(Test::Row(Box::new(whole.clone()))),
        },
        (_, Predicate::Integers(set)) => match numbers(name) {
            Some(Numbers { column, presence, scale }) => {
                let test = number(dag, column, &scale.apply(set));
                guarded(dag, presence, test)
            }
            None => dag.test(Test::Row(Box::new(whole.clone()))),
        },
        (_, Predicate::Listed(list, form)) => match numbers(name) {
            Some(Numbers { column, presence, scale: Scale::One }) => {
                let test = dag.test(Test::ListedNumber(column, list.clone(), *form));
                guarded(dag, presence, test)
            }
            _ => dag.test(Test::Row(Box::new(whole.clone()))),
        },
        (_, Predicate::Texts(_) | Predicate::Matches(_)) => match texts(name, predicate) {
            Some((column, set)) => number(dag, column, &set),
            None => dag.test(Test::Row(Box::new(whole.clone()))),
        },
        (_, Predicate::Float(..) | Predicate::Addresses(_)) => {
            dag.test(Test::Row(Box::new(whole.clone())))
        }
    }
}

fn number(dag: &mut Dag, column: Column, set: &IntegerSet) -> Literal {
    let highest = set.ranges().last().map_or(0, |&(_, high)| high);
    let held = if highest <= column.maximum() {
        set.clone()
    } else {
        set.intersection(&IntegerSet::range(0, column.maximum()))
    };
    dag.test(Test::Number(column, held))
}

fn guarded(dag: &mut Dag, presence: Presence, test: Literal) -> Literal {
    let guard = present(dag, presence);
    dag.and([guard, test])
}

/// When a field has a value.
#[derive(Clone, Copy)]
enum Presence {
    Always,
    Tcp,
    Icmp,
    Ingress,
    Egress,
    IngressVlan,
    EgressVlan,
    Packets,
}

fn present(dag: &mut Dag, presence: Presence) -> Literal {
    let one_of = |dag: &mut Dag, column, numbers: &[u64]| {
        number(dag, column, &IntegerSet::of(numbers.iter().copied()))
    };
    let some = IntegerSet::range(1, u64::MAX);
    match presence {
        Presence::Always => Literal::TRUE,
        Presence::Tcp => one_of(dag, Column::Protocol, &[protocol::TCP.into()]),
        Presence::Icmp => {
            one_of(dag, Column::Protocol, &[protocol::ICMP.into(), protocol::ICMPV6.into()])
        }
        Presence::Ingress => !present(dag, Presence::Egress),
        Presence::Egress => one_of(dag, Column::Direction, &[Direction::Egress as u64]),
        Presence::IngressVlan => {
            let ingress = one_of(dag, Column::Direction, &[Direction::Ingress as u64]);
            let tagged = number(dag, Column::Vlan, &some);
            dag.and([ingress, tagged])
        }
        Presence::EgressVlan => {
            let egress = present(dag, Presence::Egress);
            let tagged = number(dag, Column::Vlan, &some);
            dag.and([egress, tagged])
        }
        Presence::Packets => number(dag, Column::Packets, &some),
    }
}

/// How a field's numbers follow from a column's.
#[derive(Clone, Copy)]
enum Scale {
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
    fn apply(self, set: &IntegerSet) -> Cow<'_, IntegerSet> {
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

/// Where the numbers of a field are.
struct Numbers {
    column: Column,
    presence: Presence,
    scale: Scale,
}

fn numbers(name: &str) -> Option<Numbers> {
    use Presence::{Always, Egress, EgressVlan, Icmp, Ingress, IngressVlan, Packets, Tcp};
    use Scale::{Bits, One, Seconds, UpperOctet};
    let (column, presence, scale) = match name {
        "timestamp" => (Column::End, Always, Seconds),
        "start" => (Column::Start, Always, One),
        "end" => (Column::End, Always, One),
        "duration" => (Column::Duration, Always, One),
        "srcport" => (Column::SourcePort, Always, One),
        "dstport" => (Column::DestinationPort, Always, One),
        "protocolint" => (Column::Protocol, Always, One),
        "bits" | "bitsxrate" => (Column::Octets, Always, Bits),
        "octets" => (Column::Octets, Always, One),
        "packets" | "packetsxrate" => (Column::Packets, Always, One),
        "bytesperpacket" => (Column::OctetsPerPacket, Packets, One),
        "layer2octets" => (Column::Layer2Octets, Always, One),
        "tos" => (Column::Tos, Always, One),
        "tcpflagsint" => (Column::TcpFlags, Tcp, One),
        "icmptype" => (Column::IcmpTypeCode, Icmp, UpperOctet),
        "icmpcode" => (Column::IcmpCode, Icmp, One),
        "ttlmin" => (Column::TtlMin, Always, One),
        "ttlmax" => (Column::TtlMax, Always, One),
        "flowendreason" => (Column::EndReason, Always, One),
        "input" => (Column::Interface, Ingress, One),
        "output" => (Column::Interface, Egress, One),
        "srcvlan" => (Column::Vlan, IngressVlan, One),
        "dstvlan" => (Column::Vlan, EgressVlan, One),
        "srcmac" => (Column::SourceMac, Always, One),
        "dstmac" => (Column::DestinationMac, Always, One),
        _ => return None,
    };
    Some(Numbers { column, presence, scale })
}

/// The bit of a TCP flag (RFC 9293 section 3.1, RFC 3168, RFC 3540).
fn tcp_flag(name: &str) -> Option<u16> {
    Some(match name.strip_prefix("tcpflags.")? {
        "fin" => 0x1,
        "syn" => 0x2,
        "rst" => 0x4,
        "psh" => 0x8,
        "ack" => 0x10,
        "urg" => 0x20,
        "ece" => 0x40,
        "cwr" => 0x80,
        "ns" => 0x100,
        _ => return None,
    })
}

/// Fields whose texts stand for numbers: the column, and the numbers whose text fulfils `predicate`.
fn texts(name: &str, predicate: &Predicate) -> Option<(Column, IntegerSet)> {
    let (column, text): (_, fn(u8) -> Value<'static>) = match name {
        "direction" => (Column::Direction, |number| {
            let egress = number == Direction::Egress as u8;
            Value::Text(if egress { "egress" } else { "ingress" })
        }),
        "fragment" => (Column::Fragment, |number| {
            Value::Text(match number {
                f if f == Fragment::First as u8 => "first",
                f if f == Fragment::Later as u8 => "later",
                _ => "none",
            })
        }),
        "protocol" => (Column::Protocol, |number| {
            protocols::name(number).map_or(Value::NumberText(number.into()), Value::Text)
        }),
        "srcmac" => return Some((Column::SourceMac, macs(predicate)?)),
        "dstmac" => return Some((Column::DestinationMac, macs(predicate)?)),
        _ => return None,
    };
    let numbers = (0..=u8::MAX).filter(|&number| reference::holds(predicate, text(number)));
    Some((column, IntegerSet::of(numbers.map(u64::from))))
}

/// The MAC addresses of a set of texts, as numbers. A text that is not canonical equals none.
fn macs(predicate: &Predicate) -> Option<IntegerSet> {
    let Predicate::Texts(set) = predicate else { return None };
    Some(mac_numbers(set.texts().iter().map(String::as_str)))
}

/// The canonical MAC addresses among some texts, as numbers.
pub(super) fn mac_numbers<'a>(texts: impl Iterator<Item = &'a str>) -> IntegerSet {
    let canonical = |text: &&str| {
        let octets = literal::mac(text)?;
        (literal::mac_text(octets) == **text).then(|| mac_number(octets))
    };
    IntegerSet::of(texts.filter_map(|text| canonical(&text)))
}

/// A MAC address as a number.
pub(super) fn mac_number([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}
