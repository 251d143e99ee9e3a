//! Whole objects: made ones, and the corpus where it is there (`SENSOR_CORPORA`, else `../shared/corpora` beside the workspace).

use std::{
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    fields::{FIELDS, OwnedValue, Row, find},
    interfaces::Interfaces,
};

use super::{
    aws::layout::Layout,
    decoder::{Decoder, Hints},
    flows::Flows,
    format::Format,
    ledger::{Ledger, Reason},
    testing::Decoded,
};

pub const HEADING: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
pub const OBJECT: &str = "x/123456789012_vpcflowlogs_eu-west-1_fl-0a1b_20260101T0000Z_ffff.log.gz";

/// What an object becomes, however it is cut into pieces.
pub fn decode(text: &[u8], pieces: usize, hints: &Hints) -> (Vec<FlowBatch>, Ledger) {
    let mut flows = Flows::new(Format::Aws.source());
    let mut decoder = Decoder::new(Format::Aws, OBJECT, hints);
    let mut batches = Vec::new();
    for piece in text.chunks(pieces) {
        decoder.feed(piece, &mut flows);
        flows.take(false, |batch| batches.push(batch));
    }
    decoder.finish(&mut flows);
    flows.take(true, |batch| batches.push(batch));
    let mut ledger = Ledger::default();
    for (_, own) in flows.ledgers() {
        assert!(own.is_balanced(), "{own:?}");
        ledger.add(own);
    }
    let rows: usize = batches.iter().map(FlowBatch::len).sum();
    assert_eq!(rows as u64, ledger.rows);
    (batches, ledger)
}

fn aws(text: &str) -> (Vec<FlowBatch>, Ledger) {
    decode(text.as_bytes(), usize::MAX, &Hints::default())
}

/// The value of a field in a row.
fn value(batch: &FlowBatch, row: usize, name: &str) -> Option<OwnedValue> {
    let interfaces = Interfaces::default();
    OwnedValue::of(find(name).expect(name).value(Row { batch, row, interfaces: &interfaces }))
}

/// The same as text; empty where it is absent.
pub fn shown(batch: &FlowBatch, row: usize, name: &str) -> String {
    match value(batch, row, name) {
        None => String::new(),
        Some(OwnedValue::Integer(number) | OwnedValue::NumberText(number)) => number.to_string(),
        Some(OwnedValue::Ip(address)) => address.to_string(),
        Some(OwnedValue::Text(text)) => text.into(),
        Some(OwnedValue::Bool(flag)) => flag.to_string(),
        Some(other) => format!("{other:?}"),
    }
}

/// The values of all fields of all rows, as text, in the order of the batches' families.
pub fn all_values(batches: &[FlowBatch]) -> Vec<Vec<String>> {
    let rows = |batch: &FlowBatch| -> Vec<Vec<String>> {
        let values = |row| FIELDS.iter().map(|field| shown(batch, row, field.name)).collect();
        (0..batch.len()).map(values).collect()
    };
    let (v4, v6): (Vec<_>, Vec<_>) =
        batches.iter().partition(|batch| matches!(batch.addresses, Addresses::V4 { .. }));
    v4.into_iter().chain(v6).flat_map(rows).collect()
}

pub fn check(batch: &FlowBatch, row: usize, expected: &[(&str, &str)]) {
    for (name, text) in expected {
        assert_eq!(shown(batch, row, name), *text, "{name} of row {row}");
    }
}

#[test]
fn the_default_layout_becomes_flows() {
    let record = "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1718530010 1718530070 REJECT OK";
    for text in [
        format!("{HEADING}{record}\n"),
        record.to_owned(),
        format!("\u{feff}{HEADING}\r\n{record}\r\n"),
    ] {
        let (batches, ledger) = aws(&text);
        assert_eq!((ledger.flows, ledger.records), (1, 1), "{text}");
        check(
            &batches[0],
            0,
            &[
                ("flowtype", "aws"),
                ("flowversion", "2"),
                ("accountid", "123456789010"),
                ("interfaceid", "eni-1235b8ca"),
                ("interface", "eni-1235b8ca"),
                ("flowsrcname", "123456789010/fl-0a1b"),
                ("srcip", "172.31.16.139"),
                ("dstip", "172.31.16.21"),
                ("srcport", "20641"),
                ("dstport", "22"),
                ("protocol", "tcp"),
                ("packets", "20"),
                ("bits", "33992"),
                ("start", "1718530010000"),
                ("end", "1718530070000"),
                ("timestamp", "1718530070"),
                ("duration", "60000"),
                ("action", "rejected"),
                ("datastatus", "OK"),
                ("samplerate", "1"),
                // Nothing of this is told, and nothing of it is 0.
                ("tcpflagsint", ""),
                ("tcpflags.syn", ""),
                ("direction", ""),
                ("tos", ""),
                ("fragment", ""),
                ("input", ""),
                ("output", ""),
                ("inputname", ""),
                ("outputname", ""),
                ("flowsrcip", ""),
                ("nexthop", ""),
                ("ttlmin", ""),
                ("vpcid", ""),
                ("viaip", ""),
            ],
        );
    }
}

pub const V5: &str = "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status\n";

#[test]
fn fields_of_later_versions_are_read_wherever_they_stand() {
    let (batches, _) = aws(&format!(
        "{V5}5 52.95.128.179 10.0.0.71 80 34210 6 1616729292 1616729349 IPv4 14 15044 123456789012 vpc-ab subnet-a i-0c5 eni-12 ap-southeast-2 apse2-az3 - - ACCEPT 19 52.95.128.179 10.0.0.71 S3 - - ingress OK\n\
         5 10.0.0.7 52.95.128.179 34210 80 6 1616729292 1616729349 IPv4 7 471 123456789012 vpc-ab subnet-a i-0c5 eni-12 ap-southeast-2 apse2-az3 outpost op-1 ACCEPT 0 10.0.0.71 52.95.128.179 - S3 8 egress OK\n"
    ));
    check(
        &batches[0],
        0,
        &[
            ("vpcid", "vpc-ab"),
            ("subnetid", "subnet-a"),
            ("instanceid", "i-0c5"),
            ("region", "ap-southeast-2"),
            ("zone", "apse2-az3"),
            ("direction", "ingress"),
            ("inputname", "eni-12"),
            ("outputname", ""),
            ("tcpflagsint", "19"),
            ("tcpflags.ack", "true"),
            // What AWS does not show is not told; what it does is.
            ("tcpflags.psh", ""),
            ("tcpflags.rst", "false"),
            ("initiator", "dst"),
            ("initiatorguessed", "false"),
            ("trafficpath", ""),
            ("viaip", ""),
        ],
    );
    check(
        &batches[0],
        1,
        &[
            ("zone", "op-1"),
            ("direction", "egress"),
            ("inputname", ""),
            ("outputname", "eni-12"),
            ("tcpflagsint", ""),
            ("trafficpath", "8"),
            ("srcip", "10.0.0.71"),
            ("viaip", "10.0.0.7"),
        ],
    );
}

#[test]
fn the_addresses_are_those_in_the_packets() {
    let text = "srcaddr dstaddr pkt-srcaddr pkt-dstaddr protocol end interface-id\n\
        10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5 6 1718530070 eni-nat\n\
        10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5 6 1718530070 eni-nat\n\
        10.0.1.5 203.0.113.5 - - 6 1718530070 eni-1\n";
    let (batches, _) = aws(text);
    for (row, source, destination, via) in [
        (0, "10.0.1.5", "203.0.113.5", "10.0.0.220"),
        (1, "203.0.113.5", "10.0.1.5", "10.0.0.220"),
        (2, "10.0.1.5", "203.0.113.5", ""),
    ] {
        check(&batches[0], row, &[("srcip", source), ("dstip", destination), ("viaip", via)]);
        let untold = [
            "packets",
            "bits",
            "octets",
            "bitsxrate",
            "start",
            "duration",
            "flowbrate",
            "pbratio",
            "action",
        ];
        untold.into_iter().for_each(|name| check(&batches[0], row, &[(name, "")]));
    }
}

#[test]
fn a_port_that_a_layout_lacks_is_absent_and_not_0() {
    // Both ports, one of them, none; and ICMP, which has none whatever the layout.
    for (names, source, destination) in [
        ("srcport dstport", "443", "444"),
        ("srcport", "443", ""),
        ("dstport", "", "444"),
        ("", "", ""),
    ] {
        let values = |own: [&str; 2]| {
            let told = names.split_ascii_whitespace();
            let told = told.map(|name| own[usize::from(name == "dstport")]);
            told.map(|value| format!(" {value}")).collect::<String>()
        };
        let (ports, zeros) = (values(["443", "444"]), values(["0", "0"]));
        let line = |protocol, ports: &str| {
            format!("10.0.0.9 10.0.0.1 {protocol} 1718530070 eni-1{ports}\n")
        };
        let text =
            format!("srcaddr dstaddr protocol end interface-id {names}\n").replace(" \n", "\n");
        let turns = (line(6, &ports) + &line(1, &zeros)).repeat(3);
        let (batches, _) = aws(&(text + &turns));
        // Rows of both kinds take turns; they do not each end a batch.
        assert_eq!(batches.len(), if names.len() > 8 { 1 } else { 2 }, "{names}");
        for batch in &batches {
            for row in 0..batch.len() {
                let is_icmp = shown(batch, row, "protocol") == "icmp";
                let told = if is_icmp { ("0", "0") } else { (source, destination) };
                // 443 is the server's, where both are told.
                let client = if told == ("443", "444") { "444" } else { "" };
                let ports = [("srcport", told.0), ("dstport", told.1), ("clientport", client)];
                check(batch, row, &ports);
            }
        }
    }
}

#[test]
fn services_workloads_tags_and_unknown_fields_become_labels() {
    let heading = "srcaddr dstaddr protocol end flow-direction pkt-dst-aws-service ecs-service-name instance-tag interface-tag-2 Novel-Field";
    let text = format!(
        "{heading}\n10.0.0.1 10.0.0.2 6 1718530070 egress S3 web env:prod - x\n\
         10.0.0.2 10.0.0.1 6 1718530070 ingress - web env:prod tier:1 -\n"
    );
    let (batches, _) = aws(&text);
    let batch = &batches[0];
    let labels = |column: &[u32], row: usize| -> Vec<String> {
        let labels = batch.label_sets.get(column.get(row).copied().unwrap_or(0)).clone();
        labels.iter().map(|(context, values)| format!("{context}={}", values.join(","))).collect()
    };
    let own = ["ecsservice=web", "instancetag=env:prod"];
    assert_eq!(labels(&batch.source_labels, 0), [&own[..], &["novel-field=x"]].concat());
    assert_eq!(labels(&batch.destination_labels, 0), ["awsservice=S3"]);
    assert!(labels(&batch.source_labels, 1).is_empty());
    assert_eq!(labels(&batch.destination_labels, 1), [&own[..], &["interfacetag=tier:1"]].concat());
}

#[test]
fn transit_gateways_have_their_own_default() {
    let record = "6 TransitGateway 123456789012 tgw-1 tgw-attach-1 111111111111 222222222222 vpc-src vpc-dst subnet-src subnet-dst eni-s eni-d use1-az1 use1-az2 tgw-attach-2 10.0.0.1 10.0.1.1 12345 443 6 0 0 1700000000 1700000060 OK IPv4 0 7 2 0 2 us-east-1";
    let (batches, _) = aws(&format!("{record} egress - -\n{record} ingress - -\n"));
    let both = [
        ("interfaceid", "tgw-attach-1"),
        ("rejectreason", "blackhole"),
        ("action", "rejected"),
        ("region", "us-east-1"),
        ("tcpflagsint", "2"),
    ];
    check(&batches[0], 0, &both);
    check(
        &batches[0],
        0,
        &[("vpcid", "vpc-dst"), ("subnetid", "subnet-dst"), ("zone", "use1-az2")],
    );
    check(&batches[0], 1, &both);
    check(
        &batches[0],
        1,
        &[("vpcid", "vpc-src"), ("subnetid", "subnet-src"), ("zone", "use1-az1")],
    );
    let got_through = record.replace("6 0 0 17", "6 10 900 17");
    check(
        &aws(&format!("{got_through} ingress - -\n")).0[0],
        0,
        &[("action", ""), ("rejectreason", "blackhole")],
    );
}

#[test]
fn every_line_is_accounted_for() {
    let text = format!(
        "{HEADING}\
         2 1 eni-1 - - - - - - - 1431280876 1431280934 - NODATA\n\
         2 1 eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT SKIPDATA\n\
         2 1  eni-1 10.0.0.1 10.0.0.2 1 2  6 1 40 1431280876 1431280934 ACCEPT OK \n\
         {HEADING}\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT OK more\n\
         2 1 eni-1 10.0.0.256 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT OK\n\
         2 1 eni-1 2001:db8::1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT OK\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 70000 2 6 1 40 1431280876 1431280934 ACCEPT OK\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 - - ACCEPT OK\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 MAYBE OK\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 143128087 1431280934 ACCEPT OK"
    );
    let (batches, ledger) = aws(&text);
    assert_eq!((ledger.records, ledger.flows, ledger.windows, ledger.headings), (12, 3, [1, 1], 3));
    let errors: Vec<_> =
        ledger.faults.iter().map(|fault| (fault.line, fault.reason, fault.what.as_str())).collect();
    let cut = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 143128087";
    let expected = [
        (8, Reason::Values, cut),
        (9, Reason::Values, cut),
        (10, Reason::Address, "10.0.0.256"),
        (11, Reason::Families, "10.0.0.2"),
        (12, Reason::Number, "70000"),
        (13, Reason::Time, ""),
        (14, Reason::Value, "MAYBE"),
    ];
    assert_eq!(errors, expected);
    check(&batches[0], 0, &[("datastatus", "SKIPDATA"), ("packets", "1")]);
    // A start of too few digits is none.
    check(&batches[1], 0, &[("start", ""), ("end", "1431280934000"), ("duration", "")]);
}

#[test]
fn a_start_behind_the_end_is_none() {
    let line = |start: u64| {
        format!("2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 {start} 1431280934 ACCEPT OK\n")
    };
    for (start, shown, duration) in [(1_431_280_934, "1431280934000", "0"), (1_431_280_935, "", "")]
    {
        let (batches, ledger) = aws(&line(start));
        assert_eq!((ledger.flows, ledger.all_errors()), (1, 0));
        let end = ("end", "1431280934000");
        check(&batches[0], 0, &[("start", shown), end, ("duration", duration), ("flowbrate", "")]);
    }
}

#[test]
fn unknown_fields_are_counted_by_name() {
    let heading = "novel-field srcaddr dstaddr protocol end interface-id account-id other";
    let text = format!(
        "{heading}\nx 10.0.0.1 10.0.0.2 6 1718530070 eni-1 1 -\ny 10.0.0.1 10.0.0.2 6 1718530070 eni-1 1 z\n"
    );
    // The first name is unknown, so that nobody takes the line for one of names.
    assert_eq!(Layout::of_heading(heading.as_bytes()), None);
    let hints = Hints { layout: Some(Layout::parse(heading).expect("a layout")) };
    let body = text.split_once('\n').expect("two lines").1;
    let (_, ledger) = decode(body.as_bytes(), usize::MAX, &hints);
    let unknown: Vec<_> =
        ledger.unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!((ledger.flows, unknown), (2, vec![("novel-field", 2), ("other", 1)]));
}

#[test]
fn without_a_layout_lines_are_errors_that_say_so() {
    let (batches, ledger) = aws("1 2 3\n4 5 6\n");
    assert_eq!((batches.len(), ledger.errors[Reason::Layout as usize]), (0, 2));
    let (_, ledger) = aws("srcaddr dstaddr srcport\n10.0.0.1 10.0.0.2 3\n");
    assert_eq!(
        ledger.faults[0].to_string(),
        format!("{OBJECT}:2: layout unknown or without addresses, protocol or time: `protocol`")
    );
}

#[test]
fn accounts_of_one_log_are_sources_of_their_own() {
    let line = |account: &str| {
        format!(
            "2 {account} eni-{account} 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT OK\n"
        )
    };
    let (batches, _) = aws(&[line("1"), line("2"), line("1"), line("-")].concat());
    assert_eq!(batches.len(), 1);
    let names = ["1/fl-0a1b", "2/fl-0a1b", "1/fl-0a1b", "123456789012/fl-0a1b"];
    for (row, name) in names.into_iter().enumerate() {
        check(&batches[0], row, &[("flowsrcname", name)]);
    }
}

proptest! {
    #[test]
    fn an_object_becomes_the_same_however_it_is_cut(cut in 1..200_usize, lines in proptest::collection::vec(0..6_usize, 0..12)) {
        let kinds = [
            HEADING,
            "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT OK\n",
            "2 1 eni-2 2001:db8::1 2001:db8::2 1 2 6 1 40 1431280876 1431280934 REJECT OK\n",
            "\n",
            "2 1 eni-1 - - - - - - - 1431280876 1431280934 - NODATA\n",
            "nonsense\n",
        ];
        let text: String = lines.into_iter().map(|kind| kinds[kind]).collect();
        let (whole, whole_ledger) = decode(text.as_bytes(), usize::MAX, &Hints::default());
        let (cut, cut_ledger) = decode(text.as_bytes(), cut, &Hints::default());
        prop_assert_eq!(whole_ledger, cut_ledger);
        let rows = |batches: &[FlowBatch]| -> Vec<Vec<Option<OwnedValue>>> {
            let rows = batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
            rows.map(|(batch, row)| FIELDS.iter().map(|field| value(batch, row, field.name)).collect()).collect()
        };
        prop_assert_eq!(rows(&whole), rows(&cut));
    }

    #[test]
    fn any_octets_are_accounted_for(octets in proptest::collection::vec(any::<u8>(), 0..400), heading in any::<bool>()) {
        let mut text = if heading { HEADING.as_bytes().to_vec() } else { Vec::new() };
        text.extend(octets);
        decode(&text, 7, &Hints::default());
    }

    #[test]
    fn any_values_are_accounted_for(text in "([0-9a-z.:-]{0,6} ){0,15}\n?", other in any::<u64>()) {
        decode(format!("{HEADING}{text}{other}").as_bytes(), 64, &Hints::default());
    }
}

/// Files of the corpus of clouds in this folder; none where it is not there.
pub fn corpus(folder: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("SENSOR_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    let Ok(entries) = fs::read_dir(root.join("cloud").join(folder)) else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
}

/// Records, flows and errors of the files of AWS, by name.
const AWS: &[(&str, u64, u64, &[Reason])] = &[
    ("doc-accepted-rejected.log", 2, 2, &[]),
    ("doc-icmp-stateful.log", 2, 2, &[]),
    ("doc-ipv6.log", 1, 1, &[]),
    ("doc-nat-gateway.log", 6, 0, &[Reason::Layout]),
    ("doc-nodata-skipdata.log", 2, 0, &[]),
    ("doc-service-path-direction.log", 2, 2, &[]),
    ("doc-transit-gateway-eni.log", 4, 0, &[Reason::Layout]),
    ("otel-bad-too-few.log", 1, 0, &[Reason::Values]),
    ("otel-bad-too-many.log", 1, 0, &[Reason::Values]),
    ("vrl-nat.log", 6, 0, &[Reason::Layout]),
    ("vrl-tgw-eni.log", 4, 0, &[Reason::Layout]),
    ("vrl-v2.log", 7, 5, &[]),
    ("vrl-v5.log", 2, 2, &[]),
];

#[test]
fn samples_decode_or_fail_for_a_named_reason() {
    let files = corpus("aws");
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "log")) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let octets = fs::read(file).expect("readable");
        assert_eq!(Format::detect(&octets), Some(Format::Aws), "{name}");
        let (_, ledger) = decode(&octets, 1000, &Hints::default());
        match AWS.iter().find(|(known, ..)| *known == name) {
            Some((_, records, flows, reasons)) => {
                let found: Vec<_> = Reason::ALL
                    .into_iter()
                    .filter(|reason| ledger.errors[*reason as usize] != 0)
                    .collect();
                assert_eq!(
                    (ledger.records, ledger.flows, &found[..]),
                    (*records, *flows, *reasons),
                    "{name}: {:?}",
                    ledger.faults
                );
            }
            None => assert_eq!(
                (ledger.all_errors(), ledger.flows > 0),
                (0, true),
                "{name}: {:?}",
                ledger.faults
            ),
        }
    }
}

#[test]
fn what_is_dated_a_day_after_it_is_read_is_no_record() {
    const END: u64 = 1_790_000_060_000;
    const DAY: u64 = 86_400_000;
    for (format, object) in [
        (
            Format::Aws,
            "2 1 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1790000000 1790000060 ACCEPT OK\n",
        ),
        // Without an end, the start is the end.
        (Format::Aws, "2 1 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1790000060 - ACCEPT OK\n"),
        (
            Format::Gcp,
            r#"{"logName":"projects/p/logs/compute.googleapis.com%2Fvpc_flows","jsonPayload":{"connection":{"src_ip":"10.0.0.1","dest_ip":"10.0.0.2","src_port":1,"dest_port":22,"protocol":6},"bytes_sent":"1","packets_sent":"1","start_time":"2026-09-21T14:13:20Z","end_time":"2026-09-21T14:14:20Z"}}"#,
        ),
        (
            Format::Oci,
            r#"{"type":"com.oraclecloud.vcn.flowlogs.DataEvent","data":{"sourceAddress":"10.0.0.1","destinationAddress":"10.0.0.2","sourcePort":1,"destinationPort":22,"protocol":6,"packets":1,"bytesOut":40,"startTime":1790000000,"endTime":1790000060,"action":"ACCEPT","status":"OK"}}"#,
        ),
        (
            Format::Ibm,
            r#"{"version":"0.0.1","number_of_flow_logs":1,"state":"ok","flow_logs":[{"start_time":"2026-09-21T14:13:20Z","end_time":"2026-09-21T14:14:20Z","direction":"O","action":"accepted","initiator_ip":"10.0.0.1","target_ip":"10.0.0.2","initiator_port":1,"target_port":53,"transport_protocol":17,"bytes_from_initiator":40,"packets_from_initiator":1}]}"#,
        ),
        (
            Format::Azure,
            r#"{"records":[{"flowLogVersion":4,"macAddress":"00224871C205","flowLogResourceID":"/x","targetResourceID":"/y","flowRecords":{"flows":[{"flowGroups":[{"rule":"r","flowTuples":["1790000060000,10.0.0.1,10.0.0.2,1,22,6,I,E,NX,1,40,0,0"]}]}]}}]}"#,
        ),
    ] {
        for (now, is_flow) in [(END - DAY, true), (END - DAY - 1, false)] {
            let mut decoded = Decoded::new(format);
            decoded.set_now(now);
            decoded.object("object", object.as_bytes(), usize::MAX);
            let ledger = decoded.ledger();
            let errors = u64::from(!is_flow);
            assert_eq!((ledger.records, ledger.rows), (1, 1 - errors), "{object} at {now}");
            assert_eq!(ledger.errors[Reason::Time as usize], errors, "{object} at {now}");
        }
    }
}
