//! The second oracle: the crate netflow_parser, which reads NetFlow 5, 7, 9 and IPFIX, by `sensor decode --compare`.
//!
//! Sets, templates, records and fields of each case are the same, and flows say what their records do. Where the two differ,
//! a table says how often and why.

use std::{collections::BTreeSet, path::Path};

use sensor::{
    agent::exports::raw::compare::{
        Comparer,
        report::{Capture, Difference, What},
    },
    replay::exports::Datagram,
};
use sensor_wire::decoder::Options;

use crate::corpus::{cases, datagrams, name};

/// What differs in a case, and what was compared.
fn compare(case: &Path) -> (Capture, Vec<Difference>) {
    let mut comparer = Comparer::new(Options::default()).expect("its limits are accepted");
    let mut capture = Capture::new(case);
    let mut found = Vec::new();
    for datagram in datagrams(case) {
        let datagram = Datagram {
            from: datagram.from,
            to: None,
            received: datagram.received,
            octets: &datagram.payload,
        };
        comparer.datagram(&datagram, &mut capture, &mut |difference| found.push(difference));
    }
    assert_eq!(capture.differences, found.len() as u64);
    (capture, found)
}

/// Case, how many differences there are, and why.
type Explained = (&'static str, u64, &'static str);

const EMPTY: &str = "it gives up at a field of variable length that is empty";
const LATE: &str = "it drops data that come before their template";
const ZEROS: &str = "it refuses zeros behind the last set";
const COUNT: &str =
    "it refuses a datagram whose count is wrong; we read the records that are whole";
const LENGTH: &str =
    "it refuses a message of another length than it says; we read the sets that are whole";
const WHOLE: &str =
    "it drops a message with a set that cannot be read; we read what is before and in it";
const NUMBER: &str = "it takes a template with a number below 256, which says that it is none";

const EXPLAINED: &[Explained] = &[
    ("Graylog2.data-datatemplate.pcap", 2, LATE),
    ("Graylog2.ixflow.pcap", 3, EMPTY),
    ("akvorado.netflow.data+", 1, LATE),
    ("calmh-ipfix.benchmark_test.go.L10", 1, EMPTY),
    ("calmh-ipfix.benchmark_test.go.L42", 1, EMPTY),
    ("calmh-ipfix.interpreter_test.go.L86", 1, EMPTY),
    ("calmh-ipfix.parser_test.go.L135", 1, EMPTY),
    ("calmh-ipfix.parser_test.go.L198", 1, EMPTY),
    ("calmh-ipfix.parser_test.go.L246", 1, WHOLE),
    ("calmh-ipfix.parser_test.go.L262", 4, EMPTY),
    ("calmh-ipfix.parser_test.go.L289", 1, EMPTY),
    ("calmh-ipfix.parser_test.go.L315", 1, EMPTY),
    ("calmh-ipfix.parser_test.go.L87", 1, EMPTY),
    ("exatel.testcases_malformed_1.pcap", 3, WHOLE),
    ("exatel.testcases_malformed_3.pcap", 1, WHOLE),
    ("exatel.testcases_malformed_4.pcap", 2, ZEROS),
    ("exatel.testcases_malformed_5.pcap", 1, WHOLE),
    ("exatel.testcases_malformed_6.pcap", 1, WHOLE),
    ("graylog-plugin-integrations.templates-data.ipfix", 1, EMPTY),
    ("ipfixcol.01-odid0.ipfix", 197, EMPTY),
    ("ipfixcol.02-odid0.ipfix", 6, EMPTY),
    ("ipfixcol.02-odid4.ipfix", 6, EMPTY),
    ("ipfixcol.bad-length-in-set-very-long.ipfix", 1, WHOLE),
    ("ipfixcol.bad-template-field-count.ipfix", 1, WHOLE),
    ("logstash.IPFIX_Procera", 1, EMPTY),
    ("logstash.Netflow_5_invalid_01", 2, COUNT),
    ("logstash.Netflow_5_invalid_02", 2, COUNT),
    ("logstash.Netflow_9_Cisco_ACI", 2, ZEROS),
    ("logstash.Netflow_9_Palo_Alto_1_flowset_in_large_zero_filled_packet", 2, ZEROS),
    ("logstash.ipfix_test_ixia_tpldata271.dat", 1, EMPTY),
    ("netflow_parser.src_tests.rs.L1266.ipfix.bin", 2, LENGTH),
    ("netflow_parser.src_tests.rs.L1365.ipfix.bin", 2, LENGTH),
    ("netflow_parser.src_tests.rs.L289.nf9.bin", 1, WHOLE),
    ("netflow_parser.src_tests.rs.L321.ipfix.bin", 2, NUMBER),
    ("netflow_parser.src_tests.rs.L359.nf9.bin", 1, WHOLE),
    ("netflow_parser.src_tests.rs.L404.nf9.bin", 1, NUMBER),
    ("netflow_parser.src_tests.rs.L408.nf9.bin", 1, WHOLE),
    ("netflow_parser.src_tests.rs.L423.nf9.bin", 1, NUMBER),
    ("pmacct.tests_106-IPFIXv10-HUAWEI-vrf_name_traffic-00.pcap", 2, EMPTY),
    ("rs-ipfix-rw.looper_01.bin", 1, WHOLE),
    ("telegraf.ipfix_example", 2, ZEROS),
    ("telegraf.issue_14370", 1, WHOLE),
    ("vermont.incorrect_message_length.ipfix", 2, LENGTH),
    ("vermont.template_set_length_exceeds_message_boundary.ipfix", 1, WHOLE),
    ("vermont.template_set_length_too_small.ipfix", 1, WHOLE),
];

#[test]
fn both_decoders_read_the_same() {
    let Some(cases) = cases() else { return };
    let mut surprises = Vec::new();
    let mut all = Capture::default();
    for case in &cases {
        let (capture, found) = compare(case);
        let known = EXPLAINED.iter().find(|(known, ..)| *known == name(case));
        let expected = known.map_or(0, |(_, count, _)| *count);
        if capture.differences != expected {
            let kinds: BTreeSet<What> = found.iter().map(|difference| difference.what).collect();
            surprises.push(format!(
                "    (\"{}\", {}, {kinds:?}),",
                name(case),
                capture.differences
            ));
        }
        // Whatever the crate makes of a datagram: what both have read alike stands in the flow.
        let in_flows = found.iter().filter(|difference| difference.what == What::Flow);
        assert_eq!(in_flows.count(), 0, "{}: {found:?}", name(case));
        all.records += capture.records;
        all.fields += capture.fields;
        all.flow_values += capture.flow_values;
    }
    assert!(surprises.is_empty(), "of {} cases:\n{}", cases.len(), surprises.join("\n"));
    let Capture { records, fields, flow_values, .. } = all;
    assert!(records > 10_000 && fields > 200_000 && flow_values > 100_000, "{all:?}");
    println!("{records} records, {fields} fields, {flow_values} of them in flows");
}
