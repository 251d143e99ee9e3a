//! An event of a flow log of Oracle Cloud into a flow, or a window without flows.

use sensor_core::flow::device::Action;

use super::event::{Data, Oracle};
use crate::cloud::{
    flows::{Flows, Record, RecordTexts},
    json::{
        time,
        values::{Fault, Number, Text, ends},
    },
    ledger::{Reason, Window},
};

/// An event, wherever it stood.
pub struct Told<'e, 'a> {
    /// What happened.
    pub data: &'e Data<'a>,
    /// What kind of event it is.
    pub kind: &'e Text<'a>,
    /// Whose it is.
    pub oracle: &'e Oracle<'a>,
    /// Where it was logged.
    pub region: &'e Text<'a>,
}

/// What became of an event.
pub enum Outcome {
    /// A flow of this source.
    Flow(u32),
    /// A window without flows, of this source.
    Window(u32, Window),
}

/// Kinds of events of flow logs, and the window that one tells without a flow.
const KINDS: [(&[u8], Option<Window>); 3] = [
    (b"com.oraclecloud.vcn.flowlogs.DataEvent", None),
    (b"com.oraclecloud.vcn.flowlogs.QualityEvent.NoData", Some(Window::NoData)),
    (b"com.oraclecloud.vcn.flowlogs.QualityEvent.SkipData", Some(Window::SkipData)),
];

/// Reads an event, and appends its flow.
///
/// # Errors
/// What cannot be read.
#[inline]
pub fn read<'e>(told: &Told<'e, '_>, flows: &mut Flows) -> Result<Outcome, Fault<'e>> {
    let Told { data, kind, oracle, region } = *told;
    let known = KINDS.iter().find(|(known, _)| *known == kind.octets());
    let window = match known {
        Some((_, window)) => *window,
        // A search may have left it out.
        None if kind.is_empty() && !data.source.is_empty() => None,
        None if kind.is_empty() => return Err((Reason::Value, b"type")),
        None => return Err((Reason::OtherLog, kind.octets())),
    };
    let window =
        window.or_else(|| Window::ALL.into_iter().find(|window| data.status.is(window.name())));
    let point = point(oracle, region, flows);
    if let Some(window) = window
        && data.source.is_empty()
    {
        return Ok(Outcome::Window(point.1, window));
    }
    let (start, end) = (seconds(data.start, "startTime")?, seconds(data.end, "endTime")?);
    let Some(last) = end.or(start) else {
        return Err((Reason::Time, b"endTime"));
    };
    let last = flows.end_of(last, if end.is_some() { &b"endTime"[..] } else { b"startTime" })?;
    let Some(protocol) = data.protocol.get("protocol")? else {
        return Err((Reason::Value, b"protocol"));
    };
    let record = Record {
        ends: ends(data.source.octets(), data.destination.octets())?,
        ports: (data.source_port.get("sourcePort")?, data.destination_port.get("destinationPort")?),
        protocol,
        packets: data.packets.get("packets")?,
        octets: data.bytes.get("bytesOut")?,
        // Nothing ends before it begins. The end is what the flow is filed under, so the start is the one not to believe.
        start: start.filter(|start| *start <= last),
        end: last,
        tcp_flags: None,
        tos: None,
        direction: None,
        action: match data.action.octets() {
            b"ACCEPT" => Some(Action::Accepted),
            b"REJECT" => Some(Action::Rejected),
            b"" => None,
            other => return Err((Reason::Value, other)),
        },
        via: None,
        traffic_path: 0,
        version: data.version.get("version")?.unwrap_or(0),
        initiator: 0,
        point,
        labels: (0, 0),
        texts: RecordTexts {
            data_status: flows.names().text(data.status.octets()),
            ..RecordTexts::default()
        },
    };
    flows.push(&record);
    Ok(Outcome::Flow(point.1))
}

/// A time; none where it is missing, or before all logs.
#[inline]
fn seconds(number: Number, what: &'static str) -> Result<Option<u64>, Fault<'static>> {
    match number.get::<u64>(what)? {
        None => Ok(None),
        Some(number) => match time::epoch(number) {
            None if number > time::EARLIEST => Err((Reason::Time, what.as_bytes())),
            time => Ok(time),
        },
    }
}

/// The numbers of the point where the flow was seen.
#[inline]
fn point(oracle: &Oracle<'_>, region: &Text<'_>, flows: &mut Flows) -> (u32, u32) {
    let interface = oracle.interface.octets();
    let region = match region.octets() {
        b"" => region_of(interface),
        told => told,
    };
    let told = [
        oracle.tenancy.octets(),
        oracle.network.octets(),
        oracle.subnet.octets(),
        oracle.resource.octets(),
        interface,
        region,
        b"",
    ];
    flows.point(told, "", std::str::from_utf8(oracle.log.octets()).unwrap_or_default())
}

/// The region that an identifier names: `ocid1.vnic.oc1.phx.…`. The two oldest have names of their own there.
fn region_of(identifier: &[u8]) -> &[u8] {
    match identifier.split(|octet| *octet == b'.').nth(3).unwrap_or_default() {
        b"phx" => b"us-phoenix-1",
        b"iad" => b"us-ashburn-1",
        region => region,
    }
}
