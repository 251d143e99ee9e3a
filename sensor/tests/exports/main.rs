//! Every case of the corpus of export datagrams, decoded, and held against what other programs made of it.
//!
//! Where they differ, a table says by how many flows and why. A case that is not in a table has no difference.

#[path = "../corpora/mod.rs"]
mod corpora;
mod corpus;
mod fixbuf;
mod hostile;
#[path = "../../wire/tests/messages/mod.rs"]
#[expect(dead_code, reason = "others need more of them")]
mod messages;
mod nfdump;
mod second_oracle;
mod tshark;

use std::collections::BTreeMap;

use corpus::{cases, collect, name};
use sensor_core::flow::batch::FlowBatch;

/// Case, how many of the other program's flows are not ours, how many of ours are not its, and why.
type Explained = (&'static str, usize, usize, &'static str);

const FRAMES: &str =
    "the records carry frames, whose headers the other program does not make flows of";
const BIFLOWS: &str = "biflows, and flows counted by initiator and responder, are two flows";
const COUNT: &str = "tshark stops at the count in the header, which is too low; the sets tell";
const OUT: &str = "OUT counters are taken where those of IN are 0";
const LATE: &str = "data before their template, which wait for it here";

const TSHARK: &[Explained] = &[
    ("akvorado.netflow.datalink", 0, 1, FRAMES),
    ("akvorado.netflow.ethernet-over-mpls-with-control-word", 0, 10, FRAMES),
    ("akvorado.netflow.juniper-cpid", 0, 1, FRAMES),
    ("akvorado.netflow.ipfixprobe", 0, 2, BIFLOWS),
    ("logstash.IPFIX_YAF_basic_with_applabel", 0, 2, BIFLOWS),
    ("telegraf.ipfix_example", 0, 27, BIFLOWS),
    (
        "calmh-ipfix.parser_test.go.L262",
        1,
        0,
        "behind a field whose length points out of its set, tshark makes one flow more",
    ),
    ("graylog-labs.netflow-data_netflow9.pcap", 0, 3, COUNT),
    ("graylog-plugin-netflow.netflow-v9-1.dat", 0, 2, COUNT),
    ("logstash.Netflow_9_invalid_01", 0, 2, COUNT),
    ("logstash.Netflow_9_template_with_0_length_fields", 3, 3, OUT),
    (
        "logstash.Netflow_9_H3C",
        0,
        15,
        "fields of variable length in NetFlow 9, which tshark calls malformed",
    ),
];

/// Compares row by row; what is left on either side must be what `explained` says.
fn compare<Flow>(
    explained: &[Explained],
    wanted: impl Fn(&std::path::Path) -> Option<Vec<Flow>>,
    difference: impl Fn(&Flow, &FlowBatch, usize) -> Option<&'static str>,
) -> Option<(usize, usize)> {
    let (mut total, mut found) = (0, 0);
    let mut surprises = Vec::new();
    for case in cases()? {
        let Some(wanted) = wanted(&case) else { continue };
        let (_, mut batches) = collect(&case);
        let mut free: Vec<(&FlowBatch, Vec<usize>)> =
            batches.all().into_iter().map(|batch| (batch, (0..batch.len()).collect())).collect();
        let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
        for flow in &wanted {
            let mut reason = "no row";
            let hit = free.iter_mut().any(|(batch, rows)| {
                let place = rows.iter().position(|row| match difference(flow, batch, *row) {
                    None => true,
                    Some(why) => {
                        if !matches!(why, "source" | "destination") {
                            reason = why;
                        }
                        false
                    }
                });
                place.map(|place| rows.remove(place)).is_some()
            });
            if !hit {
                *missing.entry(reason).or_default() += 1;
            }
        }
        let lost = missing.values().sum();
        let beyond: usize = free.iter().map(|(_, rows)| rows.len()).sum();
        total += wanted.len();
        found += wanted.len() - lost;
        let known = explained.iter().find(|(known, ..)| *known == name(&case));
        let (known_lost, known_beyond) = known.map_or((0, 0), |(_, lost, more, _)| (*lost, *more));
        if (lost, beyond) != (known_lost, known_beyond) {
            surprises.push(format!(
                "{}: {lost} of {} missing {missing:?}, {beyond} beyond; explained {known:?}",
                name(&case),
                wanted.len()
            ));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    Some((found, total))
}

#[test]
fn flows_are_those_that_tshark_finds() {
    let wanted = |case: &std::path::Path| {
        // What tshark says of samples is compared through sflowtool and nfdump.
        let flows = tshark::flows(case);
        let is_sflow = flows.is_empty() && case.join("expected.sflowtool.json").exists();
        (!is_sflow).then_some(flows)
    };
    let Some((found, total)) = compare(TSHARK, wanted, tshark::difference) else { return };
    assert!(total > 14_000, "{total}");
    println!("{found} of {total} flows of tshark");
}

/// Case, records whose IPv4 addresses are 0.0.0.0 beside those of IPv6, and records with addresses of an outer and an inner
/// packet.
///
/// Whoever takes tshark's first addresses of a record, which are those of IPv4, finds another flow there than we: one from
/// 0.0.0.0 to 0.0.0.0, which no packet belonged to, or one with the addresses of the inner packet and the protocol and
/// ports of the outer. We give the addresses that are told, and those of the outer packet.
const BOTH_FAMILIES: &[(&str, usize, usize)] = &[
    ("NetGauze.assets_pcaps_flow_srv6_srv6.pcap", 0, 15),
    ("logstash.IPFIX_Procera", 2, 0),
    ("pmacct.tests_106-IPFIXv10-HUAWEI-vrf_name_traffic-00.pcap", 0, 2),
    ("pmacct.tests_401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources_traffic-00.pcap", 97, 0),
    ("pmacct.tests_401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources_traffic-01.pcap", 79, 0),
    ("pmacct.tests_402-IPFIXv10-BMP-IPv6-high-availability_traffic-00.pcap", 79, 0),
    ("pmacct.tests_403-IPFIXv10-BMP-IPv6-CISCO-locrib-peerdown-vrf_traffic-00.pcap", 35, 28),
    ("pmacct.tests_501-IPFIXv10-BGP-IPv6-CISCO-MPLS_traffic-00.pcap", 9, 0),
    ("pmacct.tests_502-IPFIXv10-BGP-IPv6-CISCO-SRv6-lcomms_traffic-00.pcap", 6, 3),
];

#[test]
fn records_of_both_families_are_known() {
    let Some(cases) = cases() else { return };
    let found: Vec<_> = cases
        .iter()
        .map(|case| (name(case), tshark::both_families(case)))
        .filter(|(_, counts)| *counts != (0, 0))
        .map(|(name, (untold, tunnels))| (name, untold, tunnels))
        .collect();
    assert_eq!(found, BOTH_FAMILIES);
}

#[test]
fn flows_are_those_that_nfdump_stores() {
    let Some((found, total)) = compare(NFDUMP, nfdump::flows, nfdump::difference) else { return };
    assert!(total > 10_000, "{total}");
    println!("{found} of {total} flows of nfdump");
}

const EITHER: &str =
    "records with room for both families: nfdump takes the one that is all zeros for the other";
const INNER: &str =
    "a packet in a packet: nfdump takes the inner one; and those with room for both families";
const NO_CLOCK: &str = "made up without a clock: uptime and time are 0, and nfdump goes below 0";
const INTERNAL: &str = "nfdump keeps the format bits and special numbers of interfaces";
const RECORDS_ONLY: &str = "nfdump does not read samples without a raw header";

const NFDUMP: &[Explained] = &[
    ("Graylog2.data-datatemplate.pcap", 0, 3, LATE),
    ("NetGauze.assets_pcaps_flow_srv6_srv6.pcap", 5, 20, INNER),
    ("akvorado.netflow.data+", 0, 11, LATE),
    ("akvorado.netflow.datalink", 0, 1, FRAMES),
    ("akvorado.netflow.ethernet-over-mpls-with-control-word", 0, 10, FRAMES),
    ("akvorado.netflow.juniper-cpid", 0, 1, FRAMES),
    ("akvorado.netflow.ipfixprobe", 0, 2, BIFLOWS),
    ("akvorado.netflow.physicalinterfaces", 0, 8, EITHER),
    ("akvorado.sflow.data-discard-interface", 1, 1, INTERNAL),
    ("akvorado.sflow.data-encap-vxlan", 1, 1, INTERNAL),
    ("akvorado.sflow.data-icmpv6", 1, 1, INTERNAL),
    ("akvorado.sflow.data-local-interface", 1, 1, INTERNAL),
    (
        "akvorado.sflow.data-sflow-ipv4-data",
        1,
        1,
        "octets of the frame, as of every sample, where nfdump takes those of the IP packet",
    ),
    (
        "ipfixcol.04-odid256_512.ipfix",
        0,
        16,
        "nfdump takes these IPv4 records for IPv6 ones, and stores them without addresses",
    ),
    ("logstash.IPFIX_Procera", 0, 6, EITHER),
    ("logstash.IPFIX_YAF_basic_with_applabel", 0, 2, BIFLOWS),
    ("logstash.Netflow_9_template_with_0_length_fields", 3, 3, OUT),
    (
        "logstash.Netflow_5_invalid_01",
        0,
        30,
        "a count of 55,582: whole records are read all the same",
    ),
    ("logstash.Netflow_5_invalid_02", 0, 30, "a count of 163: whole records are read all the same"),
    ("nxthdr.tests_data_sflow.pcap", 0, 1, RECORDS_ONLY),
    ("pmacct.tests_102-NFv9-CISCO-f2rd-pretag-sampling-reload_traffic-00.pcap", 0, 7, EITHER),
    ("pmacct.tests_106-IPFIXv10-HUAWEI-vrf_name_traffic-00.pcap", 0, 2, EITHER),
    ("pmacct.tests_110-IPFIXv10-NFv9-multiple-sources_traffic-02.pcap", 0, 7, EITHER),
    (
        "pmacct.tests_401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources_traffic-00.pcap",
        0,
        260,
        EITHER,
    ),
    (
        "pmacct.tests_401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources_traffic-01.pcap",
        0,
        224,
        EITHER,
    ),
    ("pmacct.tests_402-IPFIXv10-BMP-IPv6-high-availability_traffic-00.pcap", 0, 224, EITHER),
    (
        "pmacct.tests_403-IPFIXv10-BMP-IPv6-CISCO-locrib-peerdown-vrf_traffic-00.pcap",
        21,
        168,
        INNER,
    ),
    ("pmacct.tests_501-IPFIXv10-BGP-IPv6-CISCO-MPLS_traffic-00.pcap", 0, 23, EITHER),
    ("pmacct.tests_502-IPFIXv10-BGP-IPv6-CISCO-SRv6-lcomms_traffic-00.pcap", 1, 20, INNER),
    ("sflow-parser.sflow.bin", 0, 1, RECORDS_ONLY),
    ("spark-netflow.ftv5-derived", 1000, 1000, NO_CLOCK),
    ("spark-netflow.ftv7-derived", 1000, 1000, NO_CLOCK),
    ("telegraf.ipfix_example", 0, 27, BIFLOWS),
    ("telegraf.sflow_issue_15918", 2, 2, INTERNAL),
];

#[test]
fn data_records_are_as_many_as_libfixbuf_finds() {
    let Some(cases) = cases() else { return };
    let mut differences = Vec::new();
    for case in &cases {
        let Some(wanted) = fixbuf::data_records(case) else { continue };
        let (collector, _) = collect(case);
        let ours = collector.ledger().data_records;
        let known = FIXBUF.iter().find(|(known, ..)| *known == name(case));
        let expected = known.map_or(wanted, |(_, _, ours, _)| *ours as u64);
        if ours != expected || known.is_some_and(|(_, theirs, ..)| *theirs as u64 != wanted) {
            differences.push(format!("{}: ours {ours}, theirs {wanted}, {known:?}", name(case)));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Case, records that libfixbuf finds, records that we find, and why.
const FIXBUF: &[Explained] = &[
    ("Graylog2.data-datatemplate.pcap", 1, 4, LATE),
    (
        "telegraf.issue_14370",
        1,
        2,
        "a last set that ends behind its message: the record in it is whole",
    ),
];
