//! From typed queries to tests of columns: what each field of flows is made of.
//!
//! The meaning is that of the reference evaluator; a property test holds the two together.

use sensor_common::packet::Fragment;

use super::{
    presence::{Numbers, Presence, Scale, number, numbers, present},
    test::{By, Column, Shape, Test},
};
use crate::{
    flow::{
        fields::{Field, Value, direction_name},
        profile::Side,
        protocol as protocols,
        router::{Action, AddressColumn},
    },
    nql::{
        dag::{Dag, Literal},
        lists::ListForm,
        literal, reference,
        sets::IntegerSet,
        typed::{Comparison, Predicate, Subject, Typed},
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
            (Subject::Field(Field { read: None, .. }), _) => Literal::FALSE,
            (Subject::Field(field), _) => lower_field(dag, field.name, predicate, query),
            (Subject::PortLabel(protocol), _) => port_label(dag, protocol, predicate),
            (Subject::Label(..), None) => Literal::FALSE,
        },
        Typed::Compare(left, _, right) if is_absent(left) || is_absent(right) => Literal::FALSE,
        Typed::Compare(Subject::Field(left), comparison, Subject::Field(right)) => {
            dag.test(match (left.name, comparison, right.name) {
                ("srcport", _, "dstport") => Test::Ports(*comparison),
                ("dstport", _, "srcport") => Test::Ports(comparison.swapped()),
                ("srcip", Comparison::Equal, "dstip") | ("dstip", Comparison::Equal, "srcip") => {
                    Test::SameAddress
                }
                _ => Test::Row(Box::new(query.clone())),
            })
        }
        Typed::Compare(..) => dag.test(Test::Row(Box::new(query.clone()))),
    }
}

fn is_absent(subject: &Subject) -> bool {
    match subject {
        Subject::Field(field) => field.read.is_none() && field.attribute.is_none(),
        Subject::Label(..) | Subject::PortLabel(_) => false,
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
        (_, Predicate::Addresses(set)) if let Some(column) = address_column(name) => {
            dag.test(Test::ToldAddress(column, set.clone()))
        }
        ("ipversion" | "flowtype", _) => {
            dag.test(Test::Batch(Shape::Query(Box::new(whole.clone()))))
        }
        (_, Predicate::Bool(expected)) => match tcp_flag(name) {
            Some(flag) => {
                let set = dag.test(Test::Flags(flag));
                // No flag is set where none is known.
                let presence = if *expected { Presence::Tcp } else { Presence::TcpFlags };
                let present = present(dag, presence);
                dag.and([present, if *expected { set } else { !set }])
            }
            None if name == "folded" => {
                let folded = number(dag, Column::Folded, &IntegerSet::range(1, u64::MAX));
                if *expected { folded } else { !folded }
            }
            None => row_test(dag, name, whole),
        },
        (_, Predicate::Integers(set)) => match numbers(name) {
            [] => row_test(dag, name, whole),
            readings => any(dag, readings, |dag, reading| {
                number(dag, reading.column, &reading.scale.apply(set))
            }),
        },
        (_, Predicate::Listed(list, form)) => match numbers(name) {
            [] => row_test(dag, name, whole),
            readings if readings.iter().any(|reading| !matches!(reading.scale, Scale::One)) => {
                row_test(dag, name, whole)
            }
            readings => any(dag, readings, |dag, reading| {
                dag.test(Test::ListedNumber(reading.column, list.clone(), *form))
            }),
        },
        (_, Predicate::Texts(_) | Predicate::Matches(_)) => match texts(name, predicate) {
            Some((column, set)) => {
                let test = number(dag, column, &set);
                let filled = present(dag, Presence::Filled(column));
                dag.and([filled, test])
            }
            None => row_test(dag, name, whole),
        },
        (_, Predicate::Float(..) | Predicate::Addresses(_)) => row_test(dag, name, whole),
    }
}

/// A test that the reference evaluator makes: once per number and exporter where it depends on nothing else.
fn row_test(dag: &mut Dag, name: &str, whole: &Typed) -> Literal {
    let by = match name {
        "flowsrcname" | "flowsrcip" | "site" => By::Exporter,
        "inputname" | "inputalias" => By::Input,
        "outputname" | "outputalias" => By::Output,
        "interface" => By::Interface,
        "application" => By::Application,
        "inputvrf" => By::InputVrf,
        "outputvrf" => By::OutputVrf,
        "tags" => By::Tags,
        _ => return dag.test(Test::Row(Box::new(whole.clone()))),
    };
    dag.test(Test::Told(by, Box::new(whole.clone())))
}

/// A test of the labels of either port.
fn port_label(dag: &mut Dag, protocol: &str, predicate: &Predicate) -> Literal {
    let Some(protocol) = literal::protocol_number(protocol) else { return Literal::FALSE };
    let is_protocol = number(dag, Column::Protocol, &IntegerSet::of([protocol.into()]));
    let sides = [Column::SourcePort, Column::DestinationPort]
        .map(|column| dag.test(Test::PortLabel(column, protocol, predicate.clone())));
    let either = dag.or(sides);
    dag.and([is_protocol, either])
}

/// One of some readings of a field, each where it applies.
fn any(
    dag: &mut Dag,
    readings: &[Numbers],
    mut test: impl FnMut(&mut Dag, &Numbers) -> Literal,
) -> Literal {
    let readings: Vec<_> = readings
        .iter()
        .map(|reading| {
            let test = test(dag, reading);
            let present = present(dag, reading.presence);
            dag.and([present, test])
        })
        .collect();
    dag.or(readings)
}

/// The column of addresses that routers tell.
fn address_column(name: &str) -> Option<AddressColumn> {
    Some(match name {
        "nexthop" => AddressColumn::NextHop,
        "natsrcip" => AddressColumn::NatSource,
        "natdstip" => AddressColumn::NatDestination,
        _ => return None,
    })
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
        "direction" => (Column::Direction, |number| Value::text(direction_name(number))),
        "fragment" => (Column::Fragment, |number| {
            Value::Text(match number {
                f if f == Fragment::First as u8 => "first",
                f if f == Fragment::Later as u8 => "later",
                _ => "none",
            })
        }),
        "action" => {
            (Column::Action, |number| Value::text(Action::from_number(number).map(Action::name)))
        }
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
