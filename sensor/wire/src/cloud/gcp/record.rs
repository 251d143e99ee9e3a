//! An entry of a flow log of Google Cloud into a flow.

use sensor_common::key::Direction;
use sensor_core::flow::{device::Action, initiator::Initiator};

use super::entry::{Entry, Gateway, Gke, GoogleService, Instance, Payload, Vpc};
use crate::cloud::{
    flows::{Flows, Record, RecordTexts},
    json::values::{Fault, Text, ends, time, via},
    ledger::{Ledger, Reason},
};

/// The end of a flow.
struct Side<'e, 'a> {
    instance: &'e Instance<'a>,
    vpc: &'e Vpc<'a>,
    gke: &'e Gke<'a>,
    service: &'e GoogleService<'a>,
    gateway: &'e Gateway<'a>,
}

/// What a log is called that is of no configuration of its own.
const LOG: &str = "vpc_flows";

/// Reads `entry`, of an object that is called `object`, and appends its flow. The source that it is of.
///
/// # Errors
/// What cannot be read.
#[inline]
pub fn read<'e>(entry: &'e Entry<'_>, flows: &mut Flows) -> Result<u32, Fault<'e>> {
    let payload = &entry.payload;
    let [source, destination] = sides(payload);
    // Whoever reports is at one end; a gateway is so as well.
    let direction = match payload.reporter.octets() {
        b"SRC" | b"SRC_GATEWAY" => Some(Direction::Egress),
        b"DEST" | b"DEST_GATEWAY" => Some(Direction::Ingress),
        _ => None,
    };
    let own = if direction == Some(Direction::Ingress) { &destination } else { &source };
    let point = point(entry, own, flows);
    let connection = &payload.connection;
    let (start, end) = (time(&payload.start)?, time(&payload.end)?);
    let Some(last) = end.or(start) else {
        return Err((Reason::Time, payload.end.octets()));
    };
    let tos = match payload.service.dscp.get::<u8>("dscp")? {
        None => None,
        Some(code @ 0..64) => Some(code << 2),
        Some(_) => return Err((Reason::Number, b"dscp")),
    };
    let Some(protocol) = connection.protocol.get("protocol")? else {
        return Err((Reason::Value, b"protocol"));
    };
    let mut record = Record {
        ends: ends(connection.source.octets(), connection.destination.octets())?,
        ports: (
            connection.source_port.get("src_port")?,
            connection.destination_port.get("dest_port")?,
        ),
        protocol,
        packets: payload.packets.get("packets_sent")?,
        octets: payload.bytes.get("bytes_sent")?,
        // Nothing ends before it begins. The end is what the flow is filed under, so the start is the one not to believe.
        start: start.filter(|start| *start <= last),
        end: last,
        tcp_flags: None,
        tos,
        direction,
        // Of what got through, and of what was not even asked, the log says nothing.
        action: payload.disposition.is("DROPPED").then_some(Action::Rejected),
        via: via(connection.nat.octets())?,
        traffic_path: 0,
        version: 0,
        initiator: initiator(&payload.opened, direction),
        point,
        labels: (0, 0),
        texts: RecordTexts::default(),
    };
    let is_source = direction == Some(Direction::Egress);
    record.labels = (
        labels(&source, is_source.then_some(payload), flows),
        labels(&destination, (!is_source).then_some(payload), flows),
    );
    flows.push(&record);
    Ok(point.1)
}

fn sides<'e, 'a>(payload: &'e Payload<'a>) -> [Side<'e, 'a>; 2] {
    [
        Side {
            instance: &payload.source_instance,
            vpc: &payload.source_vpc,
            gke: &payload.source_gke,
            service: &payload.source_service,
            gateway: &payload.source_gateway,
        },
        Side {
            instance: &payload.destination_instance,
            vpc: &payload.destination_vpc,
            gke: &payload.destination_gke,
            service: &payload.destination_service,
            gateway: &payload.destination_gateway,
        },
    ]
}

/// The numbers of the point where the flow was seen.
#[inline]
fn point(entry: &Entry<'_>, own: &Side<'_, '_>, flows: &mut Flows) -> (u32, u32) {
    let Side { instance, gateway, .. } = own;
    let (vpc, behind, resource) = (own.vpc, &gateway.vpc, &entry.resource.labels);
    let account = [&vpc.project, &instance.project, &gateway.project, &resource.project]
        .into_iter()
        .map(Text::octets)
        .find(|project| !project.is_empty())
        .unwrap_or_else(|| project(entry.log_name.octets()));
    let told = [
        account,
        vpc.name.or(&behind.name).octets(),
        vpc.subnet.or(&behind.subnet).or(&resource.subnet).octets(),
        instance.name.octets(),
        gateway.name.octets(),
        instance.region.or(&vpc.region).or(&gateway.region).octets(),
        instance.zone.octets(),
    ];
    let log = std::str::from_utf8(resource.name.octets()).unwrap_or_default();
    flows.point(told, "", if log.is_empty() { LOG } else { log })
}

/// The project of `projects/P/logs/NAME`.
pub fn project(log_name: &[u8]) -> &[u8] {
    let project = log_name.strip_prefix(b"projects/").unwrap_or_default();
    project.split(|octet| *octet == b'/').next().unwrap_or_default()
}

/// Who opened the connection: the reporter sent the first segment (`EGRESS`), or answered it.
fn initiator(opened: &Text<'_>, direction: Option<Direction>) -> u8 {
    let is_reporter = match opened.octets() {
        b"EGRESS" => true,
        b"INGRESS" => false,
        _ => return 0,
    };
    match direction {
        None => 0,
        Some(way) if (way == Direction::Egress) == is_reporter => Initiator::Source as u8,
        Some(_) => Initiator::Destination as u8,
    }
}

/// The labels of an end; what the flow passed on its way is told of the end that `reports` it.
#[inline]
fn labels(side: &Side<'_, '_>, reports: Option<&Payload<'_>>, flows: &mut Flows) -> u32 {
    let Side { instance, gke, service, gateway, .. } = side;
    let own = [
        ("name", &instance.name),
        ("instancegroup", &instance.group.name),
        ("k8scluster", &gke.cluster.name),
        ("k8snamespace", &gke.pod.namespace),
        ("k8spod", &gke.pod.name),
        ("k8sworkload", &gke.pod.workload.name),
        ("googleservice", service.name.or(&service.kind)),
        ("gateway", &gateway.name),
    ];
    let services = gke.services.iter().map(|service| ("k8sservice", &service.name));
    let passed = reports.map(|payload| {
        [
            ("loadbalancer", payload.balancer.rule.or(&payload.balancer.backend)),
            ("privateserviceconnect", &payload.private.reporter),
        ]
    });
    let all = own.into_iter().chain(services).chain(passed.into_iter().flatten());
    let told = all.filter(|(_, text)| !text.is_empty());
    flows.names().labels(told.map(|(context, text)| (context, text.octets())))
}

/// Counts the members of `entry` that are not known.
#[inline]
pub fn count_unknown(entry: &Entry<'_>, ledger: &mut Ledger) {
    let payload = &entry.payload;
    entry.unknown.count("", ledger);
    payload.unknown.count("jsonPayload.", ledger);
    payload.connection.unknown.count("jsonPayload.connection.", ledger);
    payload.balancer.unknown.count("jsonPayload.load_balancing.", ledger);
    payload.private.unknown.count("jsonPayload.psc.", ledger);
    payload.service.unknown.count("jsonPayload.network_service.", ledger);
    for Side { instance, vpc, gke, service, gateway } in sides(payload) {
        instance.unknown.count("jsonPayload.*_instance.", ledger);
        vpc.unknown.count("jsonPayload.*_vpc.", ledger);
        gke.unknown.count("jsonPayload.*_gke_details.", ledger);
        service.unknown.count("jsonPayload.*_google_service.", ledger);
        gateway.unknown.count("jsonPayload.*_gateway.", ledger);
    }
}
