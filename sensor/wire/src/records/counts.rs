//! Which of the counts in a record are the flow's: those of OUT beside IN, and what is new in totals.

use sensor_core::flow::batch::{Addresses, EndReason, FlowBatch};

use super::{decode::Memory, rows::Rows};
use crate::{
    device::totals::Reported,
    ledger::Ledger,
    template::{
        compile::{Plan, Totalled},
        elements::{Clock, Meaning},
        fills::Place,
    },
};

/// Takes the OUT counters in the rows from `base` on whose IN counters are 0, and counts the rows that keep IN though OUT
/// says something else.
#[inline]
pub fn take_out(
    batch: &mut FlowBatch,
    base: usize,
    plan: &Plan,
    rows: &Rows<'_>,
    ledger: &mut Ledger,
) {
    let out = [plan.single.out_octets, plan.single.out_packets];
    if out != [None; 2] {
        take(batch, base, out, rows, ledger);
    }
}

fn take(
    batch: &mut FlowBatch,
    base: usize,
    [octets, packets]: [Option<Place>; 2],
    rows: &Rows<'_>,
    ledger: &mut Ledger,
) {
    level(&mut batch.octets, base + rows.len());
    for row in 0..rows.len() {
        let out = |place: Option<Place>| place.map(|place| rows.number(place, row));
        let (out_octets, out_packets) = (out(octets), out(packets));
        let (own_octets, own_packets) =
            (&mut batch.octets[base + row], &mut batch.packets[base + row]);
        if out_octets.unwrap_or(0) | out_packets.unwrap_or(0) == 0 {
            continue;
        }
        let is_empty =
            (octets.is_none() || *own_octets == 0) && (packets.is_none() || *own_packets == 0);
        if is_empty {
            *own_octets = out_octets.unwrap_or(*own_octets);
            *own_packets = out_packets.unwrap_or(*own_packets);
        } else {
            let differs = out_octets.is_some_and(|octets| octets != *own_octets)
                || out_packets.is_some_and(|packets| packets != *own_packets);
            ledger.rows_without_out += u64::from(differs);
        }
    }
}

/// Leaves in the rows from `base` on, which count in totals, what is new since their flows were last reported. `counted`
/// says which counts are totals.
pub fn subtract(
    batch: &mut FlowBatch,
    base: usize,
    plan: &Plan,
    rows: &Rows<'_>,
    counted: Totalled,
    memory: &mut Memory<'_>,
    ledger: &mut Ledger,
) {
    level(&mut batch.octets, base + rows.len());
    // What counts from the export differs in every report.
    let started = plan.fills.fields.iter().find_map(|fill| match fill.meaning {
        Meaning::Start(Clock::Before) => None,
        Meaning::Start(_) => Some(fill.place),
        _ => None,
    });
    let last = plan.fills.fields.iter().find_map(|fill| match fill.meaning {
        Meaning::End(Clock::Before) => None,
        Meaning::End(_) => Some(fill.place),
        _ => None,
    });
    for row in 0..rows.len() {
        let at = base + row;
        let number = |place: Option<Place>| place.map_or(0, |place| rows.number(place, row));
        let addresses = match &batch.addresses {
            Addresses::V4 { source, destination } => [source[at], destination[at]].map(u128::from),
            Addresses::V6 { source, destination } => [source[at], destination[at]],
        };
        let or_0 = |column: &[u16]| column.get(at).copied().unwrap_or(0);
        let key = (
            addresses,
            [or_0(&batch.source_port), or_0(&batch.destination_port), or_0(&batch.vlan)],
            [&batch.protocol, &batch.tos].map(|column| column.get(at).copied().unwrap_or(0)),
            batch.interface.get(at).copied().unwrap_or(0),
            [number(plan.single.connection), memory.domain.into(), batch.ip_version().into()],
        );
        let reason = batch.end_reason.get(at).copied().unwrap_or(0);
        let ended = [EndReason::IdleTimeout, EndReason::EndOfFlow, EndReason::ForcedEnd]
            .iter()
            .any(|ending| *ending as u8 == reason);
        let total = |is_total: bool, count: u64| if is_total { count } else { 0 };
        let now = Reported {
            octets: total(counted.octets, batch.octets[at]),
            packets: total(counted.packets, batch.packets[at]),
            start: number(started),
            end: number(last),
        };
        let (octets, packets) = memory.totals.since(&key, now, ended, &mut ledger.totals_forgotten);
        if counted.octets {
            batch.octets[at] = octets;
        }
        if counted.packets {
            batch.packets[at] = packets;
        }
    }
}

/// Gives the rows that a column lacks 0.
fn level(column: &mut Vec<u64>, rows: usize) {
    if column.len() < rows {
        column.resize(rows, 0);
    }
}
