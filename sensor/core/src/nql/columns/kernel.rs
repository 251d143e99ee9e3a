//! Tests made ready for columns: each knows its column, and its set has the form in which it is fastest.

use std::net::IpAddr;

use super::{
    answers::Answers,
    chunk::Chunk,
    computed::ComputedRows,
    integer::{Number, RowTest},
    mask::Mask,
    memo::{Memo, MemoKey},
    number::{self, Cost, NumberTest},
    profiles::RowsByClass,
    variant::{Variant, rows_within},
};
use crate::{
    flow::{
        batch::{Addresses, FlowBatch},
        columns::Reader,
        device::AddressColumn,
        fields::{By, Computation, Quantity, Row},
        mac,
        profile::Side,
    },
    nql::{
        reference,
        sets::{AddressSet, IntegerSet},
        typed::{Comparison, Typed},
    },
};

/// What kernels need beside the chunk.
pub(super) struct State<'a> {
    pub(super) answers: &'a Answers,
    pub(super) memos: &'a mut [Memo],
    /// By side.
    pub(super) by_class: &'a mut [RowsByClass; 2],
    /// By number of the computation.
    pub(super) computed: &'a mut [ComputedRows; Computation::COUNT],
    /// Number of the chunk.
    pub(super) epoch: u64,
}

struct AnyFlag(u16);

impl RowTest<u16> for AnyFlag {
    #[inline(always)]
    fn passes(&self, flags: u16) -> bool {
        flags & self.0 != 0
    }
}

/// A stored column of a batch. One without rows reads as 0.
type Stored<T> = fn(&FlowBatch) -> &[T];

/// A test of rows.
pub(super) enum Kernel {
    U8(Stored<u8>, NumberTest<u8>),
    U16(Stored<u16>, NumberTest<u16>),
    U32(Stored<u32>, NumberTest<u32>),
    U64(Stored<u64>, NumberTest<u64>),
    /// MAC addresses as numbers of 48 bits.
    Mac(Stored<[u8; 6]>, NumberTest<u64>),
    /// A number computed from the row.
    Computed(Computation, NumberTest<u64>),
    /// One that never has more than 16 bits.
    ComputedU16(Computation, NumberTest<u16>),
    /// One of these TCP flags.
    Flags(u16),
    /// An address of either family.
    Address(Side, NumberTest<u32>, NumberTest<u128>),
    /// The profile fulfils the predicate with this number.
    Profile(Side, usize),
    /// The ports of both ends compare so.
    Ports(Comparison),
    /// Both ends have the same address.
    SameAddress,
    /// The address in the column, where there is one.
    OptionalAddress(AddressColumn, NumberTest<u32>, NumberTest<u128>),
    /// The constant with this number, the same for all rows of a batch.
    Batch(usize),
    /// The kernel made for the batch with this number.
    Late(usize),
    /// Decided by what a device tells about a number; answers are kept in the memo with this number.
    Told(By, usize, Box<Typed>),
    /// Decided by the reference evaluator.
    Row(Box<Typed>),
}

impl Kernel {
    /// A test of numbers.
    pub(super) fn number(quantity: Quantity, set: &IntegerSet) -> Self {
        fn narrow<T: TryFrom<u64> + Number>(set: &IntegerSet) -> NumberTest<T> {
            let end = |number: u64| T::try_from(number).ok();
            let ranges: Vec<_> = set
                .ranges()
                .iter()
                .filter_map(|&(low, high)| Some((end(low)?, end(high).unwrap_or(T::HIGHEST))))
                .collect();
            NumberTest::new(&ranges)
        }
        let column = match (quantity, quantity.computation()) {
            (_, Some(computation)) if quantity.maximum() <= u16::MAX.into() => {
                return Self::ComputedU16(computation, narrow(set));
            }
            (_, Some(computation)) => return Self::Computed(computation, narrow(set)),
            (Quantity::Column(column), _) => column,
            (_, None) => return Self::zero(set),
        };
        match column.reader() {
            Reader::U8(stored) => Self::U8(stored, narrow(set)),
            Reader::U16(stored) => Self::U16(stored, narrow(set)),
            Reader::U32(stored) => Self::U32(stored, narrow(set)),
            Reader::U64(stored) => Self::U64(stored, narrow(set)),
            Reader::Mac(stored) => Self::Mac(stored, narrow(set)),
            // No field is read from these as a number.
            Reader::U128(_) | Reader::Lists(_) => Self::zero(set),
        }
    }

    /// A test of what reads as 0 in all rows: that of a column without rows.
    fn zero(set: &IntegerSet) -> Self {
        let passes = set.contains(0);
        Self::U8(|_| &[], if passes { NumberTest::Equal(0) } else { NumberTest::Never })
    }

    /// A test of the address on one side.
    pub(super) fn address(side: Side, set: &AddressSet) -> Self {
        Self::Address(side, NumberTest::new(set.v4()), NumberTest::new(set.v6()))
    }

    /// A test of addresses that need not be there.
    pub(super) fn optional_address(column: AddressColumn, set: &AddressSet) -> Self {
        Self::OptionalAddress(column, NumberTest::new(set.v4()), NumberTest::new(set.v6()))
    }

    /// The rows of a chunk that pass. The kernel is a resolved one.
    #[inline(always)]
    pub(super) fn rows(
        &self,
        variant: impl Variant,
        chunk: &Chunk<'_>,
        state: &mut State<'_>,
        out: &mut Mask,
    ) {
        match self {
            Self::U8(column, test) => chunk.passing(variant, column(chunk.batch), test, out),
            Self::U16(column, test) => chunk.passing(variant, column(chunk.batch), test, out),
            Self::U32(column, test) => chunk.passing(variant, column(chunk.batch), test, out),
            Self::U64(column, test) => chunk.passing(variant, column(chunk.batch), test, out),
            Self::Mac(column, test) => {
                let column = column(chunk.batch);
                *out = Mask::NONE;
                for row in 0..chunk.rows {
                    if test.holds(mac::number(number_in(column, chunk.first + row))) {
                        out.insert(row);
                    }
                }
            }
            Self::Flags(flags) => {
                number::rows(chunk.of(&chunk.batch.tcp_flags), out, &AnyFlag(*flags));
            }
            Self::Address(side, v4, v6) => match (&chunk.batch.addresses, side) {
                (Addresses::V4 { source, .. }, Side::Source) => {
                    variant.rows(v4, chunk.of(source), out);
                }
                (Addresses::V4 { destination, .. }, Side::Destination) => {
                    variant.rows(v4, chunk.of(destination), out);
                }
                (Addresses::V6 { source, .. }, Side::Source) => {
                    variant.rows(v6, chunk.of(source), out);
                }
                (Addresses::V6 { destination, .. }, Side::Destination) => {
                    variant.rows(v6, chunk.of(destination), out);
                }
            },
            Self::Profile(side, predicate) => {
                let Answers { profile_tables, profile_classes, .. } = state.answers;
                let table = &profile_tables[*predicate];
                match chunk.profiles(*side) {
                    Some(numbers) if profile_classes.are_few() => {
                        let chunk = (state.epoch, numbers);
                        let by_class = &mut state.by_class[*side as usize];
                        by_class.rows(chunk, profile_classes, *predicate, out);
                    }
                    Some(numbers) => number::rows(numbers, out, table),
                    None => *out = chunk.rows_if(table.passes(0)),
                }
            }
            Self::Batch(constant) => {
                *out = chunk.rows_if(state.answers.constants[*constant]);
            }
            Self::Computed(computation, test) => {
                let computed = &mut state.computed[computation.number];
                variant.rows(test, computed.of(computation, chunk, state.epoch), out);
            }
            Self::ComputedU16(computation, test) => {
                let computed = &mut state.computed[computation.number];
                variant.rows(test, computed.short_of(computation, chunk, state.epoch), out);
            }
            Self::Ports(comparison) => {
                let batch = chunk.batch;
                let (source, destination) = (&batch.source_port, &batch.destination_port);
                let ports = (chunk.of(source), chunk.of(destination));
                pairs(ports, out, |source, destination| comparison.holds_of(source, destination));
            }
            Self::SameAddress => match &chunk.batch.addresses {
                Addresses::V4 { source, destination } => {
                    pairs((chunk.of(source), chunk.of(destination)), out, |one, other| {
                        one == other
                    });
                }
                Addresses::V6 { source, destination } => {
                    pairs((chunk.of(source), chunk.of(destination)), out, |one, other| {
                        one == other
                    });
                }
            },
            Self::OptionalAddress(..) | Self::Late(_) | Self::Told(..) | Self::Row(_) => {
                *out = Mask::NONE;
                for row in 0..chunk.rows {
                    if self.holds(chunk, state, row) {
                        out.insert(row);
                    }
                }
            }
        }
    }

    /// The rows within `within` that pass, where these are few. The kernel is a resolved one. What is the same for all rows,
    /// like the place of the column, is found out once.
    #[inline(always)]
    pub(super) fn rows_within(
        &self,
        chunk: &Chunk<'_>,
        state: &mut State<'_>,
        within: &Mask,
    ) -> Mask {
        let batch = chunk.batch;
        match self {
            Self::U8(column, test) => chunk.passing_within(column(batch), test, within),
            Self::U16(column, test) => chunk.passing_within(column(batch), test, within),
            Self::U32(column, test) => chunk.passing_within(column(batch), test, within),
            Self::U64(column, test) => chunk.passing_within(column(batch), test, within),
            Self::Computed(computation, test) => {
                let computed = &state.computed[computation.number];
                if computed.epoch == state.epoch {
                    return rows_within(test, &computed.numbers, within);
                }
                let of_row = computation.of_row;
                within.filter(|row| test.holds(of_row(batch, chunk.first + row)))
            }
            Self::ComputedU16(computation, test) => {
                let computed = &state.computed[computation.number];
                if computed.epoch == state.epoch {
                    return rows_within(test, &computed.short, within);
                }
                let of_row = computation.of_row;
                within.filter(|row| test.holds(of_row(batch, chunk.first + row) as u16))
            }
            Self::Flags(flags) => {
                let column = chunk.of(&batch.tcp_flags);
                within.filter(|row| column[row] & flags != 0)
            }
            Self::Address(side, v4, v6) => match (&batch.addresses, side) {
                (Addresses::V4 { source, .. }, Side::Source) => {
                    chunk.passing_within(source, v4, within)
                }
                (Addresses::V4 { destination, .. }, Side::Destination) => {
                    chunk.passing_within(destination, v4, within)
                }
                (Addresses::V6 { source, .. }, Side::Source) => {
                    chunk.passing_within(source, v6, within)
                }
                (Addresses::V6 { destination, .. }, Side::Destination) => {
                    chunk.passing_within(destination, v6, within)
                }
            },
            Self::Profile(side, predicate) => {
                let Answers { profile_tables, profile_classes, .. } = state.answers;
                match chunk.profiles(*side) {
                    Some(numbers) if profile_classes.are_used() => {
                        within.filter(|row| profile_classes.holds(numbers[row], *predicate))
                    }
                    Some(numbers) => {
                        let table = &profile_tables[*predicate];
                        within.filter(|row| table.passes(numbers[row]))
                    }
                    None => within.filter(|row| self.holds(chunk, state, row)),
                }
            }
            Self::Batch(constant) if state.answers.constants[*constant] => *within,
            Self::Batch(_) => Mask::NONE,
            _ => within.filter(|row| self.holds(chunk, state, row)),
        }
    }

    /// Whether one row of a chunk passes. The kernel is a resolved one.
    #[inline(always)]
    pub(super) fn holds(&self, chunk: &Chunk<'_>, state: &mut State<'_>, row: usize) -> bool {
        let (batch, at) = (chunk.batch, chunk.first + row);
        match self {
            Self::U8(column, test) => test.holds(number_in(column(batch), at)),
            Self::U16(column, test) => test.holds(number_in(column(batch), at)),
            Self::U32(column, test) => test.holds(number_in(column(batch), at)),
            Self::U64(column, test) => test.holds(number_in(column(batch), at)),
            Self::Mac(column, test) => test.holds(mac::number(number_in(column(batch), at))),
            Self::Computed(computation, test) => test.holds((computation.of_row)(batch, at)),
            Self::ComputedU16(computation, test) => {
                test.holds((computation.of_row)(batch, at) as u16)
            }
            Self::Flags(flags) => batch.tcp_flags[at] & flags != 0,
            Self::Address(side, v4, v6) => match (&batch.addresses, side) {
                (Addresses::V4 { source, .. }, Side::Source) => v4.holds(source[at]),
                (Addresses::V4 { destination, .. }, Side::Destination) => v4.holds(destination[at]),
                (Addresses::V6 { source, .. }, Side::Source) => v6.holds(source[at]),
                (Addresses::V6 { destination, .. }, Side::Destination) => v6.holds(destination[at]),
            },
            Self::Profile(side, predicate) => {
                let number = chunk.profiles(*side).map_or(0, |numbers| numbers[row]);
                let Answers { profile_tables, profile_classes, .. } = state.answers;
                match profile_classes.are_used() {
                    true => profile_classes.holds(number, *predicate),
                    false => profile_tables[*predicate].passes(number),
                }
            }
            Self::Batch(constant) => state.answers.constants[*constant],
            Self::Ports(comparison) => {
                comparison.holds_of(batch.source_port[at], batch.destination_port[at])
            }
            Self::SameAddress => match &batch.addresses {
                Addresses::V4 { source, destination } => source[at] == destination[at],
                Addresses::V6 { source, destination } => source[at] == destination[at],
            },
            // Resolved before; see `Prepared::resolve`.
            Self::Late(_) => false,
            Self::OptionalAddress(column, v4, v6) => match batch.address(*column, at) {
                Some(IpAddr::V4(address)) => v4.holds(address.into()),
                Some(IpAddr::V6(address)) => v6.holds(address.into()),
                None => false,
            },
            Self::Told(by, memo, query) => {
                let row = chunk.row(row);
                state.memos[*memo].get(key(*by, &row), || reference::matches(query, &row))
            }
            Self::Row(query) => reference::matches(query, &chunk.row(row)),
        }
    }

    /// What it costs.
    pub(super) fn cost(&self) -> Cost {
        match self {
            Self::U8(_, test) => test.cost(),
            Self::U16(_, test) => test.cost(),
            Self::U32(_, test) => test.cost(),
            Self::U64(_, test) => test.cost(),
            Self::Mac(_, test) => {
                let alone = test.cost().alone;
                Cost { in_block: alone, alone: alone + 1.0 }
            }
            // Computed once for all tests that ask for it.
            Self::Computed(_, test) => Cost { in_block: 1.5, alone: test.cost().alone + 1.0 },
            Self::ComputedU16(_, test) => Cost { in_block: 0.5, alone: test.cost().alone + 1.0 },
            Self::Ports(_) | Self::SameAddress => Cost { in_block: 0.6, alone: 3.0 },
            Self::Flags(_) => Cost { in_block: 0.035, alone: 2.5 },
            Self::Address(_, v4, v6) => match v4 {
                NumberTest::Never => v6.cost(),
                _ => v4.cost(),
            },
            Self::Profile(..) => Cost { in_block: 0.5, alone: 3.0 },
            Self::Batch(_) => Cost { in_block: 0.0, alone: 1.0 },
            Self::Late(_) => Cost { in_block: 3.0, alone: 5.0 },
            Self::OptionalAddress(..) | Self::Told(..) => Cost { in_block: 3.0, alone: 4.0 },
            Self::Row(_) => Cost { in_block: 50.0, alone: 50.0 },
        }
    }
}

/// The rows in which two columns stand in a relation.
#[inline(always)]
fn pairs<T: Copy>((left, right): (&[T], &[T]), out: &mut Mask, holds: impl Fn(T, T) -> bool) {
    *out = Mask::NONE;
    for (word, (left, right)) in out.0.iter_mut().zip(left.chunks(64).zip(right.chunks(64))) {
        for (bit, (left, right)) in left.iter().zip(right).enumerate() {
            *word |= u64::from(holds(*left, *right)) << bit;
        }
    }
}

/// The number in a row of a column; 0 where the column has no rows.
#[inline(always)]
fn number_in<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}

/// The device's place and the number, of a row.
#[inline(always)]
fn key(by: By, row: &Row<'_>) -> MemoKey {
    // What no interface and no VRF has.
    const NONE: u128 = u128::MAX;
    let (batch, at) = (row.batch, row.row);
    let interface = |index: Option<u32>| index.map_or(NONE, u128::from);
    let point = || u128::from(number_in(&batch.observation_point, at));
    let number = match by {
        // The interface has a name of the cloud's, which stands for one of its ways.
        By::Input | By::Output | By::Interface if batch.observed_by.is_cloud() => {
            point() << 8 | u128::from(batch.direction[at])
        }
        By::Point => point(),
        By::Properties => number_in(&batch.common_properties, at).into(),
        By::Device => 0,
        By::Input => interface(row.input_index()),
        By::Output => interface(row.output_index()),
        By::Interface if batch.is_egress(at) => interface(row.output_index()),
        By::Interface => interface(row.input_index()),
        By::Application => number_in(&batch.application, at),
        By::InputVrf => interface(batch.input_vrf.get(at).copied()),
        By::OutputVrf => interface(batch.output_vrf.get(at).copied()),
        By::Tags => number_in(&batch.tags, at).into(),
    };
    (batch.device.get(at).copied().unwrap_or(u32::MAX), number)
}
