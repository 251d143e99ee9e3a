//! What the row of a flow says of a field of the record that it was made of, in the terms of the record.
//!
//! Only of fields that fill a column as they are: what follows from several fields, or from what the device told before
//! (sampling, counts since a flow began), is not a question of reading the record.

use std::net::{Ipv4Addr, Ipv6Addr};

use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    columns::{DataType, Reader},
};
use sensor_wire::{
    octets,
    template::{
        Template,
        elements::{Clock, Meaning, Reading, reading},
    },
};

use super::super::document::Message;

/// The fields of a template that fill columns as they are.
pub struct RowValues<'a> {
    message: &'a Message,
    /// Of each field of the template.
    meanings: Vec<Option<Meaning>>,
    /// Whether packets are counted behind the device as well: those count where the others are 0.
    has_out: bool,
}

impl<'a> RowValues<'a> {
    /// Of records of `template` in `message`.
    pub fn new(template: &Template, message: &'a Message) -> Self {
        let readings: Vec<Option<Reading>> = template.specifiers.iter().map(reading).collect();
        let is_chosen = |at: usize, one: &Reading| {
            let before = |other: usize, reading: &Reading| (reading.rank, other) < (one.rank, at);
            let others =
                readings.iter().enumerate().filter_map(|(at, other)| Some((at, (*other)?)));
            !others.filter(|(_, other)| other.reverse == one.reverse).any(|(other, reading)| {
                reading.meaning.is_like(one.meaning) && before(other, &reading)
            })
        };
        let as_it_is = |at: usize, one: &Reading| {
            // Ranks of other elements than the first are of other units, or count something else.
            let plain = one.rank == 0 || !matches!(one.meaning, Meaning::Octets | Meaning::Packets);
            !one.reverse && plain && is_chosen(at, one)
        };
        let meanings = readings.iter().enumerate();
        let meanings =
            meanings.map(|(at, one)| one.filter(|one| as_it_is(at, one)).map(|one| one.meaning));
        let meanings = meanings.collect();
        Self { message, meanings, has_out: readings.iter().flatten().any(Reading::is_out) }
    }

    /// What row `row` of `batch` says of field `at`, and what `octets` do, the field in its record; none where the row is not
    /// asked.
    pub fn of(
        &self,
        at: usize,
        octets: &[u8],
        batch: &FlowBatch,
        row: usize,
    ) -> Option<(String, String)> {
        let meaning = (*self.meanings.get(at)?)?;
        let v4 = |told: u32| {
            let record = <[u8; 4]>::try_from(octets).ok()?;
            Some((Ipv4Addr::from(told).to_string(), Ipv4Addr::from(record).to_string()))
        };
        let v6 = |told: u128| {
            let record = <[u8; 16]>::try_from(octets).ok()?;
            Some((Ipv6Addr::from(told).to_string(), Ipv6Addr::from(record).to_string()))
        };
        let mac = |told: [u8; 6]| {
            let record = <[u8; 6]>::try_from(octets).ok()?;
            Some((format!("{told:02x?}"), format!("{record:02x?}")))
        };
        let number = (1..=8).contains(&octets.len()).then(|| octets::number(octets));
        // Columns are as wide as the element: of a field that is wider, they have what fits.
        let masked = |told: u64, mask: u64| Some((told.to_string(), (number? & mask).to_string()));
        let narrow = |told: u32| Some((told.to_string(), number?.min(u32::MAX.into()).to_string()));
        let exact = |told: u64| masked(told, u64::MAX);
        match meaning {
            Meaning::SourceV4 | Meaning::DestinationV4 => match &batch.addresses {
                Addresses::V4 { source, destination } => {
                    let is_source = meaning == Meaning::SourceV4;
                    v4(if is_source { source[row] } else { destination[row] })
                }
                Addresses::V6 { .. } => None,
            },
            Meaning::SourceV6 | Meaning::DestinationV6 => match &batch.addresses {
                Addresses::V6 { source, destination } => {
                    let is_source = meaning == Meaning::SourceV6;
                    v6(if is_source { source[row] } else { destination[row] })
                }
                Addresses::V4 { .. } => None,
            },
            Meaning::SourcePort => masked(batch.source_port[row].into(), 0xffff),
            Meaning::DestinationPort => masked(batch.destination_port[row].into(), 0xffff),
            Meaning::Protocol => masked(batch.protocol[row].into(), 0xff),
            Meaning::Tos => masked(batch.tos[row].into(), 0xff),
            Meaning::TcpFlags => masked(batch.tcp_flags[row].into(), 0x1ff),
            Meaning::Input => narrow(batch.interface[row]),
            Meaning::Output => narrow(*batch.output_interface.get(row)?),
            Meaning::Direction if number? <= 1 => exact(batch.direction[row].into()),
            Meaning::SourceVlan => masked(batch.vlan[row].into(), 0xfff),
            Meaning::DestinationVlan => masked((*batch.destination_vlan.get(row)?).into(), 0xfff),
            Meaning::Octets | Meaning::Packets if self.has_out && number? == 0 => None,
            Meaning::Octets => exact(batch.octets[row]),
            Meaning::Packets => exact(batch.packets[row]),
            Meaning::Start(clock) => self.time(clock, number?, batch.start[row]),
            Meaning::End(clock) => self.time(clock, number?, batch.end[row]),
            Meaning::Column(column) => match (column.reader(), column.data_type()) {
                (Reader::U8(column), _) => masked((*column(batch).get(row)?).into(), 0xff),
                (Reader::U16(column), _) => masked((*column(batch).get(row)?).into(), 0xffff),
                (Reader::U32(column), DataType::Ipv4Address) => v4(*column(batch).get(row)?),
                (Reader::U32(column), _) => narrow(*column(batch).get(row)?),
                (Reader::U64(column), _) => exact(*column(batch).get(row)?),
                (Reader::U128(column), DataType::Ipv6Address) => v6(*column(batch).get(row)?),
                (Reader::Mac(column), _) => mac(*column(batch).get(row)?),
                (Reader::U128(_) | Reader::Lists(_), _) => None,
            },
            _ => None,
        }
    }

    /// Milliseconds since the epoch; a time of 0 is none, and nothing to compare.
    fn time(&self, clock: Clock, number: u64, told: u64) -> Option<(String, String)> {
        let export = u64::from(self.message.export_time) * 1000
            + u64::from(self.message.export_nanoseconds.unwrap_or(0) / 1_000_000);
        let record = match clock {
            Clock::Milliseconds => number,
            Clock::Seconds => number.checked_mul(1000)?,
            // Without the uptime of the header, it takes what the device told of its boot.
            Clock::Uptime => {
                let uptime = self.message.uptime_ms?;
                let since = i64::from((number as u32).wrapping_sub(uptime) as i32);
                export.saturating_add_signed(since)
            }
            Clock::Ntp | Clock::Before => return None,
        };
        (record != 0).then(|| (told.to_string(), record.to_string()))
    }
}
