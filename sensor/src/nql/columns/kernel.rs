//! Tests made ready for columns: each knows its column, and its set has the form in which it is fastest.

use std::net::IpAddr;

use super::{
    lower,
    mask::Mask,
    number::{self, Cost, Number, NumberTest, RowTest},
    prepared::{Memo, MemoKey, Prepared},
    test::{By, Column},
};
use crate::{
    flow::{
        batch::{Addresses, FlowBatch},
        fields::Row,
        interfaces::Interfaces,
        profile::Side,
        router::AddressColumn,
    },
    nql::{
        reference,
        sets::{AddressSet, IntegerSet},
        typed::{Comparison, Typed},
    },
};

/// Some rows of a batch.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) batch: &'a FlowBatch,
    pub(super) interfaces: &'a Interfaces,
    /// The first row.
    pub(super) first: usize,
    /// How many, at most [`super::CHUNK_ROWS`].
    pub(super) rows: usize,
}

impl<'a> Chunk<'a> {
    #[inline(always)]
    fn of<T>(&self, column: &'a [T]) -> &'a [T] {
        &column[self.first..self.first + self.rows]
    }

    /// All rows or none.
    #[inline(always)]
    fn rows_if(&self, all: bool) -> Mask {
        Mask::first(if all { self.rows } else { 0 })
    }

    /// The rows whose number in a column passes.
    #[inline(always)]
    fn passing<T: Number>(&self, column: &[T], test: &NumberTest<T>, out: &mut Mask) {
        match column.get(self.first..self.first + self.rows) {
            Some(column) => test.rows(column, out),
            None => *out = self.rows_if(test.holds(T::default())),
        }
    }

    pub(super) fn row(&self, row: usize) -> Row<'a> {
        Row { batch: self.batch, row: self.first + row, interfaces: self.interfaces }
    }

    /// The profile numbers of one side; `None` where no address has been looked up.
    #[inline(always)]
    fn profiles(&self, side: Side) -> Option<&'a [u32]> {
        let column = match side {
            Side::Source => &self.batch.source_profile,
            Side::Destination => &self.batch.destination_profile,
        };
        (!column.is_empty()).then(|| self.of(column))
    }
}

/// What kernels need beside the chunk.
pub(super) struct State<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) memos: &'a mut [Memo],
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
    /// A number computed from the row.
    Computed(fn(&FlowBatch, usize) -> u64, NumberTest<u64>),
    /// One of these TCP flags.
    Flags(u16),
    /// An address of either family.
    Address(Side, NumberTest<u32>, NumberTest<u128>),
    /// The profile's bit in the table with this number.
    Profile(Side, usize),
    /// The ports of both ends compare so.
    Ports(Comparison),
    /// Both ends have the same address.
    SameAddress,
    /// The address in the column, where there is one.
    ToldAddress(AddressColumn, NumberTest<u32>, NumberTest<u128>),
    /// The constant with this number, the same for all rows of a batch.
    Batch(usize),
    /// The kernel made for the batch with this number.
    Late(usize),
    /// Decided by what an exporter tells about a number; answers are kept in the memo with this number.
    Told(By, usize, Typed),
    /// Decided by the reference evaluator.
    Row(Typed),
}

impl Kernel {
    /// A test of a column of numbers.
    pub(super) fn number(column: Column, set: &IntegerSet) -> Self {
        fn narrow<T: TryFrom<u64> + Number>(set: &IntegerSet) -> NumberTest<T> {
            let end = |number: u64| T::try_from(number).ok();
            let ranges: Vec<_> = set
                .ranges()
                .iter()
                .filter_map(|&(low, high)| Some((end(low)?, end(high).unwrap_or(T::HIGHEST))))
                .collect();
            NumberTest::new(&ranges)
        }
        macro_rules! stored {
            ($width:ident, $($field:ident).+) => {
                Self::$width(|batch| &batch.$($field).+, narrow(set))
            };
        }
        match column {
            Column::Protocol => stored!(U8, protocol),
            Column::Tos => stored!(U8, tos),
            Column::TtlMin => stored!(U8, ttl_min),
            Column::TtlMax => stored!(U8, ttl_max),
            Column::Direction => stored!(U8, direction),
            Column::Fragment => stored!(U8, fragment),
            Column::Folded => stored!(U8, folded),
            Column::EndReason => stored!(U8, end_reason),
            Column::SourcePort => stored!(U16, source_port),
            Column::DestinationPort => stored!(U16, destination_port),
            Column::IcmpTypeCode => stored!(U16, icmp_type_code),
            Column::TcpFlags => stored!(U16, tcp_flags),
            Column::Vlan => stored!(U16, vlan),
            Column::Interface => stored!(U32, interface),
            Column::Octets => stored!(U64, octets),
            Column::Packets => stored!(U64, packets),
            Column::Layer2Octets => stored!(U64, layer2_octets),
            Column::Start => stored!(U64, start),
            Column::End => stored!(U64, end),
            Column::IcmpCode => {
                Self::Computed(|batch, row| (batch.icmp_type_code[row] & 0xff).into(), narrow(set))
            }
            Column::Duration => Self::Computed(
                |batch, row| batch.end[row].saturating_sub(batch.start[row]),
                narrow(set),
            ),
            Column::OctetsPerPacket => Self::Computed(
                |batch, row| batch.octets[row].checked_div(batch.packets[row]).unwrap_or(0),
                narrow(set),
            ),
            Column::SourceMac => {
                Self::Computed(|batch, row| mac(&batch.source_mac, row), narrow(set))
            }
            Column::DestinationMac => {
                Self::Computed(|batch, row| mac(&batch.destination_mac, row), narrow(set))
            }
            Column::OutputInterface => stored!(U32, router.output_interface),
            Column::DestinationVlan => stored!(U16, router.destination_vlan),
            Column::NatSourcePort => stored!(U16, router.nat_source_port),
            Column::NatDestinationPort => stored!(U16, router.nat_destination_port),
            Column::SourceAs => stored!(U32, router.source_as),
            Column::DestinationAs => stored!(U32, router.destination_as),
            Column::Version => stored!(U8, router.version),
            Column::Received => stored!(U64, router.received),
            Column::Action => stored!(U8, router.action),
            Column::SampleRate => {
                Self::Computed(|batch, row| batch.sample_rate(row).unwrap_or(0).into(), narrow(set))
            }
            Column::BitsTimesRate => Self::Computed(
                |batch, row| batch.scaled(row, batch.octets[row].saturating_mul(8)),
                narrow(set),
            ),
            Column::PacketsTimesRate => {
                Self::Computed(|batch, row| batch.scaled(row, batch.packets[row]), narrow(set))
            }
        }
    }

    /// A test of the address on one side.
    pub(super) fn address(side: Side, set: &AddressSet) -> Self {
        Self::Address(side, NumberTest::new(set.v4()), NumberTest::new(set.v6()))
    }

    /// A test of addresses that routers tell.
    pub(super) fn told_address(column: AddressColumn, set: &AddressSet) -> Self {
        Self::ToldAddress(column, NumberTest::new(set.v4()), NumberTest::new(set.v6()))
    }

    /// The kernel itself, or the one that was made for the batch.
    #[inline(always)]
    pub(super) fn resolve<'a>(&'a self, prepared: &'a Prepared) -> &'a Self {
        match self {
            Self::Late(kernel) => prepared.late[*kernel].kernel(),
            other => other,
        }
    }

    /// The rows of a chunk that pass. The kernel is a resolved one.
    #[inline(always)]
    pub(super) fn rows(&self, chunk: &Chunk<'_>, state: &mut State<'_>, out: &mut Mask) {
        match self {
            Self::U8(column, test) => chunk.passing(column(chunk.batch), test, out),
            Self::U16(column, test) => chunk.passing(column(chunk.batch), test, out),
            Self::U32(column, test) => chunk.passing(column(chunk.batch), test, out),
            Self::U64(column, test) => chunk.passing(column(chunk.batch), test, out),
            Self::Flags(flags) => {
                number::rows(chunk.of(&chunk.batch.tcp_flags), out, &AnyFlag(*flags));
            }
            Self::Address(side, v4, v6) => match (&chunk.batch.addresses, side) {
                (Addresses::V4 { source, .. }, Side::Source) => v4.rows(chunk.of(source), out),
                (Addresses::V4 { destination, .. }, Side::Destination) => {
                    v4.rows(chunk.of(destination), out);
                }
                (Addresses::V6 { source, .. }, Side::Source) => v6.rows(chunk.of(source), out),
                (Addresses::V6 { destination, .. }, Side::Destination) => {
                    v6.rows(chunk.of(destination), out);
                }
            },
            Self::Profile(side, table) => {
                let table = &state.prepared.profile_tables[*table];
                match chunk.profiles(*side) {
                    Some(numbers) => number::rows(numbers, out, table),
                    None => *out = chunk.rows_if(table.passes(0)),
                }
            }
            Self::Batch(constant) => {
                *out = chunk.rows_if(state.prepared.constants[*constant]);
            }
            Self::Computed(compute, test) => {
                *out = Mask::NONE;
                for row in 0..chunk.rows {
                    if test.holds(compute(chunk.batch, chunk.first + row)) {
                        out.insert(row);
                    }
                }
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
            Self::ToldAddress(..) | Self::Late(_) | Self::Told(..) | Self::Row(_) => {
                *out = Mask::NONE;
                for row in 0..chunk.rows {
                    if self.holds(chunk, state, row) {
                        out.insert(row);
                    }
                }
            }
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
            Self::Computed(compute, test) => test.holds(compute(batch, at)),
            Self::Flags(flags) => batch.tcp_flags[at] & flags != 0,
            Self::Address(side, v4, v6) => match (&batch.addresses, side) {
                (Addresses::V4 { source, .. }, Side::Source) => v4.holds(source[at]),
                (Addresses::V4 { destination, .. }, Side::Destination) => v4.holds(destination[at]),
                (Addresses::V6 { source, .. }, Side::Source) => v6.holds(source[at]),
                (Addresses::V6 { destination, .. }, Side::Destination) => v6.holds(destination[at]),
            },
            Self::Profile(side, table) => state.prepared.profile_tables[*table]
                .passes(chunk.profiles(*side).map_or(0, |numbers| numbers[row])),
            Self::Batch(constant) => state.prepared.constants[*constant],
            Self::Ports(comparison) => {
                comparison.holds_of(batch.source_port[at], batch.destination_port[at])
            }
            Self::SameAddress => match &batch.addresses {
                Addresses::V4 { source, destination } => source[at] == destination[at],
                Addresses::V6 { source, destination } => source[at] == destination[at],
            },
            // Resolved before; see `resolve`.
            Self::Late(_) => false,
            Self::ToldAddress(column, v4, v6) => match batch.router.address(*column, at) {
                Some(IpAddr::V4(address)) => v4.holds(address.into()),
                Some(IpAddr::V6(address)) => v6.holds(address.into()),
                None => false,
            },
            Self::Told(by, memo, query) => {
                let row = chunk.row(row);
                state.memos[*memo].get(by.key(&row), || reference::matches(query, &row))
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
            Self::Computed(_, test) => {
                let alone = test.cost().alone;
                Cost { in_block: alone, alone: alone + 1.0 }
            }
            Self::Ports(_) | Self::SameAddress => Cost { in_block: 0.6, alone: 3.0 },
            Self::Flags(_) => Cost { in_block: 0.035, alone: 2.5 },
            Self::Address(_, v4, v6) => match v4 {
                NumberTest::Never => v6.cost(),
                _ => v4.cost(),
            },
            Self::Profile(..) => Cost { in_block: 0.5, alone: 3.0 },
            Self::Batch(_) => Cost { in_block: 0.0, alone: 1.0 },
            Self::Late(_) => Cost { in_block: 3.0, alone: 5.0 },
            Self::ToldAddress(..) | Self::Told(..) => Cost { in_block: 3.0, alone: 4.0 },
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

fn mac(column: &[[u8; 6]], row: usize) -> u64 {
    lower::mac_number(number_in(column, row))
}

impl By {
    /// The exporter's place and the number, of a row.
    #[inline(always)]
    fn key(self, row: &Row<'_>) -> MemoKey {
        // What no interface and no VRF has.
        const NONE: u128 = u128::MAX;
        let (batch, at) = (row.batch, row.row);
        let router = &batch.router;
        let interface = |index: Option<u32>| index.map_or(NONE, u128::from);
        let number = match self {
            Self::Exporter => 0,
            Self::Input => interface(row.input_index()),
            Self::Output => interface(row.output_index()),
            Self::Interface if batch.is_egress(at) => interface(row.output_index()),
            Self::Interface => interface(row.input_index()),
            Self::Application => number_in(&router.application, at),
            Self::InputVrf => interface(router.input_vrf.get(at).copied()),
            Self::OutputVrf => interface(router.output_vrf.get(at).copied()),
            Self::Tags => number_in(&batch.tags, at).into(),
        };
        (router.exporter.get(at).copied().unwrap_or(u32::MAX), number)
    }
}
