//! One field of many records into one column.

use sensor_common::key::Direction;
use sensor_core::flow::{
    application::{self, ApplicationId},
    batch::{Addresses, DIRECTION_UNTOLD, FlowBatch, TCP_FLAGS_UNTOLD},
    router::Action,
};

use super::rows::Rows;
use crate::template::{
    compile::{Fill, Place, Span},
    elements::{Clock, Meaning},
};

/// What a record's times count from.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the message was exported, milliseconds since the epoch.
    pub export: u64,
    /// The device's uptime at that moment in milliseconds, modulo 2^32; none when the exporter does not tell.
    pub uptime: Option<u32>,
}

/// Seconds from the epoch of NTP (1900) to that of Unix (1970).
const NTP_EPOCH: u64 = 2_208_988_800;

impl Times {
    /// Milliseconds since the epoch when the device's uptime was `uptime`: the nearest such moment to the export. The
    /// counter wraps every 49.7 days, so that a flow may have started with a higher uptime than it was exported with.
    pub fn at_uptime(&self, uptime: u32) -> u64 {
        let now = self.uptime.unwrap_or(uptime);
        self.export.saturating_add_signed(i64::from(uptime.wrapping_sub(now) as i32))
    }

    /// `value` of a field of `clock`, as milliseconds since the epoch.
    #[inline(always)]
    fn milliseconds(&self, clock: Clock, value: u64) -> u64 {
        match clock {
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

/// Appends the field of all `rows` to its column of `batch`, whose rows so far are `base`.
pub fn fill(fill: &Fill, rows: &Rows<'_>, times: &Times, base: usize, batch: &mut FlowBatch) {
    let place = fill.place;
    match fill.meaning {
        Meaning::SourceV4 => {
            if let Addresses::V4 { source, .. } = &mut batch.addresses {
                octets(rows, place, source, base, u32::from_be_bytes);
            }
        }
        Meaning::DestinationV4 => {
            if let Addresses::V4 { destination, .. } = &mut batch.addresses {
                octets(rows, place, destination, base, u32::from_be_bytes);
            }
        }
        Meaning::SourceV6 => {
            if let Addresses::V6 { source, .. } = &mut batch.addresses {
                octets(rows, place, source, base, u128::from_be_bytes);
            }
        }
        Meaning::DestinationV6 => {
            if let Addresses::V6 { destination, .. } = &mut batch.addresses {
                octets(rows, place, destination, base, u128::from_be_bytes);
            }
        }
        Meaning::SourcePort => optional(rows, place, &mut batch.source_port, base, |n| n as u16),
        Meaning::DestinationPort => {
            optional(rows, place, &mut batch.destination_port, base, |n| n as u16);
        }
        Meaning::IcmpTypeCode => add(rows, place, &mut batch.icmp_type_code, base, |n| n as u16),
        Meaning::IcmpType => {
            add(rows, place, &mut batch.icmp_type_code, base, |n| (n as u16) << 8);
        }
        Meaning::IcmpCode => {
            add(rows, place, &mut batch.icmp_type_code, base, |n| n as u16 & 0xff);
        }
        Meaning::Protocol => optional(rows, place, &mut batch.protocol, base, |n| n as u8),
        Meaning::Tos => optional(rows, place, &mut batch.tos, base, |n| n as u8),
        Meaning::Dscp => optional(rows, place, &mut batch.tos, base, |n| (n as u8) << 2),
        Meaning::Precedence => optional(rows, place, &mut batch.tos, base, |n| (n as u8) << 5),
        Meaning::TcpFlags => {
            begin_with(&mut batch.tcp_flags, base, TCP_FLAGS_UNTOLD);
            rows.extend_numbers(place, &mut batch.tcp_flags, |n| n as u16 & 0x1ff);
        }
        Meaning::Input => optional(rows, place, &mut batch.interface, base, narrow),
        Meaning::Output => optional(rows, place, &mut batch.output_interface, base, narrow),
        Meaning::Direction => {
            begin_with(&mut batch.direction, base, DIRECTION_UNTOLD);
            rows.extend_numbers(place, &mut batch.direction, direction);
        }
        Meaning::SourceVlan => optional(rows, place, &mut batch.vlan, base, |n| n as u16 & 0xfff),
        Meaning::DestinationVlan => {
            optional(rows, place, &mut batch.destination_vlan, base, |n| n as u16 & 0xfff);
        }
        Meaning::Octets => optional(rows, place, &mut batch.octets, base, |n| n),
        Meaning::Packets => optional(rows, place, &mut batch.packets, base, |n| n),
        Meaning::Layer2Octets => optional(rows, place, &mut batch.layer2_octets, base, |n| n),
        Meaning::Start(clock) => {
            optional(rows, place, &mut batch.start, base, |n| times.milliseconds(clock, n));
        }
        Meaning::End(clock) => {
            optional(rows, place, &mut batch.end, base, |n| times.milliseconds(clock, n));
        }
        Meaning::TtlMin => optional(rows, place, &mut batch.ttl_min, base, |n| n as u8),
        Meaning::TtlMax => optional(rows, place, &mut batch.ttl_max, base, |n| n as u8),
        Meaning::SourceMac => {
            octets(rows, place, &mut batch.source_mac, base, |mac: [u8; 6]| mac);
        }
        Meaning::DestinationMac => {
            octets(rows, place, &mut batch.destination_mac, base, |mac: [u8; 6]| mac);
        }
        Meaning::EndReason => optional(rows, place, &mut batch.end_reason, base, |n| n as u8),
        Meaning::NextHopV4 => {
            octets(rows, place, &mut batch.next_hop_v4, base, u32::from_be_bytes);
        }
        Meaning::NextHopV6 => {
            octets(rows, place, &mut batch.next_hop_v6, base, u128::from_be_bytes);
        }
        Meaning::SourceAs => optional(rows, place, &mut batch.source_as, base, narrow),
        Meaning::DestinationAs => optional(rows, place, &mut batch.destination_as, base, narrow),
        Meaning::SampleRate => optional(rows, place, &mut batch.sample_rate, base, narrow),
        Meaning::Application => application(rows, place, &mut batch.application, base),
        Meaning::NatSourceV4 => {
            octets(rows, place, &mut batch.nat_source_v4, base, u32::from_be_bytes);
        }
        Meaning::NatDestinationV4 => {
            octets(rows, place, &mut batch.nat_destination_v4, base, u32::from_be_bytes);
        }
        Meaning::NatSourceV6 => {
            octets(rows, place, &mut batch.nat_source_v6, base, u128::from_be_bytes);
        }
        Meaning::NatDestinationV6 => {
            octets(rows, place, &mut batch.nat_destination_v6, base, u128::from_be_bytes);
        }
        Meaning::NatSourcePort => {
            optional(rows, place, &mut batch.nat_source_port, base, |n| n as u16);
        }
        Meaning::NatDestinationPort => {
            optional(rows, place, &mut batch.nat_destination_port, base, |n| n as u16);
        }
        Meaning::InputVrf => optional(rows, place, &mut batch.input_vrf, base, narrow),
        Meaning::OutputVrf => optional(rows, place, &mut batch.output_vrf, base, narrow),
        Meaning::ForwardingStatus => {
            let octets = place.length;
            add(rows, place, &mut batch.action, base, move |n| forwarding_status(n, octets));
        }
        Meaning::FirewallEvent => add(rows, place, &mut batch.action, base, firewall_event),
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
        | Meaning::ExporterV4
        | Meaning::ExporterV6 => {}
    }
}

/// The number, or the highest that fits.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Gives the rows that a column lacks up to now "not told".
fn begin<T: Copy + Default>(column: &mut Vec<T>, base: usize) {
    begin_with(column, base, T::default());
}

/// As `begin`, where something else than 0 says so.
pub fn begin_with<T: Copy>(column: &mut Vec<T>, base: usize, untold: T) {
    if column.len() < base {
        column.resize(base, untold);
    }
}

/// `flowDirection` (IANA element 61): 0 ingress, 1 egress.
fn direction(number: u64) -> u8 {
    match number {
        0 => Direction::Ingress as u8,
        1 => Direction::Egress as u8,
        _ => DIRECTION_UNTOLD,
    }
}

/// Applications, whose octets are more than a number.
fn application(rows: &Rows<'_>, place: Place, column: &mut Vec<ApplicationId>, base: usize) {
    begin(column, base);
    match place.length {
        // What most devices send.
        4 => rows.extend(place, column, |octets: [u8; 4]| known_application(&octets)),
        _ => {
            column.extend((0..rows.len()).map(|row| application_in(rows, Span::Fixed(place), row)));
        }
    }
}

/// The application that a field of record `row` names; 0 for none.
pub(super) fn application_in(rows: &Rows<'_>, span: Span, row: usize) -> ApplicationId {
    known_application(rows.field(span, row))
}

fn known_application(octets: &[u8]) -> ApplicationId {
    application::number(octets).unwrap_or(0)
}

#[inline(always)]
fn optional<T: Copy + Default>(
    rows: &Rows<'_>,
    place: Place,
    column: &mut Vec<T>,
    base: usize,
    read: impl Fn(u64) -> T,
) {
    begin(column, base);
    rows.extend_numbers(place, column, read);
}

/// As [`optional`], for what is no number of up to eight octets.
#[inline(never)]
fn octets<const N: usize, T: Copy + Default>(
    rows: &Rows<'_>,
    place: Place,
    column: &mut Vec<T>,
    base: usize,
    read: impl Fn([u8; N]) -> T,
) {
    begin(column, base);
    rows.extend(place, column, read);
}

/// Fills a column that several fields have a part in: bits of later ones are added.
#[inline(always)]
fn add<T: Copy + Default + std::ops::BitOrAssign>(
    rows: &Rows<'_>,
    place: Place,
    column: &mut Vec<T>,
    base: usize,
    read: impl Fn(u64) -> T,
) {
    if column.len() <= base {
        return optional(rows, place, column, base, read);
    }
    for (row, value) in column[base..].iter_mut().enumerate() {
        *value |= read(rows.number(place, row));
    }
}

/// `forwardingStatus` (IANA element 89): the status is in the upper two bits of an octet, in whatever octets.
fn forwarding_status(number: u64, octets: u16) -> u8 {
    // Longer fields are numbers that hold the octet (RFC 7270 section 4.12).
    let status = if octets == 1 { number >> 6 } else { number >> 6 & 3 };
    match status {
        1 | 3 => Action::Accepted as u8,
        2 => Action::Rejected as u8,
        _ => 0,
    }
}

/// `firewallEvent` (IANA element 233): 1 created, 2 deleted, 3 denied, 4 alert, 5 update.
fn firewall_event(number: u64) -> u8 {
    match number {
        1 | 2 | 5 => Action::Accepted as u8,
        3 => Action::Rejected as u8,
        _ => 0,
    }
}
