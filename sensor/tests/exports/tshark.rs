//! What tshark made of a case: the flow records in its JSON, in the fields that a batch has, too.

use std::{fs, net::IpAddr, path::Path};

use sensor_core::flow::batch::{Addresses, FlowBatch};
use serde_json::{Map, Value};

/// A flow in the words of tshark; what it does not tell is not compared.
#[derive(Debug, Default)]
pub struct Flow {
    pub source: Option<IpAddr>,
    pub destination: Option<IpAddr>,
    /// Name and number.
    pub numbers: Vec<(&'static str, u64)>,
    /// Source addresses of either family, as they stand in the record.
    pub v4: Option<IpAddr>,
    pub v6: Option<IpAddr>,
    /// True for a record of options.
    pub options: bool,
}

type Read = fn(&FlowBatch, usize) -> u64;

/// tshark's names, and where the same stands in a batch.
const NUMBERS: [(&str, Read); 20] = [
    ("cflow.srcport", |batch, row| batch.source_port[row].into()),
    ("cflow.dstport", |batch, row| batch.destination_port[row].into()),
    ("cflow.protocol", |batch, row| batch.protocol[row].into()),
    ("cflow.tos", |batch, row| batch.tos[row].into()),
    ("cflow.tcpflags", |batch, row| batch.tcp_flags[row].into()),
    ("cflow.inputint", |batch, row| batch.interface[row].into()),
    ("cflow.outputint", |batch, row| batch.output_interface[row].into()),
    ("cflow.direction", |batch, row| batch.direction[row].into()),
    ("cflow.octets", |batch, row| batch.octets[row]),
    ("cflow.packets", |batch, row| batch.packets[row]),
    ("cflow.srcas", |batch, row| batch.source_as[row].into()),
    ("cflow.dstas", |batch, row| batch.destination_as[row].into()),
    ("cflow.ttl_min", |batch, row| batch.ttl_min[row].into()),
    ("cflow.ttl_max", |batch, row| batch.ttl_max[row].into()),
    ("cflow.flow_end_reason", |batch, row| batch.end_reason[row].into()),
    ("cflow.vlanid", |batch, row| batch.vlan[row].into()),
    ("cflow.ingress_vrfid", |batch, row| batch.input_vrf[row].into()),
    ("cflow.egress_vrfid", |batch, row| batch.output_vrf[row].into()),
    ("cflow.nexthop", |batch, row| batch.next_hop_v4[row].into()),
    ("cflow.icmp_type_code_ipv4", |batch, row| batch.icmp_type_code[row].into()),
];

/// The flows of the case in the order of the datagrams.
pub fn flows(case: &Path) -> Vec<Flow> {
    let text = fs::read_to_string(case.join("expected.tshark.json")).expect("an expectation");
    let mut flows = Vec::new();
    find(&serde_json::from_str(&text).expect("JSON"), &mut flows);
    flows.retain(|flow: &Flow| {
        !flow.options && (flow.source.is_some() || flow.destination.is_some())
    });
    flows
}

/// Records with addresses of both families: those whose IPv4 addresses are 0.0.0.0, and those in which both are told.
pub fn both_families(case: &Path) -> (usize, usize) {
    let mut counts = (0, 0);
    let pairs = flows(case).into_iter().filter_map(|flow| Some((flow.v4?, flow.v6?)));
    for (v4, v6) in pairs {
        match (v4.is_unspecified(), v6.is_unspecified()) {
            (true, false) => counts.0 += 1,
            (false, false) => counts.1 += 1,
            _ => {}
        }
    }
    counts
}

fn find(value: &Value, flows: &mut Vec<Flow>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| find(value, flows)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Object(record)
                        if name.starts_with("Flow ") || name.starts_with("pdu ") =>
                    {
                        flows.push(flow(record));
                    }
                    _ => find(value, flows),
                }
            }
        }
        _ => {}
    }
}

/// The first value of a field, or the number of it.
fn text<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match record.get(name)? {
        Value::Array(values) => values.first()?.as_str(),
        value => value.as_str(),
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text
            .parse()
            .ok()
            .or_else(|| text.parse::<std::net::Ipv4Addr>().ok().map(|ip| u32::from(ip).into())),
    }
}

fn flow(record: &Map<String, Value>) -> Flow {
    let address = |name: &str| text(record, name)?.parse::<IpAddr>().ok();
    let is_told = |ip: &IpAddr| !ip.is_unspecified();
    let v4 = (address("cflow.srcaddr"), address("cflow.dstaddr"));
    let v6 = (address("cflow.srcaddrv6"), address("cflow.dstaddrv6"));
    let none = |pair: (Option<IpAddr>, Option<IpAddr>)| {
        !pair.0.as_ref().is_some_and(is_told) && !pair.1.as_ref().is_some_and(is_told)
    };
    let has = |pair: (Option<IpAddr>, Option<IpAddr>)| pair.0.is_some() || pair.1.is_some();
    // Records of both families: the one that is told, else the first in the record.
    let (source, destination) = match (has(v4), has(v6)) {
        (true, false) => v4,
        (false, true) => v6,
        (false, false) => (None, None),
        (true, true) if none(v6) => v4,
        (true, true) if none(v4) => v6,
        // A packet in a packet: tshark does not keep the order that would tell which is the outer one.
        (true, true) => v6,
    };
    let numbers = NUMBERS
        .iter()
        .filter_map(|(name, _)| Some((*name, number(text(record, name)?)?)))
        // 255 and the like: neither way.
        .filter(|(name, value)| *name != "cflow.direction" || *value <= 1)
        .collect();
    let options = record.keys().any(|name| name.starts_with("cflow.scope_"));
    Flow { source, destination, numbers, v4: v4.0, v6: v6.0, options }
}

/// A row of ours, in the same words.
pub fn addresses(batch: &FlowBatch, row: usize) -> (IpAddr, IpAddr) {
    match &batch.addresses {
        Addresses::V4 { source, destination } => {
            (IpAddr::V4(source[row].into()), IpAddr::V4(destination[row].into()))
        }
        Addresses::V6 { source, destination } => {
            (IpAddr::V6(source[row].into()), IpAddr::V6(destination[row].into()))
        }
    }
}

/// The first field in which row `row` of `batch` differs from `flow`.
pub fn difference(flow: &Flow, batch: &FlowBatch, row: usize) -> Option<&'static str> {
    let (source, destination) = addresses(batch, row);
    if flow.source.is_some_and(|wanted| wanted != source) {
        return Some("source");
    }
    if flow.destination.is_some_and(|wanted| wanted != destination) {
        return Some("destination");
    }
    for (name, wanted) in &flow.numbers {
        let (_, read) = NUMBERS.iter().find(|(known, _)| known == name).expect("a known name");
        if read(batch, row) != *wanted {
            return Some(name);
        }
    }
    None
}
