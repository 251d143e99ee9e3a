//! An ordinary day of a virtual network in a cloud, as the flow logs of three clouds tell it: load balancers with health checks,
//! web servers, a database, monitoring, updates through a NAT gateway, a nightly backup, and what the Internet tries at the
//! border and gets rejected. No policy that is on as shipped may call any of it severe; `vpc.alerts` has what they say, and
//! `UPDATE_EXPECT=1` writes it anew.

mod day;

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use sensor_core::{
    flow::{batch::Source, initiator::Initiator, networks::Networks, prefix::prefix},
    policy::alert::{EventKind, Severity},
};
use sensor_wire::cloud::{
    double::{Double, Reporting},
    flows::{Ends, Flows, Record, RecordTexts},
};

use self::day::{DAY, Flow, MINUTE, START, day};
use crate::{
    Bench,
    feed::{View, context},
    stock_policies,
};

/// The hosts whose trade looks like an attack, and whom the database may talk to.
const ROLES: [(&str, &str); 9] = [
    ("10.0.3.5", "monitoring"),
    ("10.0.2.20", "database"),
    ("52.218.0.7", "backup"),
    ("10.0.1.10", "application"),
    ("10.0.1.11", "application"),
    ("10.0.1.12", "application"),
    ("10.0.1.13", "application"),
    ("10.0.1.14", "application"),
    ("10.0.1.15", "application"),
];

/// What the log of a cloud tells of a flow; none where it tells nothing.
fn told(cloud: Source, flow: &Flow, flows: &mut Flows) -> Option<Record> {
    if cloud == Source::Gcp && flow.is_rejected() {
        return None;
    }
    let interface = flow.interface.to_string();
    let point = flows.point(
        [b"123456789012", b"vpc-0a", b"", b"", interface.as_bytes(), b"eu-west-1", b""],
        "123456789012",
        "fl-0a",
    );
    // Google scales samples up, and counts no headers.
    let estimate = |packets: u64| packets.next_multiple_of(8);
    let (packets, octets) = match cloud {
        Source::Gcp => (estimate(flow.packets), flow.octets.saturating_sub(flow.packets * 40)),
        _ => (flow.packets, flow.octets),
    };
    let has_flags = cloud == Source::Aws && flow.flags != 0;
    let initiator = match cloud {
        Source::Aws => Initiator::of_first_segment(flow.flags),
        Source::AzureVnet => Some(flow.opened_by),
        _ => None,
    };
    let has_ports = flow.ports != (0, 0);
    Some(Record {
        ends: Ends::V4(flow.ends.0, flow.ends.1),
        ports: (has_ports.then_some(flow.ports.0), has_ports.then_some(flow.ports.1)),
        protocol: flow.protocol,
        packets: Some(packets),
        octets: Some(octets),
        start: Some(flow.start),
        end: flow.end,
        tcp_flags: has_flags.then_some(flow.flags),
        tos: None,
        direction: Some(flow.direction),
        action: (cloud != Source::Gcp).then_some(flow.action),
        via: None,
        traffic_path: 0,
        version: 5,
        initiator: initiator.map_or(0, |by| by as u8),
        point,
        labels: (0, 0),
        texts: RecordTexts::default(),
    })
}

/// What the policies that are on say of the day: by policy and severity, how many incidents or hits.
fn said(cloud: Source, double: Double, roles: bool) -> (BTreeMap<(String, Severity), u64>, u64) {
    let policies = stock_policies().into_iter().filter(|policy| policy.enabled);
    let known = if roles { &ROLES[..] } else { &[] };
    let context = context(known.iter().copied(), View::Router);
    let mut bench = Bench::new(policies, context);
    let mut flows = Flows::new(cloud);
    let internal = Networks::of([(prefix("10.0.0.0/8").expect("a prefix"), true)]);
    flows.set_reporting(Reporting { double, internal: internal.into(), own: None });
    let (mut records, mut minute) = (0, START);
    for flow in day() {
        if flow.end >= minute + MINUTE {
            minute = flow.end;
            flows.take(true, |batch| bench.observe(batch));
        }
        flows.begin();
        if let Some(record) = told(cloud, &flow, &mut flows) {
            flows.push(&record);
            flows.end(record.point.1);
            records += 1;
        }
    }
    flows.take(true, |batch| bench.observe(batch));
    let mut said = BTreeMap::new();
    for event in bench.finish(START + DAY + 600_000) {
        if matches!(event.kind, EventKind::Hit | EventKind::Start) {
            *said.entry((event.policy.name.clone(), event.severity)).or_default() += 1;
        }
    }
    (said, records)
}

#[test]
fn the_day_of_a_virtual_network_is_ordinary() {
    let mut text = String::new();
    for (cloud, double, roles) in [
        (Source::Aws, Double::OneSide, true),
        (Source::Aws, Double::Keep, false),
        (Source::AzureVnet, Double::OneSide, true),
        (Source::Gcp, Double::OneSide, true),
    ] {
        let (said, records) = said(cloud, double, roles);
        let known = if roles { "with roles" } else { "without roles" };
        let all: u64 = said.values().sum();
        let line = format!(
            "{} {} {known}: {records} records, {all} alerts\n",
            cloud.name(),
            double.name()
        );
        text += &line;
        for ((policy, severity), count) in &said {
            writeln!(text, "  {policy} {} {count}", severity.name()).expect("a string");
        }
        let severe = said.keys().filter(|(_, severity)| *severity == Severity::High).count();
        assert_eq!(severe, 0, "{text}");
        assert!(all <= if roles { 20 } else { 60 }, "{text}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/vpc.alerts");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &text).expect("room");
    }
    assert_eq!(fs::read_to_string(&path).expect("a file"), text);
}
