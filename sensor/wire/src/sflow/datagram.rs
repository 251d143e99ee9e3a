//! The structure of an sFlow datagram: header, samples, records; with every octet in the ledger.

use std::net::IpAddr;

use sensor_common::key::Direction;
use sensor_core::flow::batch::DIRECTION_UNTOLD;

use super::{
    counters::Reading,
    packet::{Layer, Sample},
    rows::Packets,
};
use crate::{
    ledger::{Ledger, Skipped},
    octets::{self, Octets},
};

/// The version word.
pub const VERSION: u32 = 5;

/// Interface index of the device itself, without and with the bits for a format.
const INTERNAL: [u32; 2] = [0x3fff_ffff, 0x7fff_ffff];

/// Formats of samples (enterprise 0).
mod format {
    pub const FLOW: u32 = 1;
    pub const COUNTERS: u32 = 2;
    pub const FLOW_EXPANDED: u32 = 3;
    pub const COUNTERS_EXPANDED: u32 = 4;
    pub const DISCARDED: u32 = 5;
}

/// Formats of counter records.
mod counter_format {
    pub const GENERIC_INTERFACE: u32 = 1;
    pub const PORT_NAME: u32 = 1005;
}

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The agent's address, folded to a number, and its sub-agent: together they tell streams apart.
    pub domain: u32,
    /// Number of the datagram.
    pub sequence: u32,
    /// Milliseconds since the agent booted.
    pub uptime: u32,
    /// Samples that it says it has.
    pub samples: u32,
}

impl Header {
    /// Takes the header from the front of `octets`; none when it is cut off, or has no address.
    pub fn take(octets: &mut Octets<'_>) -> Option<Self> {
        octets.u32()?;
        let agent = match octets.u32()? {
            1 => octets.u32()?,
            2 => octets.u32()? ^ octets.u32()? ^ octets.u32()? ^ octets.u32()?,
            _ => return None,
        };
        let (sub_agent, sequence) = (octets.u32()?, octets.u32()?);
        let (uptime, samples) = (octets.u32()?, octets.u32()?);
        Some(Self { domain: agent ^ sub_agent.rotate_left(16), sequence, uptime, samples })
    }
}

/// The address of the agent that has sent the datagram `octets`; none where it tells none that can be a device's among
/// others.
pub fn agent(octets: &[u8]) -> Option<IpAddr> {
    let mut rest = Octets(octets);
    rest.u32()?;
    let address: IpAddr = match rest.u32()? {
        1 => rest.u32()?.to_be_bytes().into(),
        2 => <[u8; 16]>::try_from(rest.take(16)?).ok()?.into(),
        _ => return None,
    };
    let address = address.to_canonical();
    let proper = !address.is_unspecified() && !address.is_loopback() && !address.is_multicast();
    proper.then_some(address)
}

/// What a datagram holds besides sampled packets.
pub trait Counters {
    /// Counters of interface `index`.
    fn interface(&mut self, index: u32, reading: Reading);
    /// The name of interface `index`.
    fn name(&mut self, index: u32, name: &[u8]);
    /// A sample of source `source` has number `sequence`.
    fn sample(&mut self, source: u32, sequence: u32);
}

/// Reads the `count` samples that `rest`, what follows the header, is said to hold.
pub fn samples(
    rest: &mut Octets<'_>,
    count: u32,
    inner: bool,
    packets: &mut Packets,
    counters: &mut impl Counters,
    ledger: &mut Ledger,
) {
    for _ in 0..count {
        let all = rest.len();
        let (Some(tag), Some(length)) = (rest.u32(), rest.u32()) else {
            ledger.skip(Skipped::StructureTruncated, all);
            rest.0 = &[];
            return;
        };
        let Some(body) = rest.take(length as usize) else {
            ledger.skip(Skipped::StructureTruncated, all);
            rest.0 = &[];
            return;
        };
        ledger.headers += 8;
        ledger.data_records += 1;
        let mut body = Octets(body);
        let read = match tag {
            format::FLOW => flow(&mut body, false, inner, packets, counters, ledger),
            format::FLOW_EXPANDED => flow(&mut body, true, inner, packets, counters, ledger),
            format::DISCARDED => discarded(&mut body, inner, packets, ledger),
            format::COUNTERS | format::COUNTERS_EXPANDED => {
                let expanded = tag == format::COUNTERS_EXPANDED;
                counter_sample(&mut body, expanded, counters, ledger)
            }
            _ => {
                ledger.skip(Skipped::Format, body.len());
                continue;
            }
        };
        match read {
            Some(()) => unannounced(body, ledger),
            None => ledger.skip(Skipped::StructureTruncated, body.len()),
        }
    }
    unannounced(*rest, ledger);
    rest.0 = &[];
}

/// Enters what is left when all that was announced has been read.
fn unannounced(rest: Octets<'_>, ledger: &mut Ledger) {
    if octets::are_zero(rest.0) {
        ledger.padding += rest.len() as u64;
    } else {
        ledger.skip(Skipped::Unannounced, rest.len());
    }
}

/// Enters what has been read of the fixed part of a sample, or nothing when it is cut off.
fn fixed<'a, T>(
    body: &mut Octets<'a>,
    ledger: &mut Ledger,
    read: impl FnOnce(&mut Octets<'a>) -> Option<T>,
) -> Option<T> {
    let mut rest = *body;
    let value = read(&mut rest)?;
    ledger.headers += (body.len() - rest.len()) as u64;
    *body = rest;
    Some(value)
}

fn flow(
    body: &mut Octets<'_>,
    expanded: bool,
    inner: bool,
    packets: &mut Packets,
    counters: &mut impl Counters,
    ledger: &mut Ledger,
) -> Option<()> {
    let mut sample = Sample::default();
    let packet = &mut sample.packet;
    let (sequence, source, records) = fixed(body, ledger, |body| {
        let sequence = body.u32()?;
        let (class, source) = data_source(body, expanded)?;
        packet.rate = body.u32()?;
        let (_pool, _drops) = (body.u32()?, body.u32()?);
        let ends = [interface(body, expanded)?, interface(body, expanded)?];
        [packet.input, packet.output] = ends.map(|(_, index)| index);
        // Format 1: dropped, and the value says why.
        packet.rejected = ends[1].0 == 1;
        packet.direction = direction(class, source, packet.input, packet.output);
        Some((sequence, source, body.u32()?))
    })?;
    counters.sample(source, sequence);
    flow_records(body, records, &mut sample, inner, packets, ledger)
}

/// Class and index of what is sampled, or counted.
fn data_source(body: &mut Octets<'_>, expanded: bool) -> Option<(u32, u32)> {
    Some(if expanded {
        (body.u32()?, body.u32()?)
    } else {
        let word = body.u32()?;
        (word >> 24, word & 0xff_ffff)
    })
}

/// Whether a packet came in or went out, of a sample of an interface (class 0): a device that samples what leaves an
/// interface names that as its source, as one does that samples what arrives.
fn direction(class: u32, source: u32, input: u32, output: u32) -> u8 {
    match (class == 0 && source != 0, source == input, source == output) {
        (true, true, false) => Direction::Ingress as u8,
        (true, false, true) => Direction::Egress as u8,
        _ => DIRECTION_UNTOLD,
    }
}

/// Format and index of an interface; index 0 for what is no interface.
fn interface(body: &mut Octets<'_>, expanded: bool) -> Option<(u32, u32)> {
    let (format, index) = if expanded {
        (body.u32()?, body.u32()?)
    } else {
        let word = body.u32()?;
        (word >> 30, word & 0x3fff_ffff)
    };
    let is_interface = format == 0 && !INTERNAL.contains(&index) && index != u32::MAX;
    Some((format, if is_interface { index } else { 0 }))
}

/// Packets that the device dropped (sFlow "Dropped Packet Notification" structures): all of them, not a sample.
fn discarded(
    body: &mut Octets<'_>,
    inner: bool,
    packets: &mut Packets,
    ledger: &mut Ledger,
) -> Option<()> {
    let mut sample = Sample::default();
    let packet = &mut sample.packet;
    (packet.rate, packet.rejected) = (1, true);
    let records = fixed(body, ledger, |body| {
        body.take(16)?;
        (packet.input, packet.output) = (body.u32()?, body.u32()?);
        let _reason = body.u32()?;
        body.u32()
    })?;
    flow_records(body, records, &mut sample, inner, packets, ledger)
}

fn flow_records(
    body: &mut Octets<'_>,
    records: u32,
    sample: &mut Sample,
    inner: bool,
    packets: &mut Packets,
    ledger: &mut Ledger,
) -> Option<()> {
    let mut read = 0;
    let kept = packets.lists.len();
    let layer = Layer::of(*body, inner);
    for _ in 0..records {
        let Some((format, record)) = record(body, ledger) else {
            // What came before the break is worth a flow all the same.
            finish(sample, read, kept, packets, ledger);
            return None;
        };
        match sample.read(format, record, layer, &mut packets.lists) {
            Ok(()) => read += record.len(),
            Err(reason) => ledger.skip(reason, record.len()),
        }
    }
    finish(sample, read, kept, packets, ledger);
    Some(())
}

fn finish(
    sample: &mut Sample,
    read: usize,
    kept: usize,
    packets: &mut Packets,
    ledger: &mut Ledger,
) {
    match packets.put(sample) {
        Ok(()) => ledger.flows += read as u64,
        Err(reason) => {
            ledger.skip(reason, read);
            packets.lists.truncate(kept);
        }
    }
}

/// The next record of a sample: its format and octets.
fn record<'a>(body: &mut Octets<'a>, ledger: &mut Ledger) -> Option<(u32, &'a [u8])> {
    let mut rest = *body;
    let (format, length) = (rest.u32()?, rest.u32()?);
    // Structures are padded to four octets; some devices do not count the padding.
    let record = rest.take(length as usize)?;
    ledger.headers += 8;
    *body = rest;
    Some((format, record))
}

fn counter_sample(
    body: &mut Octets<'_>,
    expanded: bool,
    counters: &mut impl Counters,
    ledger: &mut Ledger,
) -> Option<()> {
    let (source, records) = fixed(body, ledger, |body| {
        let _sequence = body.u32()?;
        let (_class, source) = data_source(body, expanded)?;
        Some((source, body.u32()?))
    })?;
    for _ in 0..records {
        let (format, octets) = record(body, ledger)?;
        let mut rest = Octets(octets);
        match format {
            counter_format::GENERIC_INTERFACE => match Reading::take(&mut rest) {
                Some((index, reading)) => counters.interface(index, reading),
                None => {
                    ledger.skip(Skipped::StructureTruncated, octets.len());
                    continue;
                }
            },
            counter_format::PORT_NAME => {
                let name = rest.u32().and_then(|length| rest.take(length as usize));
                counters.name(source, name.unwrap_or_default());
            }
            _ => {
                ledger.skip(Skipped::Format, octets.len());
                continue;
            }
        }
        ledger.counters += octets.len() as u64;
    }
    Some(())
}
