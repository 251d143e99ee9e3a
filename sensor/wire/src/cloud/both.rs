//! A record that tells both directions of a flow, into a row for each: one record is one direction, whoever reads it.

use sensor_common::key::Direction;
use sensor_core::flow::{device::Action, initiator::Initiator};

use super::flows::{Ends, Flows, Record};

/// What was counted in one direction; what is `None` is not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets.
    pub packets: Option<u64>,
    /// Octets.
    pub octets: Option<u64>,
}

impl Counts {
    /// Something was counted.
    #[inline(always)]
    fn is_some(self) -> bool {
        self.packets.unwrap_or(0) != 0 || self.octets.unwrap_or(0) != 0
    }

    /// It is told what was counted, be it nothing.
    #[inline(always)]
    fn are_told(self) -> bool {
        self.packets.is_some() || self.octets.is_some()
    }
}

/// Whether a record may tell of a flow without any counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncounted {
    /// It does: its counts are missing.
    IsFlow,
    /// There is nothing to count yet.
    IsNone,
}

/// Appends the rows of `record`, which has all but counts and tells of the packets of who opened the flow: `out` is what those
/// were, `back` what came the other way. A direction without packets has no row. Enters the record in the account.
#[inline(always)]
pub fn push(
    mut record: Record,
    out: Counts,
    back: Counts,
    uncounted: Uncounted,
    flows: &mut Flows,
) {
    let is_rejected = record.action == Some(Action::Rejected);
    let is_counted = out.is_some() || back.is_some();
    let is_told = out.are_told() || back.are_told();
    let source = record.point.1;
    if !is_counted && !is_rejected && (is_told || uncounted == Uncounted::IsNone) {
        let ledger = flows.ledger(source);
        ledger.records += 1;
        ledger.without_counts += 1;
        return;
    }
    record.initiator = Initiator::Source as u8;
    if is_rejected || out.is_some() || !is_counted {
        (record.packets, record.octets) = (out.packets, out.octets);
        if is_rejected {
            // Nothing got through, even where the log leaves the counts out.
            record.packets = record.packets.or(Some(0));
            record.octets = record.octets.or(Some(0));
        }
        flows.push(&record);
    }
    if back.is_some() {
        (record.packets, record.octets) = (back.packets, back.octets);
        record.initiator = Initiator::Destination as u8;
        record.ports = (record.ports.1, record.ports.0);
        record.ends = match record.ends {
            Ends::V4(from, to) => Ends::V4(to, from),
            Ends::V6(from, to) => Ends::V6(to, from),
        };
        record.direction = record.direction.map(|direction| match direction {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        });
        flows.push(&record);
    }
    flows.end(source);
}
