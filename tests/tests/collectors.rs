//! Our messages at other people's collectors: nfcapd stores every flow, tshark finds nothing to complain about and
//! reads every field as we meant it.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use sensor::export::{
    account::Account,
    ipfix::{
        IpfixSink,
        metering::MeteringProcess,
        options::{Destination, FileOptions, IpfixOptions, Transport},
    },
    sink::Sink,
};
use sensor_core::flow::{
    application,
    batch::{Addresses, FlowBatch, Source},
    device::Device,
    interfaces::{Interface, Interfaces},
};
use serde_json::{Map, Value};
use tests::{
    collector::{Collector, Manner},
    export::{DEADLINE, to},
    flows, peers,
};

fn batches() -> Vec<Arc<FlowBatch>> {
    vec![
        flows::ipv4(0, 1000),
        flows::ipv6(1, 500),
        flows::ipv4_half_folded(2, 100),
        flows::ipv6_half_folded(3, 100),
        flows::routed_ipv4(4, 300),
        flows::routed_ipv6(5, 200),
    ]
}

fn export(destination: Destination, batches: &[Arc<FlowBatch>]) -> Result<Account> {
    let metering = MeteringProcess::new();
    let eth0 = Interface { name: "eth0".into(), alias: "to the north".into() };
    metering.set_interfaces(&Interfaces([(2, eth0)].into()));
    let sink = IpfixSink::start(destination, IpfixOptions::default(), &metering)?;
    for batch in batches {
        ensure!(sink.offer(batch), "no room");
    }
    sink.stop(DEADLINE);
    let account = sink.join();
    ensure!(account.balances() && account.sent == account.offered, "{account:?}");
    Ok(account)
}

#[test]
fn nfcapd_stores_every_flow() -> Result<()> {
    if !(peers::require("nfcapd") && peers::require("nfdump")) {
        return Ok(());
    }
    let nfcapd = peers::Nfcapd::start()?;
    let batches = batches();
    let account = export(to(Transport::udp(), "127.0.0.1", nfcapd.port), &batches)?;
    let (stored, log) = nfcapd.finish()?;

    ensure!(log.contains("Sequence Errors: 0, Bad Packets: 0"), "{log}");
    let sum = |field: &str| stored.iter().filter_map(|flow| flow[field].as_u64()).sum::<u64>();
    ensure!(
        (stored.len() as u64, sum("in_packets"), sum("in_bytes"))
            == (account.sent.flows, account.sent.packets, account.sent.octets),
        "{} flows of {account:?}",
        stored.len()
    );
    let mut stored: Vec<_> = stored.iter().map(nfdump_row).collect();
    let rows = batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
    let mut wanted: Vec<_> = rows.map(|(batch, row)| wanted_nfdump_row(batch, row)).collect();
    stored.sort();
    wanted.sort();
    for (stored, wanted) in stored.iter().zip(&wanted) {
        ensure!(stored == wanted, "nfdump says\n{stored}, not\n{wanted}");
    }
    Ok(())
}

/// The fields of a flow that nfdump prints, in one line.
fn nfdump_row(flow: &Value) -> String {
    let text = |field: &str| flow[field].to_string().replace('"', "");
    let either = |a: &str, b: &str| if flow.get(a).is_some() { text(a) } else { text(b) };
    [
        either("src4_addr", "src6_addr"),
        either("dst4_addr", "dst6_addr"),
        either("src_port", "icmp_type"),
        either("dst_port", "icmp_code"),
        text("proto"),
        text("src_tos"),
        text("input_snmp"),
        text("output_snmp"),
        text("direction"),
        text("src_vlan"),
        text("in_packets"),
        text("in_bytes"),
        text("in_src_mac"),
        text("in_dst_mac"),
    ]
    .join(" ")
}

fn wanted_nfdump_row(batch: &FlowBatch, row: usize) -> String {
    let (source, destination) = addresses(batch, row);
    let (ingress, egress) = interfaces(batch, row);
    let (first, second) = match batch.protocol[row] {
        1 | 58 => (batch.icmp_type_code[row] >> 8, batch.icmp_type_code[row] & 0xff),
        _ => (batch.source_port[row], batch.destination_port[row]),
    };
    // What was not exported nfdump does not print.
    let vlan = if tells_vlan(batch) { batch.vlan[row].to_string() } else { "null".to_owned() };
    format!(
        "{source} {destination} {first} {second} {} {} {ingress} {egress} {} {vlan} {} {} {} {}",
        batch.protocol[row],
        batch.tos[row],
        batch.direction[row],
        batch.packets[row],
        batch.octets[row],
        told_mac(&batch.source_mac, row),
        told_mac(&batch.destination_mac, row),
    )
}

/// Whether there is a field for VLANs: routers that tell none leave 0 in all rows.
fn tells_vlan(batch: &FlowBatch) -> bool {
    batch.observed_by == Source::Host || batch.vlan.iter().any(|vlan| *vlan != 0)
}

fn told_mac(column: &[[u8; 6]], row: usize) -> String {
    column.get(row).map_or_else(|| "null".to_owned(), |octets| mac(*octets))
}

#[test]
fn tshark_reads_our_datagrams_as_we_meant_them() -> Result<()> {
    if !(tests::root("capturing on loopback")
        && peers::require("tcpdump")
        && peers::require("tshark"))
    {
        return Ok(());
    }
    // Somebody must listen, or the host refuses the datagrams.
    let listener = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let capture = peers::Capture::start(&format!("udp port {port}"))?;
    let account = export(to(Transport::udp(), "127.0.0.1", port), &batches())?;
    let (path, _directory) = capture.finish(account.message_octets)?;
    check_dissection(&path, Some(&format!("udp.port=={port}")))
}

#[test]
fn tshark_reads_our_stream_as_we_meant_it() -> Result<()> {
    if !(tests::root("capturing on loopback")
        && peers::require("tcpdump")
        && peers::require("tshark"))
    {
        return Ok(());
    }
    let collector = Collector::start(Manner::Reads)?;
    let port = collector.address.port();
    let capture = peers::Capture::start(&format!("tcp port {port}"))?;
    let account = export(to(Transport::Tcp, "127.0.0.1", port), &batches())?;
    let (path, _directory) = capture.finish(account.message_octets)?;
    check_dissection(&path, Some(&format!("tcp.port=={port}")))
}

#[test]
fn tshark_reads_our_files_as_we_meant_them() -> Result<()> {
    if !peers::require("tshark") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let options = FileOptions::new(directory.path().to_owned());
    export(Destination::Files(options), &batches())?;
    let file = std::fs::read_dir(directory.path())?.next().context("a file")??;
    check_dissection(&file.path(), None)
}

#[test]
fn tshark_notices_a_message_that_is_missing() -> Result<()> {
    if !peers::require("tshark") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let options = FileOptions::new(directory.path().to_owned());
    export(Destination::Files(options), &batches())?;
    let path = std::fs::read_dir(directory.path())?.next().context("a file")??.path();
    let whole = std::fs::read(&path)?;
    let (templates, rest) = sensor_wire::ipfix::decode::split_message(&whole).context("one")?;
    let (_, rest) = sensor_wire::ipfix::decode::split_message(rest).context("another")?;
    std::fs::write(&path, [templates, rest].concat())?;
    ensure!(!complaints(&path, None)?.is_empty(), "the checks of these tests see no gap");
    Ok(())
}

const COMPLAINTS: &str =
    "_ws.malformed || cflow.unexpected_sequence_number || cflow.no_template_found";

fn complaints(capture: &Path, decode_as: Option<&str>) -> Result<Vec<Value>> {
    peers::dissect(capture, decode_as, COMPLAINTS)
}

/// Nothing to complain about, every flow there in order, every field as in the batch; statistics and names too.
fn check_dissection(capture: &Path, decode_as: Option<&str>) -> Result<()> {
    let complaints = complaints(capture, decode_as)?;
    ensure!(complaints.is_empty(), "tshark complains: {complaints:#?}");
    let packets = peers::dissect(capture, decode_as, "cflow")?;
    let mut records = Vec::new();
    for packet in &packets {
        let layers = packet["_source"]["layers"].as_object().context("layers")?;
        collect_records(layers, &mut records);
    }
    let mut flows = records.iter().filter(|record| record.contains_key("cflow.octets"));
    for batch in batches() {
        for folded in [0, 1] {
            for row in (0..batch.len()).filter(|row| batch.folded[*row] == folded) {
                let flow = flows.next().context("a flow is missing")?;
                let (held, wanted) = (held(flow), wanted(&batch, row));
                ensure!(held == wanted, "tshark says\n{held:#?}, not\n{wanted:#?}");
            }
        }
    }
    ensure!(flows.next().is_none(), "a flow too many");
    let find = |field: &str| records.iter().find(|record| record.contains_key(field));
    let names = find("cflow.if_name").context("interface names")?;
    ensure!(names["cflow.if_name"] == "eth0" && names["cflow.inputint"] == "2", "{names:#?}");
    ensure!(names["cflow.if_descr"] == "to the north", "{names:#?}");
    let metering = find("cflow.flowsexp").context("metering process statistics")?;
    ensure!(metering["cflow.flowsexp"] == "2200", "{metering:#?}");
    let reliability = find("cflow.ignore_packets").context("metering process reliability")?;
    ensure!(reliability["cflow.ignore_octets"] == "0", "{reliability:#?}");
    let exporting = find("cflow.notsent_flows").context("exporting process reliability")?;
    ensure!(exporting["cflow.notsent_packets"] == "0", "{exporting:#?}");
    Ok(())
}

/// All "Flow N" objects at any depth, by set and number.
fn collect_records<'a>(tree: &'a Map<String, Value>, records: &mut Vec<&'a Map<String, Value>>) {
    let number =
        |name: &str| name.split([' ', '[', '(']).nth(1).and_then(|n| n.parse::<u32>().ok());
    let mut children: Vec<_> = tree.iter().collect();
    children.sort_by_key(|(name, _)| number(name));
    for (name, child) in children {
        // Several messages in one TCP segment come as an array.
        let objects: Vec<_> = match child {
            Value::Array(all) => all.iter().filter_map(Value::as_object).collect(),
            one => one.as_object().into_iter().collect(),
        };
        for object in objects {
            match name.starts_with("Flow ") {
                true => records.push(object),
                false => collect_records(object, records),
            }
        }
    }
}

/// The leaves of a flow as tshark prints them, without those that it works out from others.
fn held(flow: &Map<String, Value>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (name, value) in flow {
        match (name.as_str(), value) {
            ("cflow.timedelta", _) | ("cflow.tcpflags_tree", _) => {}
            (_, Value::Object(inner)) => fields.extend(held(inner)),
            (_, Value::String(value)) => fields.push((name.clone(), value.clone())),
            (_, other) => fields.push((name.clone(), other.to_string())),
        }
    }
    fields.sort();
    fields
}

fn wanted(batch: &FlowBatch, row: usize) -> Vec<(String, String)> {
    let v6 = batch.ip_version() == 6;
    let (source, destination) = addresses(batch, row);
    let (ingress, egress) = interfaces(batch, row);
    let icmp = batch.icmp_type_code[row];
    let mut fields = vec![
        (if v6 { "srcaddrv6" } else { "srcaddr" }, source),
        (if v6 { "dstaddrv6" } else { "dstaddr" }, destination),
        ("srcport", batch.source_port[row].to_string()),
        ("dstport", batch.destination_port[row].to_string()),
        ("protocol", batch.protocol[row].to_string()),
        ("tos", format!("{:#04x}", batch.tos[row])),
        ("tcpflags", format!("{:#06x}", batch.tcp_flags[row])),
        ("direction", batch.direction[row].to_string()),
        ("inputint", ingress.to_string()),
        ("outputint", egress.to_string()),
        ("octets", batch.octets[row].to_string()),
        ("packets", batch.packets[row].to_string()),
        ("abstimestart", time(batch.start[row])),
        ("abstimeend", time(batch.end[row])),
        ("ip_version", batch.ip_version().to_string()),
    ];
    let mut told = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
    told("layer2_octet_delta_count", text(&batch.layer2_octets, row));
    told("ttl_min", text(&batch.ttl_min, row));
    told("ttl_max", text(&batch.ttl_max, row));
    told("srcmac", batch.source_mac.get(row).copied().map(mac));
    told("dstmac", batch.destination_mac.get(row).copied().map(mac));
    // Of these 0 says that nobody told.
    let any = |column: &[u32]| column.iter().any(|number| *number != 0);
    if tells_vlan(batch) {
        told("vlanid", text(&batch.vlan, row));
    }
    if batch.end_reason.iter().any(|reason| *reason != 0) {
        told("flow_end_reason", text(&batch.end_reason, row));
    }
    if batch.observed_by == Source::Host || batch.initiator.iter().any(|by| *by != 0) {
        told("biflow_direction", text(&batch.initiator, row));
    }
    if any(&batch.sample_rate) {
        told("sampling_interval", text(&batch.sample_rate, row));
    }
    told("post_vlanid", text(&batch.destination_vlan, row));
    told("nexthop", batch.next_hop_v4.get(row).map(|hop| Ipv4Addr::from(*hop).to_string()));
    told("nexthopv6", batch.next_hop_v6.get(row).map(|hop| Ipv6Addr::from(*hop).to_string()));
    told("srcas", text(&batch.source_as, row));
    told("dstas", text(&batch.destination_as, row));
    told("ingress_vrfid", text(&batch.input_vrf, row));
    told("egress_vrfid", text(&batch.output_vrf, row));
    if let Some(application) = batch.application.get(row) {
        let [engine, selector @ ..] = application::field::<4>(*application);
        let selector = selector.map(|octet| format!("{octet:02x}")).join(":");
        told("appl_id.classification_engine_id", Some(engine.to_string()));
        told("appl_id.selector_id", Some(selector));
    }
    if let Some(action) = batch.action.get(row) {
        let reason = [
            "forwarding_status_unknown_code",
            "forwarding_status_forward_code",
            "forwarding_status_drop_code",
        ][usize::from(*action)];
        told("forwarding_status", Some(action.to_string()));
        told(reason, Some("0".to_owned()));
    }
    if let Some(address) = batch.device_of(row).and_then(Device::address) {
        let v6 = address.is_ipv6();
        let name = if v6 { "exporter_addr_v6" } else { "exporter_addr" };
        told(name, Some(address.to_string()));
    }
    if v6 {
        fields.push(("icmp_ipv6_type", (icmp >> 8).to_string()));
        fields.push(("icmp_ipv6_code", (icmp & 0xff).to_string()));
    } else {
        fields.push(("icmp_type_code_ipv4", format!("{icmp:#06x}")));
    }
    if batch.folded[row] == 1 {
        // Fields of the key by their place in the template: all of these but the remote end's.
        let key: u64 = if batch.direction[row] == 0 { 0x40_07f6 } else { 0x40_07e9 };
        fields.push(("post_key", key.to_be_bytes().map(|octet| format!("{octet:02x}")).join(":")));
    }
    let mut fields: Vec<_> =
        fields.into_iter().map(|(name, value)| (format!("cflow.{name}"), value)).collect();
    fields.sort();
    fields
}

fn text<T: ToString>(column: &[T], row: usize) -> Option<String> {
    column.get(row).map(T::to_string)
}

fn addresses(batch: &FlowBatch, row: usize) -> (String, String) {
    match &batch.addresses {
        Addresses::V4 { source, destination } => {
            (Ipv4Addr::from(source[row]).to_string(), Ipv4Addr::from(destination[row]).to_string())
        }
        Addresses::V6 { source, destination } => {
            (Ipv6Addr::from(source[row]).to_string(), Ipv6Addr::from(destination[row]).to_string())
        }
    }
}

fn interfaces(batch: &FlowBatch, row: usize) -> (u32, u32) {
    if let Some(output) = batch.output_interface.get(row) {
        return (batch.interface[row], *output);
    }
    match batch.direction[row] {
        0 => (batch.interface[row], 0),
        _ => (0, batch.interface[row]),
    }
}

fn mac(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

/// As tshark prints it; all flows are of the hour after [`flows::START`].
fn time(milliseconds: u64) -> String {
    let of_hour = milliseconds - flows::START + (13 * 60 + 20) * 1000;
    let (minutes, seconds, rest) = (of_hour / 60_000, of_hour / 1000 % 60, of_hour % 1000);
    format!("Nov 14, 2023 22:{minutes:02}:{seconds:02}.{rest:03}000000 UTC")
}
