//! All fields of many records into the columns of a batch, and what follows from them: times, ICMP, sampling.

use std::sync::Arc;

use sensor_common::packet::ip::protocol;
use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    device::Device,
};

use super::{
    fill::{Times, begin_with, fill},
    rows::Rows,
    values::application_in,
};
use crate::{
    device::{
        relayed::Relayed,
        sampling::Rates,
        shared::{self, Shared, Tables},
    },
    ledger::Ledger,
    template::{compile::Plan, fills::Fills},
};

/// What is the same for all records of a message.
#[derive(Clone, Copy)]
pub struct MessageScope<'a> {
    /// Version of the protocol.
    pub version: u8,
    /// When the message was received, milliseconds since the epoch.
    pub received: u64,
    /// The clock of its sender minus ours, milliseconds; 0 where that does not matter.
    pub skew: i64,
    /// What its times count from.
    pub times: Times,
    /// When the device booted, as its options tell.
    pub boot: Option<u64>,
    /// Who sent it.
    pub device: &'a Arc<Device>,
    /// Devices whose flows it passes on.
    pub relayed: &'a Relayed,
    /// How its packets were sampled.
    pub rates: Rates<'a>,
    /// What numbers in its records stand for, as far as it has told, and the tables that rows refer to.
    pub shared: (Option<&'a Shared>, &'a Tables),
}

/// Appends `rows`, which `fills` (those of `plan`, or its reverse ones) read, to `batch`.
pub fn append(
    batch: &mut FlowBatch,
    plan: &Plan,
    fills: &Fills,
    rows: &Rows<'_>,
    context: &MessageScope<'_>,
    ledger: &mut Ledger,
) {
    append_with(batch, plan, fills, rows, context, ledger, |_, _| {});
}

/// As [`append`]; `more` fills further columns, given how many rows there were before.
pub fn append_with(
    batch: &mut FlowBatch,
    plan: &Plan,
    fills: &Fills,
    rows: &Rows<'_>,
    context: &MessageScope<'_>,
    ledger: &mut Ledger,
    more: impl FnOnce(&mut FlowBatch, usize),
) {
    let base = batch.len();
    fill(fills, rows, &context.times, base, batch);
    if let Some(application) = plan.single.application {
        let column = &mut batch.application;
        begin_with(column, base, 0);
        column.extend((0..rows.len()).map(|row| application_in(rows, application, row)));
    }
    more(batch, base);
    if plan.refers {
        shared::exchange(batch, base, context.shared.0, context.shared.1);
    }
    if plan.single.device_v4.or(plan.single.device_v6).is_some() {
        ledger.rows_without_device += relayed(batch, base, plan, rows, context);
    }
    finish(batch, base, base + rows.len(), context);
    times(batch, base, plan, fills, rows, context, ledger);
    rates(batch, base, plan, rows, &context.rates);
    icmp(batch, base, plan);
    count(batch, base, ledger);
}

/// Counts the rows from `base` on.
pub fn count(batch: &FlowBatch, base: usize, ledger: &mut Ledger) {
    let rates = &batch.sample_rate[base..];
    ledger.flow_rows += rates.len() as u64;
    ledger.rows_without_rate += rates.iter().filter(|rate| **rate == 0).count() as u64;
}

/// Fills the columns that all rows have, up to `end`. The others may be shorter until the batch is looked at.
pub fn finish(batch: &mut FlowBatch, base: usize, end: usize, context: &MessageScope<'_>) {
    match &mut batch.addresses {
        Addresses::V4 { source, destination } => {
            grow(source, end, 0);
            grow(destination, end, 0);
        }
        Addresses::V6 { source, destination } => {
            grow(source, end, 0);
            grow(destination, end, 0);
        }
    }
    grow(&mut batch.packets, end, 0);
    if batch.octets.len() <= base && batch.layer2_octets.len() == end {
        batch.octets.resize(base, 0);
        batch.octets.extend_from_slice(&batch.layer2_octets[base..]);
    }
    let place = place(batch, context.device, context.skew);
    grow(&mut batch.device, end, place);
    grow(&mut batch.version, end, context.version);
    grow(&mut batch.received, end, context.received);
}

/// Notes the devices that a mediator names in its records. Returns how many rows name one for which there was no room.
fn relayed(
    batch: &mut FlowBatch,
    base: usize,
    plan: &Plan,
    rows: &Rows<'_>,
    context: &MessageScope<'_>,
) -> u64 {
    let places = [plan.single.device_v4, plan.single.device_v6];
    let own = context.device.address();
    let mut without = 0;
    for row in 0..rows.len() {
        let told = rows.address(places, row);
        let told = told.filter(|address| Some(*address) != own);
        let known = told.and_then(|address| context.relayed.get(address));
        without += u64::from(told.is_some() && known.is_none());
        // The clock of the device that passes it on says nothing of theirs.
        let (device, skew) = known.map_or((context.device, context.skew), |known| (known, 0));
        let place = place(batch, device, skew);
        grow(&mut batch.device, base + row + 1, place);
    }
    without
}

/// The device's place in the list of a batch. A datagram's rows come together, so that the last few places are the ones
/// to look at; a device may have several places.
#[inline]
pub(super) fn place(batch: &mut FlowBatch, device: &Arc<Device>, skew: i64) -> u32 {
    if let ([.., known], [.., known_skew]) = (&batch.devices[..], &batch.skews[..])
        && Arc::ptr_eq(known, device)
        && *known_skew == skew
    {
        return batch.devices.len() as u32 - 1;
    }
    place_before(batch, device, skew)
}

/// As [`place`], where it is not the last one.
fn place_before(batch: &mut FlowBatch, device: &Arc<Device>, skew: i64) -> u32 {
    let recent = batch.devices.iter().zip(&batch.skews).enumerate().rev().take(4);
    let known = recent
        .into_iter()
        .find(|(_, (known, known_skew))| Arc::ptr_eq(known, device) && **known_skew == skew);
    let place = known.map(|(place, _)| place).unwrap_or_else(|| {
        batch.devices.push(device.clone());
        batch.skews.push(skew);
        batch.devices.len() - 1
    });
    place as u32
}

/// A flow is exported within so many milliseconds of its last packet: the longest active time-out in use. If it would not
/// be, the time at which its device booted is that of before another boot.
const PLAUSIBLE: u64 = 1_800_000;

/// Replaces the uptimes in start and end of the rows from `base` on. Their messages do not tell the device's own, as in
/// IPFIX: so they count since the boot that the record or options tell, or else are relative to each other.
fn uptimes(
    batch: &mut FlowBatch,
    base: usize,
    plan: &Plan,
    fills: &Fills,
    rows: &Rows<'_>,
    context: &MessageScope<'_>,
    ledger: &mut Ledger,
) {
    let end = base + rows.len();
    grow(&mut batch.start, end, 0);
    grow(&mut batch.end, end, 0);
    let export = context.times.export;
    let times = batch.start[base..].iter_mut().zip(&mut batch.end[base..]);
    for (row, (start, end)) in times.enumerate() {
        let reference = if fills.last_is_uptime { *end } else { *start } as u32;
        let boot = plan.single.system_init.map(|place| rows.number(place, row));
        let told = boot
            .filter(|boot| *boot != 0)
            .or(context.boot)
            .map(|boot| Times { export, uptime: Some(export.wrapping_sub(boot) as u32) });
        let plausible = |times: &Times| times.at_uptime(reference).abs_diff(export) <= PLAUSIBLE;
        let times = told.filter(plausible);
        ledger.rows_with_implausible_uptime += u64::from(told.is_some() && times.is_none());
        let times = times.unwrap_or(Times { export, uptime: Some(reference) });
        if fills.first_is_uptime {
            *start = times.at_uptime(*start as u32);
        }
        *end = times.at_uptime(reference);
    }
}

/// Completes start and end of the rows from `base` on.
#[inline]
fn times(
    batch: &mut FlowBatch,
    base: usize,
    plan: &Plan,
    fills: &Fills,
    rows: &Rows<'_>,
    context: &MessageScope<'_>,
    ledger: &mut Ledger,
) {
    let end = base + rows.len();
    let lacks_uptime = context.times.uptime.is_none();
    if lacks_uptime & (fills.first_is_uptime | fills.last_is_uptime) {
        uptimes(batch, base, plan, fills, rows, context, ledger);
    }
    // Mostly both times are told.
    if batch.start.len() != end || batch.end.len() != end {
        tell_times(batch, base, plan, rows, context.times.export);
    }
    for (start, end) in batch.start[base..].iter_mut().zip(&mut batch.end[base..]) {
        if *start == 0 || *end == 0 {
            complete(start, end, context.times.export);
        }
    }
}

/// A time of 0 is none.
#[cold]
fn complete(start: &mut u64, end: &mut u64, export: u64) {
    if *end == 0 {
        *end = if *start == 0 { export } else { *start };
    }
    if *start == 0 {
        *start = *end;
    }
}

/// Finds what the records leave out of start and end.
fn tell_times(batch: &mut FlowBatch, base: usize, plan: &Plan, rows: &Rows<'_>, export: u64) {
    let end = base + rows.len();
    let (has_start, has_end) = (batch.start.len() > base, batch.end.len() > base);
    grow(&mut batch.start, end, 0);
    grow(&mut batch.end, end, if has_start { 0 } else { export });
    if let (Some((place, unit)), false) = (plan.single.duration, has_start && has_end) {
        for row in 0..rows.len() {
            let duration = rows.number(place, row) / unit;
            if has_start {
                batch.end[base + row] = batch.start[base + row].saturating_add(duration);
            } else {
                batch.start[base + row] = batch.end[base + row].saturating_sub(duration);
            }
        }
    }
}

/// NetFlow puts type and code of ICMP where the destination port stands; the port stays as it was exported. Records that
/// tell of ICMP and of no protocol are about ICMP, except for those that have other ports as well and no type.
#[inline]
fn icmp(batch: &mut FlowBatch, base: usize, plan: &Plan) {
    if plan.implies_icmp {
        imply_icmp(batch, base, plan);
    }
    let protocols = batch.protocol.get(base..).unwrap_or_default();
    // All are looked at, which takes less time than to stop at the first.
    let any = protocols.iter().fold(false, |any, number| any | is_icmp(*number));
    if any || batch.icmp_type_code.len() > base {
        tell_types(batch, base);
    }
}

fn is_icmp(number: u8) -> bool {
    matches!(number, protocol::ICMP | protocol::ICMPV6)
}

fn imply_icmp(batch: &mut FlowBatch, base: usize, plan: &Plan) {
    let implied = if batch.ip_version() == 4 { protocol::ICMP } else { protocol::ICMPV6 };
    begin_with(&mut batch.protocol, base, 0);
    let types = batch.icmp_type_code.get(base..).unwrap_or_default();
    let of_type = |type_code: &u16| {
        if *type_code != 0 || !plan.has_ports { implied } else { 0 }
    };
    batch.protocol.extend(types.iter().map(of_type));
}

/// Gives the rows from `base` on type and code, where they are about ICMP.
fn tell_types(batch: &mut FlowBatch, base: usize) {
    let types = &mut batch.icmp_type_code;
    let end = batch.packets.len();
    grow(types, end, 0);
    grow(&mut batch.destination_port, end, 0);
    grow(&mut batch.protocol, end, 0);
    let rows = batch.protocol[base..].iter().zip(&batch.destination_port[base..]);
    for ((number, port), type_code) in rows.zip(&mut types[base..]) {
        *type_code = match (is_icmp(*number), *type_code) {
            (true, 0) => *port,
            (true, told) => told,
            (false, _) => 0,
        };
    }
}

/// Fills the sampling rate of the rows from `base` on.
fn rates(batch: &mut FlowBatch, base: usize, plan: &Plan, rows: &Rows<'_>, rates: &Rates<'_>) {
    let end = base + rows.len();
    let column = &mut batch.sample_rate;
    if let Some(rate) = rates.configured {
        column.truncate(base);
        grow(column, end, rate);
        return;
    }
    let by_interface = plan.has_input && rates.has_interfaces();
    if column.len() <= base && !plan.tells_sampling && !by_interface {
        grow(column, base, 0);
        return grow(column, end, rates.of_all().unwrap_or(0));
    }
    let told = column.len() > base;
    grow(column, end, 0);
    if let (Some((interval, space)), false) = (plan.single.systematic, told) {
        for row in 0..rows.len() {
            column[base + row] =
                systematic(rows.number(interval, row), rows.number(space, row)).unwrap_or(0);
        }
    }
    if let Some(sampler) = plan.single.sampler {
        let mut memo = (0, None);
        for row in 0..rows.len() {
            let id = rows.number(sampler, row);
            if column[base + row] == 0 && id != 0 {
                if memo.0 != id {
                    memo = (id, rates.of_sampler(id));
                }
                column[base + row] = memo.1.unwrap_or(0);
            }
        }
    }
    if by_interface {
        let inputs = batch.interface.get(base..).unwrap_or_default();
        for (rate, input) in column[base..].iter_mut().zip(inputs) {
            if *rate == 0 {
                *rate = rates.of_interface(*input).unwrap_or(0);
            }
        }
    }
    if let Some(all) = rates.of_all() {
        for rate in &mut column[base..] {
            if *rate == 0 {
                *rate = all;
            }
        }
    }
}

/// One of how many packets is counted when `interval` are taken and then `space` passed over (RFC 5477).
pub fn systematic(interval: u64, space: u64) -> Option<u32> {
    let rate = interval.saturating_add(space).checked_div(interval)?;
    Some(u32::try_from(rate).unwrap_or(u32::MAX))
}

/// Makes `column` as long as `end` with `value`; mostly it lacks one row, or none.
#[inline]
pub(super) fn grow<T: Copy>(column: &mut Vec<T>, end: usize, value: T) {
    match end.saturating_sub(column.len()) {
        0 => {}
        1 => column.push(value),
        _ => column.resize(end, value),
    }
}
