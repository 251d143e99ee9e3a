//! From typed queries to tests of columns: what each field of flows is made of.
//!
//! The meaning is that of the reference evaluator; a property test holds the two together.

use super::{
    presence::{column, number, present, unscaled},
    test::{Shape, Test},
};
use crate::{
    flow::{
        columns::Column,
        fields::{self, By, Condition, Field, Number, Quantity, Reading, Scale, TOLD_BY_CLOUDS},
        initiator::{Initiator, Opened, Role},
        mac,
        profile::Side,
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
            (Subject::Field(field), _) => lower_field(dag, field, predicate, query),
            (Subject::PortLabel(protocol), _) => port_label(dag, protocol, predicate),
            (Subject::Label(..), None) => Literal::FALSE,
        },
        Typed::Compare(left, _, right) if is_absent(left) || is_absent(right) => Literal::FALSE,
        Typed::Compare(Subject::Field(left), comparison, Subject::Field(right)) => {
            let columns = (left.reading.plain_column(), right.reading.plain_column());
            dag.test(match (columns, comparison, (&left.reading, &right.reading)) {
                ((Some(Column::SourcePort), Some(Column::DestinationPort)), ..) => {
                    Test::Ports(*comparison)
                }
                ((Some(Column::DestinationPort), Some(Column::SourcePort)), ..) => {
                    Test::Ports(comparison.swapped())
                }
                (_, Comparison::Equal, (Reading::Address(one), Reading::Address(other)))
                    if one != other =>
                {
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
        Subject::Field(field) => !field.is_filled(),
        Subject::Label(..) | Subject::PortLabel(_) => false,
    }
}

/// A test of a field that is read from the row.
fn lower_field(dag: &mut Dag, field: &Field, predicate: &Predicate, whole: &Typed) -> Literal {
    let row_test = || Test::Row(Box::new(whole.clone()));
    match (&field.reading, predicate) {
        (Reading::Unfilled, _) => Literal::FALSE,
        (Reading::Address(side), Predicate::Addresses(set)) => {
            dag.test(Test::Address(*side, set.clone()))
        }
        (Reading::Address(side), Predicate::Listed(list, ListForm::Addresses)) => {
            dag.test(Test::ListedAddress(*side, list.clone()))
        }
        (Reading::OptionalAddress(column), Predicate::Addresses(set)) => {
            dag.test(Test::OptionalAddress(*column, set.clone()))
        }
        (Reading::Batch(_), _) => dag.test(Test::Batch(Shape::Query(Box::new(whole.clone())))),
        // Where nobody told, no row is asked.
        (Reading::Told(by @ (By::Point | By::Properties), _), _) => {
            let column = match by {
                By::Properties => Column::CommonProperties,
                _ => Column::ObservationPoint,
            };
            let filled = dag.test(Test::Batch(Shape::Filled(column)));
            let fits = dag.test(Test::Told(*by, Box::new(whole.clone())));
            dag.and([filled, fits])
        }
        (Reading::Told(by, _), _) => dag.test(Test::Told(*by, Box::new(whole.clone()))),
        (Reading::TcpFlag(flag), Predicate::Bool(expected)) => {
            let set = dag.test(Test::Flags(*flag));
            // No flag is set where none is known.
            let condition = if *expected { Condition::Tcp } else { Condition::TcpFlags };
            let present = present(dag, condition);
            if *expected {
                return dag.and([present, set]);
            }
            if flag & TOLD_BY_CLOUDS != 0 {
                return dag.and([present, !set]);
            }
            let cloud = dag.test(Test::Batch(Shape::Cloud));
            dag.and([present, !set, !cloud])
        }
        (Reading::NotZero(of), Predicate::Bool(expected)) => {
            let not_zero = column(dag, *of, &IntegerSet::range(1, u64::MAX));
            if *expected { not_zero } else { !not_zero }
        }
        (Reading::Numbers(..), Predicate::Integers(set)) => any(dag, field, |dag, reading| {
            number(dag, reading.quantity, &unscaled(reading.scale, set))
        }),
        (Reading::Numbers(..) | Reading::Mac(_), Predicate::Listed(list, form))
            if field.reading.numbers().all(|reading| reading.scale == Scale::One) =>
        {
            any(dag, field, |dag, reading| {
                dag.test(Test::ListedNumber(reading.quantity, list.clone(), *form))
            })
        }
        (
            Reading::Coded(of, value),
            Predicate::Texts(_) | Predicate::Matches(_) | Predicate::Bool(_),
        ) => {
            let codes = (0..=u8::MAX).filter(|&code| reference::holds(predicate, value(code)));
            number(dag, *of, &IntegerSet::of(codes.map(u64::from)))
        }
        (Reading::RoleAddress(role), _) => role_address(dag, *role, predicate),
        (Reading::Mac(_), Predicate::Texts(set)) => {
            let addresses = mac_numbers(set.texts().iter().map(String::as_str));
            any(dag, field, |dag, reading| number(dag, reading.quantity, &addresses))
        }
        _ => dag.test(row_test()),
    }
}

/// A test of the address that plays a role: that of either end, where this end plays it.
fn role_address(dag: &mut Dag, role: Role, predicate: &Predicate) -> Literal {
    let ends = [Initiator::Source, Initiator::Destination].map(|by| {
        let name = match role.side(by) {
            Side::Source => "srcip",
            Side::Destination => "dstip",
        };
        let Some(field) = fields::find(name) else { return Literal::FALSE };
        let plays = number(dag, Quantity::Opened, &IntegerSet::of(Opened::numbers(by)));
        let whole = Typed::Test(Subject::Field(field), predicate.clone());
        let fits = lower_field(dag, field, predicate, &whole);
        dag.and([plays, fits])
    });
    dag.or(ends)
}

/// A test of the labels of either port.
fn port_label(dag: &mut Dag, protocol: &str, predicate: &Predicate) -> Literal {
    let Some(protocol) = literal::protocol_number(protocol) else { return Literal::FALSE };
    let is_protocol = column(dag, Column::Protocol, &IntegerSet::of([protocol.into()]));
    let sides = [Column::SourcePort, Column::DestinationPort]
        .map(|column| dag.test(Test::PortLabel(column, protocol, predicate.clone())));
    let either = dag.or(sides);
    dag.and([is_protocol, either])
}

/// One of the numbers of a field, each where it applies.
fn any(
    dag: &mut Dag,
    field: &Field,
    mut test: impl FnMut(&mut Dag, &Number) -> Literal,
) -> Literal {
    let readings: Vec<_> = field
        .reading
        .numbers()
        .map(|reading| {
            let test = test(dag, &reading);
            match (reading.condition, reading.quantity) {
                // The test itself asks for it.
                (Condition::Told(told), Quantity::Column(of))
                    if told == of && of.untellable() != 0 =>
                {
                    test
                }
                (condition, _) => {
                    let present = present(dag, condition);
                    dag.and([present, test])
                }
            }
        })
        .collect();
    dag.or(readings)
}

/// The canonical MAC addresses among some texts, as numbers.
pub(super) fn mac_numbers<'a>(texts: impl Iterator<Item = &'a str>) -> IntegerSet {
    let canonical = |text: &&str| {
        let octets = literal::mac(text)?;
        (literal::mac_text(octets) == **text).then(|| mac::number(octets))
    };
    IntegerSet::of(texts.filter_map(|text| canonical(&text)))
}
