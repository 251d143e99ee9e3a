//! What single elements say, in the values of their columns.

use sensor_common::key::Direction;
use sensor_core::flow::{
    application::{self, ApplicationId},
    batch::DIRECTION_UNTOLD,
    device::Action,
    initiator::Initiator,
};

use super::rows::Rows;
use crate::template::fills::Span;

/// `flowDirection` (IANA element 61): 0 ingress, 1 egress.
pub(super) fn direction(number: u64) -> u8 {
    match number {
        0 => Direction::Ingress as u8,
        1 => Direction::Egress as u8,
        _ => DIRECTION_UNTOLD,
    }
}

/// `biflowDirection` (IANA element 239): 1 the source opened the connection, 2 the destination did; 0 and 3 do not say. `turn`
/// makes of it what holds of the row's direction.
pub(super) fn initiator(number: u64, turn: impl Fn(Initiator) -> Initiator) -> u8 {
    let told = u8::try_from(number).ok().and_then(Initiator::from_number);
    told.map_or(0, |by| turn(by) as u8)
}

/// The application that a field of record `row` names; 0 for none.
pub(super) fn application_in(rows: &Rows<'_>, span: Span, row: usize) -> ApplicationId {
    known_application(rows.field(span, row))
}

pub(super) fn known_application(octets: &[u8]) -> ApplicationId {
    application::number(octets).unwrap_or(0)
}

/// `forwardingStatus` (IANA element 89): the status is in the upper two bits of an octet, in whatever octets.
pub(super) fn forwarding_status(number: u64, octets: u16) -> u8 {
    // Longer fields are numbers that hold the octet (RFC 7270 section 4.12).
    let status = if octets == 1 { number >> 6 } else { number >> 6 & 3 };
    match status {
        1 | 3 => Action::Accepted as u8,
        2 => Action::Rejected as u8,
        _ => 0,
    }
}

/// `firewallEvent` (IANA element 233): 1 created, 2 deleted, 3 denied, 4 alert, 5 update.
pub(super) fn firewall_event(number: u64) -> u8 {
    match number {
        1 | 2 | 5 => Action::Accepted as u8,
        3 => Action::Rejected as u8,
        _ => 0,
    }
}
