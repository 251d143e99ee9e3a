//! One field of many records into one column.

use std::{hint::black_box, ops::BitOrAssign};

use sensor_core::flow::{
    batch::{Addresses, DIRECTION_UNTOLD, FlowBatch, TCP_FLAGS_UNTOLD},
    columns::Visitor,
    initiator::Initiator,
};

use super::{
    rows::Rows,
    values::{direction, firewall_event, forwarding_status, initiator, known_application},
};
use crate::{
    octets,
    template::{
        elements::{Clock, Meaning},
        fills::{Fill, Fills, Kind, Place, Span, Target, Word},
    },
};

/// What a record's times count from.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the message was exported, milliseconds since the epoch.
    pub export: u64,
    /// The device's uptime at that moment in milliseconds, modulo 2^32; none when the device does not tell.
    pub uptime: Option<u32>,
}

/// Seconds from the epoch of NTP (1900) to that of Unix (1970).
const NTP_EPOCH: u64 = 2_208_988_800;

impl Times {
    /// Milliseconds since the epoch when the device's uptime was `uptime`: the nearest such moment to the export. The
    /// counter wraps every 49.7 days, so that a flow may have started with a higher uptime than it was exported with.
    #[inline(always)]
    pub fn at_uptime(&self, uptime: u32) -> u64 {
        let now = self.uptime.unwrap_or(uptime);
        let since = i64::from(uptime.wrapping_sub(now) as i32);
        // Messages tell the export in seconds of 32 bits, so that only the epoch is a bound.
        (self.export as i64).wrapping_add(since).max(0) as u64
    }

    /// `value` of a field of `clock`, as milliseconds since the epoch.
    #[inline(always)]
    fn milliseconds(&self, clock: Clock, value: u64) -> u64 {
        match clock {
            Clock::Uptime if self.uptime.is_none() => value,
            Clock::Uptime => self.at_uptime(value as u32),
            Clock::Seconds => value.saturating_mul(1000),
            Clock::Milliseconds => value,
            Clock::Ntp => {
                let (seconds, fraction) = (value >> 32, value & 0xffff_ffff);
                (seconds * 1000 + ((fraction * 1000) >> 32)).saturating_sub(NTP_EPOCH * 1000)
            }
            Clock::Before => self.export.saturating_sub(value / 1000),
        }
    }
}

/// Appends what `fills` say of all `rows` to the columns of `batch`, whose rows so far are `base`. Uptimes of devices that do
/// not tell theirs stay as they were told.
pub fn fill(fills: &Fills, rows: &Rows<'_>, times: &Times, base: usize, batch: &mut FlowBatch) {
    if rows.are_few() {
        for row in 0..rows.len() {
            fill_one(fills, rows, row, times, base + row, batch);
        }
    } else {
        fill_many(fills, rows, times, base, batch);
    }
}

/// As [`fill`], field by field.
#[inline(never)]
fn fill_many(fills: &Fills, rows: &Rows<'_>, times: &Times, base: usize, batch: &mut FlowBatch) {
    for &Fill { place, meaning, .. } in &fills.fields {
        put(meaning, &Many { rows, place, base }, times, batch);
    }
}

/// As [`fill`], of record `row`, to row `at` of the columns: kind after kind, so that nothing is asked about a field that
/// stands in its column as it is.
fn fill_one(
    fills: &Fills,
    rows: &Rows<'_>,
    row: usize,
    times: &Times,
    at: usize,
    batch: &mut FlowBatch,
) {
    let mut own = [0];
    let record = rows.record(row, &mut own);
    for runs in &fills.runs {
        let run = record.run(runs.run);
        let of = |kind| runs.of(&fills.fields, kind);
        /// Copies fields to columns that store as many octets.
        macro_rules! copy {
            ($kind:ident, $read:expr) => {
                for fill in of(Kind::$kind) {
                    if let Target::$kind(column) = fill.target {
                        let octets = octets_at(run, fill.place.offset);
                        push(column.of(batch), at, Default::default(), $read(octets));
                    }
                }
            };
        }
        copy!(U8, u8::from_be_bytes);
        copy!(U16, u16::from_be_bytes);
        copy!(U32, u32::from_be_bytes);
        copy!(U64, u64::from_be_bytes);
        copy!(U128, u128::from_be_bytes);
        copy!(Mac, |mac: [u8; 6]| mac);
        of(Kind::Word).iter().for_each(|fill| fill_word(fill, run, at, batch));
        match &mut batch.addresses {
            Addresses::V4 { source, destination } => {
                for fill in of(Kind::V4) {
                    let is_source = fill.meaning == Meaning::SourceV4;
                    let column = if is_source { &mut *source } else { &mut *destination };
                    push(column, at, 0, u32::from_be_bytes(octets_at(run, fill.place.offset)));
                }
            }
            Addresses::V6 { source, destination } => {
                for fill in of(Kind::V6) {
                    let is_source = fill.meaning == Meaning::SourceV6;
                    let column = if is_source { &mut *source } else { &mut *destination };
                    push(column, at, 0, u128::from_be_bytes(octets_at(run, fill.place.offset)));
                }
            }
        }
        for fill in of(Kind::Uptime) {
            let is_start = fill.meaning == Meaning::Start(Clock::Uptime);
            let column = if is_start { &mut batch.start } else { &mut batch.end };
            let uptime = number_at(run, fill.place, fill.word);
            push(column, at, 0, times.milliseconds(Clock::Uptime, uptime));
        }
        let others = of(Kind::Other);
        if !others.is_empty() {
            fill_others(others, run, times, at, batch);
        }
    }
}

/// As [`fill_one`], of fields that say something of their own. Apart, so that others save no registers for it.
#[inline(never)]
fn fill_others(fields: &[Fill], run: &[u8], times: &Times, at: usize, batch: &mut FlowBatch) {
    for &Fill { place, word, meaning, .. } in fields {
        let from = One { number: number_at(run, place, word), run, place, at };
        // Hidden, or the compiler computes before the loop where each of all the columns is, which costs more than to fill a
        // dozen of them.
        put(meaning, &from, times, black_box(&mut *batch));
    }
}

/// As [`fill_one`], of a number that is longer or shorter than those of its column, or of which some bits count.
#[inline(always)]
fn fill_word(fill: &Fill, run: &[u8], at: usize, batch: &mut FlowBatch) {
    let number = number_at(run, fill.place, fill.word);
    match fill.target {
        Target::U8(column) => push(column.of(batch), at, 0, number as u8),
        Target::U16(column) => {
            let untold = if fill.meaning == Meaning::TcpFlags { TCP_FLAGS_UNTOLD } else { 0 };
            push(column.of(batch), at, untold, number as u16);
        }
        Target::U32(column) => push(column.of(batch), at, 0, number as u32),
        Target::U64(column) => push(column.of(batch), at, 0, number),
        Target::U128(_) | Target::Mac(_) | Target::Other => {}
    }
}

/// The octets from `offset` on; zeros where the run ends first, which no plan asks for.
#[inline(always)]
fn octets_at<const N: usize>(run: &[u8], offset: u16) -> [u8; N] {
    let start = usize::from(offset);
    let octets = run.get(start..start + N).and_then(<[u8]>::first_chunk);
    octets.copied().unwrap_or([0; N])
}

/// The number at `place`, as `word` says.
#[inline(always)]
fn number_at(run: &[u8], place: Place, word: Word) -> u64 {
    let start = usize::from(word.offset);
    match run.get(start..start + 8).and_then(<[u8]>::first_chunk) {
        Some(octets) => {
            let octets = u64::from_be_bytes(*octets);
            octets.wrapping_shl(word.before.into()).wrapping_shr(word.beside.into())
        }
        None => number_in(run, place, word),
    }
}

/// Puts `value` to row `at` of a column; rows that it lacks before are `untold`.
#[inline(always)]
fn push<T: Copy>(column: &mut Vec<T>, at: usize, untold: T, value: T) {
    if column.len() < at || column.len() == column.capacity() {
        return push_behind(column, at, untold, value);
    }
    column.push(value);
}

/// The number at `place` in a run of fewer than eight octets.
#[cold]
fn number_in(run: &[u8], place: Place, word: Word) -> u64 {
    octets::number(octets_in(run, place)) << word.beside >> word.beside
}

#[inline]
fn octets_in(run: &[u8], place: Place) -> &[u8] {
    let from = run.get(place.offset.into()..).unwrap_or_default();
    from.get(..place.length.into()).unwrap_or_default()
}

/// Where a field is read from and which rows it is for: [`One`] or [`Many`].
trait From {
    /// Appends what `read` makes of the number; rows that the column lacks up to there are `untold`.
    fn number<T: Copy + Default>(&self, column: &mut Vec<T>, untold: T, read: impl Fn(u64) -> T);

    /// As [`From::number`], where several fields have a part in a column: bits of later ones are added.
    fn add<T: Copy + Default + BitOrAssign>(&self, column: &mut Vec<T>, read: impl Fn(u64) -> T);

    /// As [`From::number`], of so many octets, which are no number or one of more than 64 bits.
    fn octets<const N: usize, T: Copy + Default>(
        &self,
        column: &mut Vec<T>,
        read: impl Fn([u8; N]) -> T,
    );

    /// As [`From::number`], of octets of any number.
    fn field<T: Copy + Default>(&self, column: &mut Vec<T>, read: impl Fn(&[u8]) -> T);

    /// Octets of the field.
    fn length(&self) -> u16;
}

/// The field of one record. Many devices send a record or two in a set; then the setting up of loops costs more than the
/// reading.
struct One<'a> {
    number: u64,
    /// The octets from the start of its run on.
    run: &'a [u8],
    place: Place,
    /// The row.
    at: usize,
}

/// Appends a row to a column that lacks rows before it, or memory. Apart, and the last that is done for a field, so that
/// others save no registers for it.
#[inline(never)]
fn push_behind<T: Copy>(column: &mut Vec<T>, base: usize, untold: T, value: T) {
    begin_with(column, base, untold);
    column.push(value);
}

impl From for One<'_> {
    #[inline(always)]
    fn number<T: Copy + Default>(&self, column: &mut Vec<T>, untold: T, read: impl Fn(u64) -> T) {
        push(column, self.at, untold, read(self.number));
    }

    #[inline(always)]
    fn add<T: Copy + Default + BitOrAssign>(&self, column: &mut Vec<T>, read: impl Fn(u64) -> T) {
        match column.get_mut(self.at) {
            Some(value) => *value |= read(self.number),
            None => push(column, self.at, T::default(), read(self.number)),
        }
    }

    #[inline(always)]
    fn octets<const N: usize, T: Copy + Default>(
        &self,
        column: &mut Vec<T>,
        read: impl Fn([u8; N]) -> T,
    ) {
        let octets = octets_at(self.run, self.place.offset);
        push(column, self.at, T::default(), read(octets));
    }

    #[inline(always)]
    fn field<T: Copy + Default>(&self, column: &mut Vec<T>, read: impl Fn(&[u8]) -> T) {
        push(column, self.at, T::default(), read(octets_in(self.run, self.place)));
    }

    #[inline(always)]
    fn length(&self) -> u16 {
        self.place.length
    }
}

/// The field of many records.
struct Many<'a> {
    rows: &'a Rows<'a>,
    place: Place,
    /// Rows before theirs.
    base: usize,
}

impl From for Many<'_> {
    #[inline(always)]
    fn number<T: Copy + Default>(&self, column: &mut Vec<T>, untold: T, read: impl Fn(u64) -> T) {
        begin_with(column, self.base, untold);
        self.rows.extend_numbers(self.place, column, read);
    }

    #[inline(always)]
    fn add<T: Copy + Default + BitOrAssign>(&self, column: &mut Vec<T>, read: impl Fn(u64) -> T) {
        if column.len() <= self.base {
            return self.number(column, T::default(), read);
        }
        for (row, value) in column[self.base..].iter_mut().enumerate() {
            *value |= read(self.rows.number(self.place, row));
        }
    }

    #[inline(never)]
    fn octets<const N: usize, T: Copy + Default>(
        &self,
        column: &mut Vec<T>,
        read: impl Fn([u8; N]) -> T,
    ) {
        begin_with(column, self.base, T::default());
        self.rows.extend(self.place, column, read);
    }

    fn field<T: Copy + Default>(&self, column: &mut Vec<T>, read: impl Fn(&[u8]) -> T) {
        begin_with(column, self.base, T::default());
        match self.place.length {
            // What most devices send.
            4 => self.rows.extend(self.place, column, |octets: [u8; 4]| read(&octets)),
            _ => {
                let field = |row| self.rows.field(Span::Fixed(self.place), row);
                column.extend((0..self.rows.len()).map(|row| read(field(row))));
            }
        }
    }

    fn length(&self) -> u16 {
        self.place.length
    }
}

/// Puts a field that says `meaning` to its column.
#[inline(always)]
fn put(meaning: Meaning, from: &impl From, times: &Times, batch: &mut FlowBatch) {
    match meaning {
        Meaning::Column(column) => batch.visit(column, AsStored(from)),
        Meaning::SourceV4 => {
            if let Addresses::V4 { source, .. } = &mut batch.addresses {
                from.octets(source, u32::from_be_bytes);
            }
        }
        Meaning::DestinationV4 => {
            if let Addresses::V4 { destination, .. } = &mut batch.addresses {
                from.octets(destination, u32::from_be_bytes);
            }
        }
        Meaning::SourceV6 => {
            if let Addresses::V6 { source, .. } = &mut batch.addresses {
                from.octets(source, u128::from_be_bytes);
            }
        }
        Meaning::DestinationV6 => {
            if let Addresses::V6 { destination, .. } = &mut batch.addresses {
                from.octets(destination, u128::from_be_bytes);
            }
        }
        Meaning::SourcePort => from.number(&mut batch.source_port, 0, |n| n as u16),
        Meaning::DestinationPort => {
            from.number(&mut batch.destination_port, 0, |n| n as u16);
        }
        Meaning::IcmpTypeCode => from.add(&mut batch.icmp_type_code, |n| n as u16),
        Meaning::IcmpType => {
            from.add(&mut batch.icmp_type_code, |n| (n as u16) << 8);
        }
        Meaning::IcmpCode => {
            from.add(&mut batch.icmp_type_code, |n| n as u16 & 0xff);
        }
        Meaning::Protocol => from.number(&mut batch.protocol, 0, |n| n as u8),
        Meaning::Tos => from.number(&mut batch.tos, 0, |n| n as u8),
        Meaning::Dscp => from.number(&mut batch.tos, 0, |n| (n as u8) << 2),
        Meaning::Precedence => from.number(&mut batch.tos, 0, |n| (n as u8) << 5),
        Meaning::TcpFlags => {
            from.number(&mut batch.tcp_flags, TCP_FLAGS_UNTOLD, |n| n as u16 & 0x1ff);
        }
        Meaning::Input => from.number(&mut batch.interface, 0, narrow),
        Meaning::Output => from.number(&mut batch.output_interface, 0, narrow),
        Meaning::Direction => {
            from.number(&mut batch.direction, DIRECTION_UNTOLD, direction);
        }
        Meaning::SourceVlan => from.number(&mut batch.vlan, 0, |n| n as u16 & 0xfff),
        Meaning::DestinationVlan => {
            from.number(&mut batch.destination_vlan, 0, |n| n as u16 & 0xfff);
        }
        Meaning::Octets => from.number(&mut batch.octets, 0, |n| n),
        Meaning::Packets => from.number(&mut batch.packets, 0, |n| n),
        Meaning::Start(clock) => {
            from.number(&mut batch.start, 0, |n| times.milliseconds(clock, n));
        }
        Meaning::End(clock) => {
            from.number(&mut batch.end, 0, |n| times.milliseconds(clock, n));
        }
        Meaning::Application => from.field(&mut batch.application, known_application),
        Meaning::ForwardingStatus => {
            let octets = from.length();
            from.add(&mut batch.action, move |n| forwarding_status(n, octets));
        }
        Meaning::Initiator => from.number(&mut batch.initiator, 0, |n| initiator(n, |by| by)),
        Meaning::TurnedInitiator => {
            from.number(&mut batch.initiator, 0, |n| initiator(n, Initiator::turned));
        }
        Meaning::FirewallEvent => from.add(&mut batch.action, firewall_event),
        // Read record by record.
        Meaning::DurationMilliseconds
        | Meaning::DurationMicroseconds
        | Meaning::PacketInterval
        | Meaning::PacketSpace
        | Meaning::Sampler
        | Meaning::Connection
        | Meaning::IpVersion
        | Meaning::Frame
        | Meaning::Packet
        | Meaning::FrameSize
        | Meaning::SystemInit
        | Meaning::DeviceV4
        | Meaning::DeviceV6 => {}
    }
}

/// A field that says just what a column stores.
struct AsStored<'a, F>(&'a F);

impl<F: From> Visitor for AsStored<'_, F> {
    #[inline(always)]
    fn unsigned8(self, column: &mut Vec<u8>) {
        self.0.number(column, 0, |n| n as u8);
    }

    #[inline(always)]
    fn unsigned16(self, column: &mut Vec<u16>) {
        self.0.number(column, 0, |n| n as u16);
    }

    #[inline(always)]
    fn unsigned32(self, column: &mut Vec<u32>) {
        self.0.number(column, 0, narrow);
    }

    #[inline(always)]
    fn unsigned64(self, column: &mut Vec<u64>) {
        self.0.number(column, 0, |n| n);
    }

    #[inline(always)]
    fn ipv4_address(self, column: &mut Vec<u32>) {
        self.0.octets(column, u32::from_be_bytes);
    }

    #[inline(always)]
    fn ipv6_address(self, column: &mut Vec<u128>) {
        self.0.octets(column, u128::from_be_bytes);
    }

    #[inline(always)]
    fn mac_address(self, column: &mut Vec<[u8; 6]>) {
        self.0.octets(column, |mac: [u8; 6]| mac);
    }
}

/// The number, or the highest that fits.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Gives the rows up to `base` that a column lacks `untold`, which says so.
#[inline]
pub fn begin_with<T: Copy>(column: &mut Vec<T>, base: usize, untold: T) {
    if column.len() < base {
        lengthen(column, base, untold);
    }
}

/// Apart, since a column seldom lacks rows.
#[inline(never)]
fn lengthen<T: Copy>(column: &mut Vec<T>, base: usize, untold: T) {
    if column.len() + 1 == base {
        column.push(untold);
    } else {
        column.resize(base, untold);
    }
}
