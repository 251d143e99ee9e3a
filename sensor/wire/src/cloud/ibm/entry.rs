//! An entry of an IBM flow log into a row for each direction.

use sensor_common::key::Direction;
use sensor_core::flow::device::Action;

use crate::cloud::{
    both::{self, Counts, Uncounted},
    flows::{Flows, Record, RecordTexts},
    json::values::{Fault, Number, Text, ends, object, time},
    ledger::Reason,
};

object! {
    /// A connection within a window.
    ///
    /// What was counted since its beginning (`cumulative_...`) would count the windows before once more.
    Entry<'a> {
        /// First moment of the window.
        start: Text<'a> = b"start_time",
        /// Last moment of the window.
        end: Text<'a> = b"end_time",
        /// `I` or `O`: of the packets of who opened the connection, as the interface sees them.
        direction: Text<'a> = b"direction",
        /// `accepted` or `rejected`.
        action: Text<'a> = b"action",
        /// Who opened the connection.
        initiator: Text<'a> = b"initiator_ip",
        /// Whom it reached.
        target: Text<'a> = b"target_ip",
        /// Port of who opened it.
        initiator_port: Number = b"initiator_port",
        /// Port of the other end.
        target_port: Number = b"target_port",
        /// IP protocol.
        protocol: Number = b"transport_protocol",
        /// It began in the window.
        was_initiated: Text<'a> = b"was_initiated",
        /// It ended in the window.
        was_terminated: Text<'a> = b"was_terminated",
        /// Octets from who opened it.
        octets_out: Number = b"bytes_from_initiator",
        /// Packets from who opened it.
        packets_out: Number = b"packets_from_initiator",
        /// Octets to who opened it.
        octets_back: Number = b"bytes_from_target",
        /// Packets to who opened it.
        packets_back: Number = b"packets_from_target",
    }
    beside b"connection_start_time" | b"ether_type" | b"cumulative_bytes_from_initiator"
        | b"cumulative_packets_from_initiator" | b"cumulative_bytes_from_target"
        | b"cumulative_packets_from_target";
}

/// What all entries of an object have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Common {
    /// Observation point and source.
    pub point: (u32, u32),
    /// Version of the log.
    pub version: u8,
    /// Number of the text that says whether the window is whole.
    pub status: u32,
}

impl Entry<'_> {
    /// Makes rows of it.
    ///
    /// # Errors
    /// Why it is no flow.
    #[inline]
    pub fn push(&self, common: &Common, flows: &mut Flows) -> Result<(), Fault<'_>> {
        let start = time(&self.start)?;
        let end = time(&self.end)?.ok_or((Reason::Time, self.end.octets()))?;
        let end = flows.end_of(end, self.end.octets())?;
        let counts = |packets: Number, octets: Number, names: [&'static str; 2]| {
            Ok(Counts { packets: packets.get(names[0])?, octets: octets.get(names[1])? })
        };
        let names = flows.names();
        let state = match (self.was_initiated.is("true"), self.was_terminated.is("true")) {
            (_, true) => "end",
            (true, false) => "begin",
            (false, false) if self.was_initiated.is_empty() => "",
            (false, false) => "continue",
        };
        let record = Record {
            ends: ends(self.initiator.octets(), self.target.octets())?,
            ports: (
                self.initiator_port.get("initiator_port")?,
                self.target_port.get("target_port")?,
            ),
            protocol: match self.protocol.get("transport_protocol")? {
                Some(protocol) => protocol,
                None => return Err((Reason::Value, b"transport_protocol")),
            },
            packets: None,
            octets: None,
            // Nothing ends before it begins, and the end is what the flow is filed under.
            start: start.filter(|start| *start <= end),
            end,
            tcp_flags: None,
            tos: None,
            direction: match self.direction.octets() {
                b"I" | b"i" => Some(Direction::Ingress),
                b"O" | b"o" => Some(Direction::Egress),
                [] => None,
                other => return Err((Reason::Value, other)),
            },
            action: match self.action.octets() {
                [] => None,
                _ if self.action.is("accepted") => Some(Action::Accepted),
                _ if self.action.is("rejected") => Some(Action::Rejected),
                other => return Err((Reason::Value, other)),
            },
            via: None,
            traffic_path: 0,
            version: common.version,
            initiator: 0,
            point: common.point,
            labels: (0, 0),
            texts: RecordTexts {
                flow_state: names.text(state.as_bytes()),
                data_status: common.status,
                ..RecordTexts::default()
            },
        };
        let out = counts(
            self.packets_out,
            self.octets_out,
            ["packets_from_initiator", "bytes_from_initiator"],
        )?;
        let back = counts(
            self.packets_back,
            self.octets_back,
            ["packets_from_target", "bytes_from_target"],
        )?;
        both::push(record, out, back, Uncounted::IsFlow, flows);
        Ok(())
    }
}
