//! A data set of flows: which of its records become which rows of which batch.

use std::sync::Arc;

use sensor_common::packet::Headers;
use sensor_core::flow::{batch::FlowBatch, columns::Column, initiator::Initiator, protocol};

use super::{
    append::{self, MessageScope, append},
    counts,
    events::{tell_created, tell_roles, tells_of_flow},
    rows::Rows,
    sample::{self, Carrier},
    walk::walk,
};
use crate::{
    batches::{Open, Pair},
    device::{connections::Connections, templates::KnownTemplate, totals::Totals},
    ledger::{Ledger, Skipped},
    octets,
    template::{
        compile::{Family, Plan, Sample},
        fills::{Fills, Place, Span},
    },
};

/// Memory that outlives a set, so that decoding one asks for none.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Look into tunnels: the flow of a sampled tunnel packet is that of the packet within.
    pub inner_headers: bool,
    records: Vec<u32>,
    kept: Vec<u32>,
    v4: Selection,
    v6: Selection,
    lists: Listed,
    /// The template of the last set.
    last: Option<Arc<KnownTemplate>>,
}

impl Scratch {
    /// Memory for a decoder that looks into tunnels, or not.
    pub fn new(inner_headers: bool) -> Self {
        Self { inner_headers, ..Self::default() }
    }

    /// A hold on `known`, for as long as a set is decoded by it. Mostly it is the template of the last set, and no count of
    /// holds has to change for it.
    pub fn template(&mut self, known: &Arc<KnownTemplate>) -> Arc<KnownTemplate> {
        let last = self.last.take_if(|last| Arc::ptr_eq(last, known));
        last.unwrap_or_else(|| known.clone())
    }

    /// Keeps the template that [`Scratch::template`] gave for the next set.
    pub fn keep(&mut self, known: Arc<KnownTemplate>) {
        self.last = Some(known);
    }
}

/// What a device has told before, and what its records repeat.
pub struct Memory<'a> {
    /// Of a firewall.
    pub connections: Option<&'a mut Connections>,
    /// Of flows that live.
    pub totals: &'a mut Totals,
    /// Observation domain of the records.
    pub domain: u32,
}

/// Records of one address family, and the headers in their frames.
#[derive(Debug, Default)]
struct Selection {
    anchors: Vec<u32>,
    headers: Vec<Headers>,
}

/// Decodes the data set `set` (without its header), whose records are as `plan` says, into rows of `batches`. Every octet
/// of it is entered in `ledger`. `memory` is what the device has told before. Returns the number of data records.
pub fn flows(
    plan: &Plan,
    set: &[u8],
    context: &MessageScope<'_>,
    mut memory: Option<&mut Memory<'_>>,
    scratch: &mut Scratch,
    batches: &mut Pair,
    ledger: &mut Ledger,
) -> usize {
    let Scratch { inner_headers: inner, records, kept, v4, v6, lists, .. } = scratch;
    let (mut rows, mut end) = records_of(plan, set, records);
    leave_padding(set, &mut rows, &mut end);
    rest(plan, &set[end..], ledger);
    let count = rows.len();
    if count == 0 {
        return 0;
    }
    ledger.data_records += count as u64;
    let width = plan.runs.len() + 1;
    let listed = |anchors| Rows::listed(set, anchors, width);

    if let Some(event) = plan.single.event {
        kept.clear();
        let mut skipped = 0;
        for row in 0..count {
            let connections =
                memory.as_deref_mut().and_then(|memory| memory.connections.as_deref_mut());
            if tells_of_flow(plan, &rows, row, rows.number(event, row), connections) {
                rows.list(row, kept);
            } else {
                let (start, end) = rows.bounds(row);
                skipped += end - start;
            }
        }
        ledger.skip(Skipped::Event, skipped);
        if skipped != 0 {
            rows = listed(&*kept);
        }
    }
    match (plan.family, plan.sample) {
        (Family::None, None) => ledger.skip(Skipped::NoFlow, rows.octets()),
        (Family::None, Some(sampled)) => {
            read_samples(&rows, &sampled, *inner, v4, v6, ledger);
            let both = [(&*v4, &mut batches.v4), (&*v6, &mut batches.v6)];
            for (selection, batch) in both {
                let rows = listed(&selection.anchors);
                append_samples(plan, &rows, selection, context, batch, ledger);
            }
        }
        (Family::V4, _) => {
            both_ways(plan, &rows, context, memory, lists, &mut batches.v4, ledger);
        }
        (Family::V6, _) => {
            both_ways(plan, &rows, context, memory, lists, &mut batches.v6, ledger);
        }
        (Family::Either, _) => {
            v4.anchors.clear();
            v6.anchors.clear();
            for row in 0..rows.len() {
                let family = if is_v4(plan, &rows, row) { &mut *v4 } else { &mut *v6 };
                rows.list(row, &mut family.anchors);
            }
            let (v4, v6) = (listed(&v4.anchors), listed(&v6.anchors));
            let one = memory.as_deref_mut();
            both_ways(plan, &v4, context, one, lists, &mut batches.v4, ledger);
            both_ways(plan, &v6, context, memory, lists, &mut batches.v6, ledger);
        }
    }
    count
}

/// The records of `set`, and where the last of them ends. `anchors` is memory for them.
pub fn records_of<'a>(plan: &Plan, set: &'a [u8], anchors: &'a mut Vec<u32>) -> (Rows<'a>, usize) {
    if let Some(stride) = plan.stride() {
        let rows = Rows::every(set, stride);
        return (rows, rows.octets());
    }
    anchors.clear();
    let end = walk(plan, set, anchors);
    (Rows::listed(set, anchors, plan.runs.len() + 1), end)
}

/// Leaves out of `rows`, the last of which ends at `end`, the zeros that fill up a set, which may be as many as records have
/// octets. A record of zeros alone tells of nothing.
#[inline]
pub fn leave_padding(set: &[u8], rows: &mut Rows<'_>, end: &mut usize) {
    let is_zero = |(start, end): (usize, usize)| octets::are_zero(&set[start..end]);
    let mut kept = rows.len();
    while kept != 0 && is_zero(rows.bounds(kept - 1)) {
        kept -= 1;
    }
    // Mostly the last record tells of something.
    if kept != rows.len() && is_zero((*end, set.len())) {
        *end = rows.bounds(kept).0;
        *rows = rows.first(kept);
    }
}

/// Enters what follows the last whole record of a set: padding, unless it is longer and not zero.
pub fn rest(plan: &Plan, rest: &[u8], ledger: &mut Ledger) {
    if rest.len() < plan.minimum || octets::are_zero(rest) {
        ledger.padding += rest.len() as u64;
    } else {
        ledger.skip(Skipped::RecordTruncated, rest.len());
    }
}

/// The family of a record that has addresses of both: that of the IP version, or that which is not all zeros; if neither
/// is, the first in the record, which is that of the outer packet.
fn is_v4(plan: &Plan, rows: &Rows<'_>, row: usize) -> bool {
    let single = &plan.single;
    match single.ip_version.map(|place| rows.number(place, row)) {
        Some(4) => return true,
        Some(6) => return false,
        _ => {}
    }
    let is_told = |places: [Option<Place>; 2]| {
        places
            .into_iter()
            .flatten()
            .any(|place| rows.field(Span::Fixed(place), row).iter().any(|octet| *octet != 0))
    };
    let v4 = is_told([single.source_v4, single.destination_v4]);
    let v6 = is_told([single.source_v6, single.destination_v6]);
    if v4 == v6 { single.v4_first } else { v4 }
}

/// Memory for lists of records.
#[derive(Debug, Default)]
struct Listed {
    /// Those that tell of packets of the other direction.
    reverse: Vec<u32>,
    /// Those of protocols without ports, and of others.
    by_ports: [Vec<u32>; 2],
}

/// Appends `rows`, and a second row for each record that counts packets of the other direction.
fn both_ways(
    plan: &Plan,
    rows: &Rows<'_>,
    context: &MessageScope<'_>,
    mut memory: Option<&mut Memory<'_>>,
    Listed { reverse, by_ports }: &mut Listed,
    open: &mut Open,
    ledger: &mut Ledger,
) {
    if rows.is_empty() {
        return;
    }
    each_part(plan, &plan.fills, rows, by_ports, |rows, untold| {
        let batch = batch_for(open, untold, plan, context);
        let base = batch.len();
        append(batch, plan, &plan.fills, rows, context, ledger);
        tell_roles(batch, base, plan, Initiator::Source);
        tell_created(batch, base, plan, rows, Initiator::Source);
        counts::take_out(batch, base, plan, rows, ledger);
        if let Some(memory) = memory.as_deref_mut().filter(|_| plan.totals.any()) {
            counts::subtract(batch, base, plan, rows, plan.totals, memory, ledger);
        }
    });
    ledger.flows += rows.octets() as u64;
    let Some(fills) = &plan.reverse_fills else { return };
    reverse.clear();
    for row in 0..rows.len() {
        let count = |place: Option<_>| place.map_or(0, |place| rows.number(place, row));
        if count(plan.single.reverse_octets) | count(plan.single.reverse_packets) != 0 {
            rows.list(row, reverse);
        }
    }
    let rows = Rows::listed(rows.set(), reverse, plan.runs.len() + 1);
    if rows.is_empty() {
        return;
    }
    each_part(plan, fills, &rows, by_ports, |rows, untold| {
        let batch = batch_for(open, untold, plan, context);
        let base = batch.len();
        append(batch, plan, fills, rows, context, ledger);
        tell_roles(batch, base, plan, Initiator::Destination);
        tell_created(batch, base, plan, rows, Initiator::Destination);
        if let Some(memory) = memory.as_deref_mut().filter(|_| plan.reverse_totals.any()) {
            counts::subtract(batch, base, plan, rows, plan.reverse_totals, memory, ledger);
        }
    });
}

/// The open batch for rows that do not tell the columns `untold`, and refer to the tables of `context` if to any.
#[inline(always)]
fn batch_for<'a>(
    open: &'a mut Open,
    untold: u128,
    plan: &Plan,
    context: &MessageScope<'_>,
) -> &'a mut FlowBatch {
    if plan.refers && !context.shared.1.are_of(open.of(untold)) {
        open.close_last();
    }
    open.of(untold)
}

/// Does `work` with the records of which the same columns are told, and those that are not: with all of them, where the template
/// has ports. Those that it has not are 0 where the protocol has none.
#[inline(always)]
fn each_part(
    plan: &Plan,
    fills: &Fills,
    rows: &Rows<'_>,
    by_ports: &mut [Vec<u32>; 2],
    mut work: impl FnMut(&Rows<'_>, u128),
) {
    let place = plan.single.protocol.filter(|_| fills.untold & Column::PORTS != 0);
    let Some(place) = place else { return work(rows, fills.untold) };
    by_ports.iter_mut().for_each(Vec::clear);
    for row in 0..rows.len() {
        let number = rows.number(place, row);
        let has_ports = u8::try_from(number).is_ok_and(protocol::has_ports);
        rows.list(row, &mut by_ports[usize::from(has_ports)]);
    }
    for (listed, told) in by_ports.iter().zip([Column::PORTS, 0]) {
        let rows = Rows::listed(rows.set(), listed, plan.runs.len() + 1);
        if !rows.is_empty() {
            work(&rows, fills.untold & !told);
        }
    }
}

/// Parses the frames of all records, and sorts the records by address family.
fn read_samples(
    rows: &Rows<'_>,
    sampled: &Sample,
    inner: bool,
    v4: &mut Selection,
    v6: &mut Selection,
    ledger: &mut Ledger,
) {
    for selection in [&mut *v4, &mut *v6] {
        selection.anchors.clear();
        selection.headers.clear();
    }
    let carrier = if sampled.frame { Carrier::Frame } else { Carrier::Packet };
    for row in 0..rows.len() {
        let length = sampled.size.map(|place| rows.number(place, row) as u32);
        let (start, end) = rows.bounds(row);
        let mut headers = Headers::EMPTY;
        match sample::parse(rows.field(sampled.span, row), carrier, length, inner, &mut headers) {
            Ok(_) => {
                let selection = if headers.v6 { &mut *v6 } else { &mut *v4 };
                rows.list(row, &mut selection.anchors);
                selection.headers.push(headers);
                ledger.flows += (end - start) as u64;
            }
            Err(reason) => ledger.skip(reason, end - start),
        }
    }
}

fn append_samples(
    plan: &Plan,
    rows: &Rows<'_>,
    selection: &Selection,
    context: &MessageScope<'_>,
    open: &mut Open,
    ledger: &mut Ledger,
) {
    if rows.is_empty() {
        return;
    }
    let batch = batch_for(open, plan.fills.untold, plan, context);
    append::append_with(batch, plan, &plan.fills, rows, context, ledger, |batch, base| {
        sample::extend(batch, base, &selection.headers, true);
    });
}
