//! What the events of a firewall say: whether a record tells of a flow, and who opened its connection.

use sensor_common::tcp::ACK;
use sensor_core::flow::{
    batch::{FlowBatch, TCP_FLAGS_UNTOLD},
    initiator::Initiator,
};

use super::rows::Rows;
use crate::{device::connections::Connections, template::compile::Plan};

/// Whether a record with this `firewallEvent` tells of packets that no other record counts, or of a denied flow.
///
/// A firewall says when it has created a connection (1), without counts. Where it reports while the connection lives (5),
/// its report at the end (2) repeats the sum.
pub(super) fn tells_of_flow(
    plan: &Plan,
    rows: &Rows<'_>,
    row: usize,
    event: u64,
    connections: Option<&mut Connections>,
) -> bool {
    let connection = plan.single.connection.map(|place| rows.number(place, row)).zip(connections);
    match (event, connection) {
        (event::DENIED, _) => true,
        _ if !plan.has_counts => false,
        _ if !plan.updates => true,
        (event::CREATED, _) => false,
        (event::UPDATE, Some((id, connections))) => {
            connections.updated(id);
            true
        }
        (event::DELETED, Some((id, connections))) => !connections.ended(id),
        (event, _) => event != event::DELETED,
    }
}

/// Values of `firewallEvent` (IANA element 233).
mod event {
    pub const CREATED: u64 = 1;
    pub const DELETED: u64 = 2;
    pub const DENIED: u64 = 3;
    pub const UPDATE: u64 = 5;
}

/// Notes that `initiator` opened the connections of the rows from `base` on, if the records count by roles and do not say it
/// themselves.
pub(super) fn tell_roles(batch: &mut FlowBatch, base: usize, plan: &Plan, initiator: Initiator) {
    if plan.roles && batch.initiator.len() <= base {
        batch.initiator.resize(base, 0);
        batch.initiator.resize(batch.packets.len(), initiator as u8);
    }
}

/// Notes that `initiator` opened the connections that a firewall says it has just created, in the rows from `base` on that do
/// not say it themselves.
///
/// Only their creation tells: firewalls that report each direction by itself (Palo Alto, Barracuda) tell of the end of a server's
/// answers as well, and what they deny may be a stray answer. A packet that acknowledges something is none that creates
/// a connection either.
pub(super) fn tell_created(
    batch: &mut FlowBatch,
    base: usize,
    plan: &Plan,
    rows: &Rows<'_>,
    initiator: Initiator,
) {
    let Some(event) = plan.single.event.filter(|_| !plan.roles) else { return };
    for row in 0..rows.len() {
        let at = base + row;
        let is_told = batch.initiator.get(at).is_some_and(|told| *told != 0);
        let flags = batch.tcp_flags.get(at).filter(|flags| **flags != TCP_FLAGS_UNTOLD);
        let acknowledges = flags.is_some_and(|flags| flags & ACK != 0);
        if rows.number(event, row) == event::CREATED && !is_told && !acknowledges {
            batch.initiator.resize(batch.initiator.len().max(at + 1), 0);
            batch.initiator[at] = initiator as u8;
        }
    }
}
