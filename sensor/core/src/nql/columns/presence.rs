//! Fields that are whole numbers: tests of the columns behind them, and of whether a row has a value.

use std::borrow::Cow;

use sensor_common::{key::Direction, packet::ip::protocol};

use super::test::{Shape, Test};
use crate::{
    flow::{
        columns::{Absence, Column},
        fields::{Condition, Quantity, Scale},
        initiator::{Initiator, Opened},
        profile::Side,
    },
    nql::{
        dag::{Dag, Literal},
        sets::IntegerSet,
    },
};

/// A test of a number; what it cannot be does not count. It holds of no flow of a batch that does not tell the number's column
/// ([`Test`]).
pub(super) fn number(dag: &mut Dag, quantity: Quantity, set: &IntegerSet) -> Literal {
    let highest = set.ranges().last().map_or(0, |&(_, high)| high);
    let held = if highest <= quantity.maximum() {
        set.clone()
    } else {
        set.intersection(&IntegerSet::range(0, quantity.maximum()))
    };
    dag.test(Test::Number(quantity, held))
}

/// A test of a column.
pub(super) fn column(dag: &mut Dag, column: Column, set: &IntegerSet) -> Literal {
    number(dag, Quantity::Column(column), set)
}

/// The test of whether a row tells something in a column.
pub(super) fn told(dag: &mut Dag, of: Column) -> Literal {
    let filled = |dag: &mut Dag| match of.is_required() {
        true => Literal::TRUE,
        false => dag.test(Test::Batch(Shape::Filled(of))),
    };
    match of.absence() {
        Absence::Never => Literal::TRUE,
        Absence::Whole => dag.test(Test::Batch(Shape::Told(of))),
        Absence::Batch => filled(dag),
        Absence::Zero => {
            let host = dag.test(Test::Batch(Shape::Host));
            let not_zero = column(dag, of, &IntegerSet::range(1, u64::MAX));
            let (filled, known) = (filled(dag), dag.or([host, not_zero]));
            dag.and([filled, known])
        }
        Absence::Mark(0) => column(dag, of, &IntegerSet::range(1, u64::MAX)),
        Absence::Mark(mark) => !column(dag, of, &IntegerSet::of([mark])),
    }
}

/// The test of a condition.
pub(super) fn present(dag: &mut Dag, condition: Condition) -> Literal {
    let one_of = |dag: &mut Dag, of, numbers: &[u64]| {
        column(dag, of, &IntegerSet::of(numbers.iter().copied()))
    };
    let filled = |dag: &mut Dag, column| dag.test(Test::Batch(Shape::Filled(column)));
    let not_zero = |dag: &mut Dag, of| number(dag, of, &IntegerSet::range(1, u64::MAX));
    let egress = |dag: &mut Dag| one_of(dag, Column::Direction, &[Direction::Egress as u64]);
    match condition {
        Condition::Always => Literal::TRUE,
        Condition::Tcp => one_of(dag, Column::Protocol, &[protocol::TCP.into()]),
        Condition::TcpFlags => {
            let (tcp, told) = (present(dag, Condition::Tcp), told(dag, Column::TcpFlags));
            dag.and([tcp, told])
        }
        Condition::Icmp => {
            let icmp =
                one_of(dag, Column::Protocol, &[protocol::ICMP.into(), protocol::ICMPV6.into()]);
            let told = told(dag, Column::IcmpTypeCode);
            dag.and([icmp, told])
        }
        Condition::Packets => {
            let packets = not_zero(dag, Quantity::Column(Column::Packets));
            let told = told(dag, Column::Octets);
            dag.and([packets, told])
        }
        Condition::Told(column) => told(dag, column),
        Condition::NotZero(quantity) => not_zero(dag, quantity),
        Condition::PortOf(role) => {
            let opened = not_zero(dag, Quantity::Opened);
            let ends = [Initiator::Source, Initiator::Destination].map(|by| {
                let of = match role.side(by) {
                    Side::Source => Column::SourcePort,
                    Side::Destination => Column::DestinationPort,
                };
                (Opened::numbers(by), told(dag, of))
            });
            let both = dag.and(ends.iter().map(|(_, told)| *told));
            // Most batches tell both, and then no row is asked.
            let either = ends.map(|(numbers, told)| {
                let plays = number(dag, Quantity::Opened, &IntegerSet::of(numbers));
                dag.and([plays, told])
            });
            let either = dag.or(either);
            let told = dag.or([both, either]);
            dag.and([opened, told])
        }
        Condition::Host => dag.test(Test::Batch(Shape::Host)),
        Condition::Reported(column) => {
            let (host, told) = (dag.test(Test::Batch(Shape::Host)), told(dag, column));
            dag.and([!host, told])
        }
        Condition::Input => {
            let (both, egress) = (filled(dag, Column::OutputInterface), egress(dag));
            let (applies, cloud) = (dag.or([both, !egress]), dag.test(Test::Batch(Shape::Cloud)));
            let told = dag.test(Test::Batch(Shape::Told(Column::Interface)));
            dag.and([applies, !cloud, told])
        }
        Condition::Output => {
            let (both, egress) = (filled(dag, Column::OutputInterface), egress(dag));
            let cloud = dag.test(Test::Batch(Shape::Cloud));
            let told = dag.test(Test::Batch(Shape::Told(Column::Interface)));
            dag.and([!both, egress, !cloud, told])
        }
        Condition::InputVlan => {
            let (both, egress) = (filled(dag, Column::DestinationVlan), egress(dag));
            let applies = dag.or([both, !egress]);
            let tagged = not_zero(dag, Quantity::Column(Column::Vlan));
            dag.and([applies, tagged])
        }
        Condition::OutputVlan => {
            let (both, egress) = (filled(dag, Column::DestinationVlan), egress(dag));
            let tagged = not_zero(dag, Quantity::Column(Column::Vlan));
            dag.and([!both, egress, tagged])
        }
    }
}

/// The numbers of a quantity for which the field that `scale` makes of it lies in `set`.
pub(super) fn unscaled(scale: Scale, set: &IntegerSet) -> Cow<'_, IntegerSet> {
    Cow::Owned(match scale {
        Scale::One => return Cow::Borrowed(set),
        Scale::Bits => set.map_ranges(|low, high| {
            (low.div_ceil(8), if high == u64::MAX { high } else { high / 8 })
        }),
        Scale::Seconds => set.map_ranges(|low, high| {
            // What is too late for the column makes an empty range.
            let first = low.checked_mul(1000);
            let last = high.saturating_mul(1000).saturating_add(999);
            first.map_or((1, 0), |first| (first, last))
        }),
        Scale::UpperBits(low_bits) => {
            let upper = set.intersection(&IntegerSet::range(0, u64::MAX >> low_bits));
            let lowest = (1 << low_bits) - 1;
            upper.map_ranges(|low, high| (low << low_bits, high << low_bits | lowest))
        }
    })
}
