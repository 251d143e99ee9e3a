//! Fields that are whole numbers: tests of the columns behind them, and of whether a row has a value.

use std::borrow::Cow;

use sensor_common::{key::Direction, packet::ip::protocol};

use super::test::{Shape, Test};
use crate::{
    flow::{
        batch::TCP_FLAGS_UNTOLD,
        columns::Column,
        fields::{Presence, Quantity, Scale},
    },
    nql::{
        dag::{Dag, Literal},
        sets::IntegerSet,
    },
};

/// A test of a number; what it cannot be does not count.
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

/// The test of a presence.
pub(super) fn present(dag: &mut Dag, presence: Presence) -> Literal {
    let one_of = |dag: &mut Dag, of, numbers: &[u64]| {
        column(dag, of, &IntegerSet::of(numbers.iter().copied()))
    };
    let filled = |dag: &mut Dag, column| dag.test(Test::Batch(Shape::Filled(column)));
    let not_zero = |dag: &mut Dag, of| number(dag, of, &IntegerSet::range(1, u64::MAX));
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
        Presence::Packets => not_zero(dag, Quantity::Column(Column::Packets)),
        Presence::Filled(column) if column.may_lack() => filled(dag, column),
        Presence::Filled(_) => Literal::TRUE,
        Presence::NotZero(quantity) => not_zero(dag, quantity),
        Presence::Known(column) => {
            let filled = present(dag, Presence::Filled(column));
            let host = dag.test(Test::Batch(Shape::Host));
            let not_zero = not_zero(dag, Quantity::Column(column));
            let known = dag.or([host, not_zero]);
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
            let tagged = not_zero(dag, Quantity::Column(Column::Vlan));
            dag.and([applies, tagged])
        }
        Presence::OutputVlan => {
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
