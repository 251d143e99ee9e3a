//! The second oracle: the crate netflow_parser, which reads NetFlow 5, 7, 9 and IPFIX.
//!
//! Where it is right: its records of NetFlow 5 and 7 field by field; of NetFlow 9 and IPFIX the records of flows in each
//! case. Where it finds fewer, a table says why.

use netflow_parser::{
    AutoScopedParser, NetflowPacket,
    variable_versions::{ipfix, v9},
};
use sensor_core::flow::batch::{Addresses, FlowBatch};

use crate::corpus::{cases, collect, datagrams, name};

/// What the two have in common of a record of NetFlow 5 or 7.
type Fixed = ([u32; 3], [u64; 13]);

fn ours(batch: &FlowBatch) -> Vec<Fixed> {
    let Addresses::V4 { source, destination } = &batch.addresses else { return Vec::new() };
    (0..batch.len())
        .map(|row| {
            (
                [source[row], destination[row], batch.next_hop_v4[row]],
                [
                    batch.interface[row].into(),
                    batch.output_interface[row].into(),
                    batch.packets[row],
                    batch.octets[row],
                    batch.source_port[row].into(),
                    batch.destination_port[row].into(),
                    batch.tcp_flags[row].into(),
                    batch.protocol[row].into(),
                    batch.tos[row].into(),
                    batch.source_as[row].into(),
                    batch.destination_as[row].into(),
                    batch.start[row],
                    batch.end[row],
                ],
            )
        })
        .collect()
}

/// The records of a packet; the versions' structures differ in name only.
macro_rules! theirs {
    ($packet:expr, $flows:expr) => {{
        let header = &$packet.header;
        let export = u64::from(header.unix_secs) * 1000 + u64::from(header.unix_nsecs) / 1_000_000;
        let time = |uptime: u32| {
            export.saturating_add_signed((uptime.wrapping_sub(header.sys_up_time) as i32).into())
        };
        for flow in &$packet.flowsets {
            let (first, last) = (time(flow.first), time(flow.last));
            // A time of 0 is none.
            let last = if last == 0 { if first == 0 { export } else { first } } else { last };
            let first = if first == 0 { last } else { first };
            $flows.push((
                [flow.src_addr.into(), flow.dst_addr.into(), flow.next_hop.into()],
                [
                    flow.input.into(),
                    flow.output.into(),
                    flow.d_pkts.into(),
                    flow.d_octets.into(),
                    flow.src_port.into(),
                    flow.dst_port.into(),
                    flow.tcp_flags.into(),
                    flow.protocol_number.into(),
                    flow.tos.into(),
                    flow.src_as.into(),
                    flow.dst_as.into(),
                    first,
                    last,
                ],
            ));
        }
    }};
}

#[test]
fn records_of_fixed_form_are_the_same() {
    let Some(cases) = cases() else { return };
    let mut compared = 0;
    for case in &cases {
        let mut parser = AutoScopedParser::new();
        let mut wanted: Vec<Fixed> = Vec::new();
        let mut only_fixed = true;
        for datagram in datagrams(case) {
            let parsed = parser.parse_from_source(datagram.from, &datagram.payload);
            only_fixed &= parsed.error.is_none();
            for packet in &parsed.packets {
                match packet {
                    NetflowPacket::V5(packet) => theirs!(packet, wanted),
                    NetflowPacket::V7(packet) => theirs!(packet, wanted),
                    _ => only_fixed = false,
                }
            }
        }
        if only_fixed && !wanted.is_empty() {
            let (_, mut batches) = collect(case);
            assert_eq!(ours(batches.all()[0]), wanted, "{}", name(case));
            compared += wanted.len();
        }
    }
    assert!(compared > 2000, "{compared} records compared");
}

/// Case, records of flows that netflow_parser finds, those that we find, and why.
type Explained = (&'static str, u64, u64, &'static str);

const EMPTY: &str = "it gives up at a field of variable length that is empty";
const LATE: &str = "it drops data that come before their template";

const EXPLAINED: &[Explained] = &[
    ("Graylog2.data-datatemplate.pcap", 0, 4, LATE),
    ("Graylog2.ixflow.pcap", 0, 3, EMPTY),
    ("akvorado.netflow.data+", 10, 21, LATE),
    ("calmh-ipfix.benchmark_test.go.L10", 0, 31, EMPTY),
    ("calmh-ipfix.benchmark_test.go.L42", 0, 31, EMPTY),
    ("calmh-ipfix.interpreter_test.go.L86", 0, 31, EMPTY),
    ("calmh-ipfix.parser_test.go.L135", 0, 31, EMPTY),
    ("calmh-ipfix.parser_test.go.L198", 0, 31, EMPTY),
    ("calmh-ipfix.parser_test.go.L262", 1, 40, EMPTY),
    ("calmh-ipfix.parser_test.go.L289", 0, 31, EMPTY),
    ("calmh-ipfix.parser_test.go.L315", 0, 31, EMPTY),
    ("calmh-ipfix.parser_test.go.L87", 0, 31, EMPTY),
    ("graylog-plugin-integrations.templates-data.ipfix", 0, 1, EMPTY),
    ("ipfixcol.01-odid0.ipfix", 3811, 4251, EMPTY),
    ("ipfixcol.02-odid0.ipfix", 109, 121, EMPTY),
    ("ipfixcol.02-odid4.ipfix", 105, 117, EMPTY),
    ("logstash.IPFIX_Procera", 0, 8, EMPTY),
    (
        "logstash.Netflow_9_Palo_Alto_1_flowset_in_large_zero_filled_packet",
        0,
        1,
        "it refuses a datagram that is filled up with zeros",
    ),
    ("logstash.ipfix_test_ixia_tpldata271.dat", 0, 2, EMPTY),
    ("netflow_parser.src_tests.rs.L1266.ipfix.bin", 0, 1, EMPTY),
    ("pmacct.tests_106-IPFIXv10-HUAWEI-vrf_name_traffic-00.pcap", 0, 3, EMPTY),
    ("telegraf.issue_14370", 0, 2, "it refuses a template with a field of no octets"),
];

fn data_records(case: &std::path::Path) -> Option<u64> {
    let mut parser = AutoScopedParser::new();
    let mut records = 0;
    let mut seen = false;
    for datagram in datagrams(case) {
        for packet in parser.parse_from_source(datagram.from, &datagram.payload).packets {
            seen = true;
            records += match packet {
                NetflowPacket::V5(packet) => packet.flowsets.len(),
                NetflowPacket::V7(packet) => packet.flowsets.len(),
                NetflowPacket::V9(packet) => {
                    let of = |set: &v9::FlowSet| match &set.body {
                        v9::FlowSetBody::Data(data) => data.fields.len(),
                        _ => 0,
                    };
                    packet.flowsets.iter().map(of).sum()
                }
                NetflowPacket::IPFix(packet) => {
                    let of = |set: &ipfix::FlowSet| match &set.body {
                        ipfix::FlowSetBody::Data(data) => data.fields.len(),
                        ipfix::FlowSetBody::V9Data(data) => data.fields.len(),
                        _ => 0,
                    };
                    packet.flowsets.iter().map(of).sum()
                }
                _ => 0,
            } as u64;
        }
    }
    seen.then_some(records)
}

#[test]
fn records_of_flows_are_as_many() {
    let Some(cases) = cases() else { return };
    let mut differences = Vec::new();
    let mut compared = 0;
    for case in &cases {
        let Some(theirs) = data_records(case) else { continue };
        let (collector, _) = collect(case);
        let ledger = collector.ledger();
        let ours = ledger.data_records - ledger.options_records;
        let known = EXPLAINED.iter().find(|(known, ..)| *known == name(case));
        let expected = known.map_or((theirs, theirs), |(_, theirs, ours, _)| (*theirs, *ours));
        if (theirs, ours) != expected {
            differences.push(format!("    (\"{}\", {theirs}, {ours}, \"\"),", name(case)));
        }
        compared += 1;
    }
    assert!(differences.is_empty(), "of {compared} cases:\n{}", differences.join("\n"));
    assert!(compared > 100, "{compared} cases compared");
}
