//! Records of NetFlow 5 and 7 into the columns of a batch.
//!
//! Their form is fixed, and both versions have the same fields at the same places: so there is no plan to follow field by
//! field. One pass over the records reads all fields of each and writes a row of each column.
#![expect(unsafe_code, reason = "rows are written behind the ends of all columns at once")]

use sensor_common::packet::ip::protocol;
use sensor_core::flow::{
    batch::{Addresses, FlowBatch, TCP_FLAGS_UNTOLD},
    columns::Column,
};

use super::{
    append::{MessageScope, count, grow, place},
    fill::{Times, begin_with},
};
use crate::{batches::Open, device::sampling::Rates, ledger::Ledger};

/// The columns of [`Column::TOLD_BY_BATCH`] that the records leave out.
const UNTOLD: u128 = {
    let told = [
        Column::IcmpTypeCode,
        Column::Tos,
        Column::Octets,
        Column::Packets,
        Column::Start,
        Column::Interface,
        Column::OutputInterface,
        Column::SourceAs,
        Column::DestinationAs,
    ];
    let (mut untold, mut at) = (Column::TOLD_BY_BATCH & !Column::PORTS, 0);
    while at < told.len() {
        untold &= !told[at].bit();
        at += 1;
    }
    untold
};

/// Appends `records`, of `N` octets each, to the batch of IPv4 that is `open` for such ones, and enters them in `ledger`.
pub fn append<const N: usize>(
    open: &mut Open,
    records: &[[u8; N]],
    context: &MessageScope<'_>,
    ledger: &mut Ledger,
) {
    let batch = open.of(UNTOLD);
    let base = batch.len();
    if records.is_empty() || !fill(batch, base, records, context) {
        return;
    }
    let end = base + records.len();
    let place = place(batch, context.device, context.skew);
    grow(&mut batch.device, end, place);
    grow(&mut batch.version, end, context.version);
    grow(&mut batch.received, end, context.received);
    rates(batch, base, end, &context.rates);
    ledger.data_records += records.len() as u64;
    ledger.flows += records.as_flattened().len() as u64;
    count(batch, base, ledger);
}

/// Writes, for each of `records`, a row behind the first `base` rows of each column that is named. A column that is shorter
/// gets rows of 0 first.
macro_rules! write_rows {
    ($records:ident, $base:ident, |$record:ident| { $($let:tt)* } $($name:ident: $column:expr => $value:expr,)*) => {
        let rows = $records.len();
        // Asked of all columns at once: mostly each has room, and one branch says so.
        if false $(| lacks_room(&$column, $base, rows))* {
            $(make_room(&mut $column, $base, rows);)*
        }
        $(let $name = $column.as_mut_ptr().wrapping_add($base);)*
        for (row, $record) in $records.iter().enumerate() {
            $($let)*
            $(
                let value = $value;
                // SAFETY: the column is `$base` rows long and has memory for `rows` more, and `row` is one of these.
                unsafe { $name.add(row).write(value) };
            )*
        }
        $(
            // SAFETY: as above; the loop has written each of these rows.
            unsafe { $column.set_len($base + rows) };
        )*
    };
}

/// Whether `column` is not `base` rows long or has no memory for `rows` more.
#[inline(always)]
fn lacks_room<T>(column: &Vec<T>, base: usize, rows: usize) -> bool {
    (column.len() != base) | (column.capacity() - column.len() < rows)
}

/// Makes `column` `base` rows long, and reserves memory for `rows` more.
#[cold]
#[inline(never)]
fn make_room<T: Copy + Default>(column: &mut Vec<T>, base: usize, rows: usize) {
    column.resize(base, T::default());
    column.reserve(rows);
}

/// Fills the columns that records tell of; false where the batch has addresses of the other family.
fn fill<const N: usize>(
    batch: &mut FlowBatch,
    base: usize,
    records: &[[u8; N]],
    context: &MessageScope<'_>,
) -> bool {
    const { assert!(N >= 48, "the last field that is read ends there") };
    let Addresses::V4 { source, destination } = &mut batch.addresses else { return false };
    begin_with(&mut batch.tcp_flags, base, TCP_FLAGS_UNTOLD);
    // Its header tells the uptime, which the compiler need not ask each record for.
    let uptime = Some(context.times.uptime.unwrap_or_default());
    let times = Times { uptime, ..context.times };
    let u32_at = |record: &[u8; N], at: usize| {
        u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
    };
    // Two numbers of 16 bits that stand side by side.
    let pair_at = |record: &[u8; N], at: usize| {
        let both = u32_at(record, at);
        ((both >> 16) as u16, both as u16)
    };
    write_rows! {
        records, base, |record| {
            let (input, output) = pair_at(record, 12);
            let (source_port, port) = pair_at(record, 32);
            let (source_system, destination_system) = pair_at(record, 40);
            let (first, last) =
                (times.at_uptime(u32_at(record, 24)), times.at_uptime(u32_at(record, 28)));
            // A time of 0 is none.
            let begun = if first == 0 { times.export } else { first };
            let ended = if last == 0 { begun } else { last };
            let number = record[38];
            // The destination port of ICMP is type and code, and stays as it was exported.
            let is_icmp = matches!(number, protocol::ICMP | protocol::ICMPV6);
        }
        sources: *source => u32_at(record, 0),
        destinations: *destination => u32_at(record, 4),
        next_hops: batch.next_hop_v4 => u32_at(record, 8),
        inputs: batch.interface => input.into(),
        outputs: batch.output_interface => output.into(),
        packets: batch.packets => u32_at(record, 16).into(),
        octets: batch.octets => u32_at(record, 20).into(),
        starts: batch.start => if first == 0 { ended } else { first },
        ends: batch.end => ended,
        source_ports: batch.source_port => source_port,
        destination_ports: batch.destination_port => port,
        types: batch.icmp_type_code => if is_icmp { port } else { 0 },
        flags: batch.tcp_flags => record[37].into(),
        protocols: batch.protocol => number,
        services: batch.tos => record[39],
        source_systems: batch.source_as => source_system.into(),
        destination_systems: batch.destination_as => destination_system.into(),
    }
    true
}

/// Fills the sampling rate of the rows from `base` to `end`: as configured, else of the interface by which each came, else
/// that of all flows.
fn rates(batch: &mut FlowBatch, base: usize, end: usize, rates: &Rates<'_>) {
    let column = &mut batch.sample_rate;
    grow(column, base, 0);
    let all = rates.configured.or_else(|| rates.of_all()).unwrap_or(0);
    if rates.configured.is_some() || !rates.has_interfaces() {
        return grow(column, end, all);
    }
    let inputs = batch.interface[base..].iter();
    column.extend(inputs.map(|input| rates.of_interface(*input).unwrap_or(all)));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use sensor_core::flow::device::Device;

    use super::*;
    use crate::{
        batches::Batches,
        device::{
            relayed::Relayed,
            sampling::{Sampling, Scope},
            shared::Tables,
        },
        netflow::fixed::{V5_RECORD, V7_RECORD},
        records::decode,
        template::{Specifier, Template, compile::Plan},
    };

    /// Stands for octets that fill no column.
    const UNUSED: u16 = 210;
    /// Elements and lengths of a record of version 5; one of version 7 has four octets more.
    const FIELDS: [(u16, u16); 20] = [
        (8, 4),
        (12, 4),
        (15, 4),
        (10, 2),
        (14, 2),
        (2, 4),
        (1, 4),
        (22, 4),
        (21, 4),
        (7, 2),
        (11, 2),
        (UNUSED, 1),
        (6, 1),
        (4, 1),
        (5, 1),
        (16, 2),
        (17, 2),
        (9, 1),
        (13, 1),
        (UNUSED, 2),
    ];

    /// The decoder of templates, for records of the same form.
    fn by_template(
        batches: &mut Batches,
        records: &[u8],
        more: Option<u16>,
        context: &MessageScope<'_>,
        ledger: &mut Ledger,
    ) {
        let fields = FIELDS.into_iter().chain(more.map(|length| (UNUSED, length)));
        let specifiers = fields.map(|(element, length)| Specifier::iana(element, length));
        let plan = Plan::new(&Template { id: 256, scopes: 0, specifiers: specifiers.collect() });
        let scratch = &mut decode::Scratch::default();
        decode::flows(&plan, records, context, None, scratch, &mut batches.netflow, ledger);
    }

    /// Records whose numbers are often 0, of protocols that are often ICMP.
    fn records<const N: usize>() -> impl Strategy<Value = Vec<[u8; N]>> {
        let record = (
            proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], N),
            prop_oneof![Just(1), Just(58), any::<u8>()],
            // No record is all zeros, which the decoder of templates takes for padding.
            1..=u8::MAX,
        );
        let record = record.prop_map(|(octets, protocol, flags)| {
            let mut record: [u8; N] = octets.try_into().unwrap();
            (record[38], record[37]) = (protocol, flags);
            record
        });
        proptest::collection::vec(record, 0..70)
    }

    fn rows(batch: &FlowBatch) -> Vec<(Column, Vec<u64>)> {
        let numbers =
            |column: Column| (0..batch.len()).map(|row| column.number(batch, row)).collect();
        Column::ALL.iter().map(|column| (*column, numbers(*column))).collect()
    }

    fn check<const N: usize>(
        parts: &[Vec<[u8; N]>],
        (export, uptime): (u64, u32),
        (configured, header, by_interface): (Option<u32>, Option<u32>, bool),
    ) -> Result<(), TestCaseError> {
        let sender = Arc::new(Device::new([192, 0, 2, 1].into()));
        let mut device = Sampling::default();
        if by_interface {
            (0..300).for_each(|index| device.learn(Scope::Interface(index), index + 1, 1));
        }
        let context = MessageScope {
            version: if N == V5_RECORD { 5 } else { 7 },
            received: 1_700_000_000_000,
            skew: 0,
            times: Times { export, uptime: Some(uptime) },
            boot: None,
            device: &sender,
            relayed: &Relayed::default(),
            rates: Rates { configured, header, domain: &Sampling::default(), device: &device },
            shared: (None, &Tables::default()),
        };
        let more = (N > V5_RECORD).then_some((N - V5_RECORD) as u16);
        let (mut fixed, mut templates) = (Batches::default(), Batches::default());
        let mut ledgers = [Ledger::default(); 2];
        for records in parts {
            append(&mut fixed.netflow.v4, records, &context, &mut ledgers[0]);
            by_template(&mut templates, records.as_flattened(), more, &context, &mut ledgers[1]);
            // A row of a record that tells of nothing but packets.
            for batches in [&mut fixed, &mut templates] {
                let batch = batches.netflow.v4.of(UNTOLD);
                batch.packets.push(7);
                batch.sample_rate.resize(batch.packets.len(), 0);
            }
        }
        let (fixed, templates) = (fixed.last()[0].clone(), templates.last()[0].clone());
        prop_assert_eq!(rows(&fixed), rows(&templates));
        prop_assert_eq!(fixed.untold, templates.untold);
        prop_assert_eq!(format!("{:?}", fixed.addresses), format!("{:?}", templates.addresses));
        prop_assert_eq!(ledgers[0], ledgers[1]);
        Ok(())
    }

    proptest! {
        #[test]
        fn rows_are_those_that_a_template_of_this_form_gives(
            v5 in proptest::collection::vec(records::<V5_RECORD>(), 1..4),
            v7 in proptest::collection::vec(records::<V7_RECORD>(), 1..4),
            times in (prop_oneof![Just(0), any::<u64>(), 0..9_000_000_000_000_u64], any::<u32>()),
            rates in (proptest::option::of(0..9_u32), proptest::option::of(1..9_u32), any::<bool>()),
        ) {
            check(&v5, times, rates)?;
            check(&v7, times, rates)?;
        }
    }
}
