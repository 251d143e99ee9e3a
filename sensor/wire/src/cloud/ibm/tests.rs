//! Whole objects: made ones, as the documentation describes them.

use proptest::prelude::*;

use crate::cloud::{
    format::Format,
    ledger::{Ledger, Reason, Window},
    testing::{Decoded, shown},
};

const OBJECT: &str = "b/ibm_vpc_flowlogs_v1/account=0a1b/region=us-south/vpc-id=crn%3Av1%3Abluemix%3Apublic%3Ais%3Aus-south%3Aa%2F0a1b%3A%3Avpc%3Ar006-v/subnet-id=crn%3Av1%3Abluemix%3Apublic%3Ais%3Aus-south-2%3Aa%2F0a1b%3A%3Asubnet%3A0727-s/endpoint-type=vnics/instance-id=crn%3Av1%3Abluemix%3Apublic%3Ais%3Aus-south-2%3Aa%2F0a1b%3A%3Ainstance%3A0727_i/vnic-id=0727-n/record-type=all/year=2026/month=06/day=28/hour=15/stream-id=20260628T150000Z/00000001.gz";

const ENTRY: &str = r#"{"start_time":"2026-06-28T15:00:34Z","end_time":"2026-06-28T15:00:49.5Z","connection_start_time":"2026-06-28T14:00:00Z","direction":"O","action":"accepted","initiator_ip":"10.240.128.4","target_ip":"161.26.0.10","initiator_port":36919,"target_port":53,"transport_protocol":17,"ether_type":"IPv4","was_initiated":false,"was_terminated":false,"bytes_from_initiator":288,"packets_from_initiator":4,"bytes_from_target":441,"packets_from_target":3,"cumulative_bytes_from_initiator":9288,"cumulative_packets_from_initiator":94,"cumulative_bytes_from_target":9441,"cumulative_packets_from_target":93}"#;

/// An object that announces so many entries.
fn object(state: &str, count: u64, entries: &[&str]) -> String {
    format!(
        r#"{{"version":"0.0.1","collector_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::flow-log-collector:r006-c","attached_endpoint_type":"vnic","network_interface_id":"0727-n","instance_crn":"crn:v1:bluemix:public:is:us-south-2:a/0a1b::instance:0727_i","vpc_crn":"crn:v1:bluemix:public:is:us-south:a/0a1b::vpc:r006-v","capture_start_time":"2026-06-28T15:00:18Z","capture_end_time":"2026-06-28T15:05:18Z","state":"{state}","number_of_flow_logs":{count},"flow_logs":[{}]}}"#,
        entries.join(",")
    )
}

fn ibm_called(name: &str, text: &str) -> (Decoded, Ledger) {
    let mut decoded = Decoded::new(Format::Ibm);
    decoded.object(name, text.as_bytes(), usize::MAX);
    let ledger = decoded.ledger();
    (decoded, ledger)
}

fn ibm(text: &str) -> (Decoded, Ledger) {
    ibm_called(OBJECT, text)
}

fn faults(ledger: &Ledger) -> Vec<(u64, Reason, &str)> {
    ledger.faults.iter().map(|fault| (fault.line, fault.reason, fault.what.as_str())).collect()
}

#[test]
fn an_entry_is_a_flow_for_each_direction() {
    let text = object("ok", 1, &[ENTRY]);
    assert_eq!(Format::detect(text.as_bytes()), Some(Format::Ibm));
    let (decoded, ledger) = ibm(&text);
    assert_eq!((ledger.records, ledger.flows, ledger.rows, ledger.windows), (1, 1, 2, [0, 0]));
    assert!(ledger.unknown.is_empty(), "{:?}", ledger.unknown);
    let both = [
        ("flowtype", "ibm"),
        ("flowversion", "1"),
        ("flowsrcname", "0a1b/r006-c"),
        ("accountid", "0a1b"),
        ("vpcid", "r006-v"),
        ("subnetid", "0727-s"),
        ("instanceid", "0727_i"),
        ("interfaceid", "0727-n"),
        ("region", "us-south"),
        ("zone", "us-south-2"),
        ("flowstate", "continue"),
        ("datastatus", "ok"),
        ("action", "accepted"),
        ("protocol", "udp"),
        ("start", "1782658834000"),
        ("end", "1782658849500"),
        ("duration", "15500"),
        ("clientip", "10.240.128.4"),
        ("initiatorguessed", "false"),
        ("tcpflagsint", "-"),
        ("rule", "-"),
        ("encryption", "-"),
        ("tos", "-"),
    ];
    let own = [
        [
            ("srcip", "10.240.128.4"),
            ("srcport", "36919"),
            ("dstport", "53"),
            ("packets", "4"),
            ("octets", "288"),
            ("direction", "egress"),
            ("initiator", "src"),
        ],
        [
            ("srcip", "161.26.0.10"),
            ("srcport", "53"),
            ("dstport", "36919"),
            // Of the window, and not of the connection.
            ("packets", "3"),
            ("octets", "441"),
            ("direction", "ingress"),
            ("initiator", "dst"),
        ],
    ];
    for (row, own) in own.iter().enumerate() {
        for (name, expected) in both.iter().chain(own) {
            assert_eq!(shown(&decoded.batches[0], row, name), *expected, "{name} of row {row}");
        }
    }
}

#[test]
fn what_began_and_ended_in_the_window_says_so() {
    let entry = |initiated: &str, terminated: &str| {
        ENTRY
            .replace("\"was_initiated\":false", &format!("\"was_initiated\":{initiated}"))
            .replace("\"was_terminated\":false", &format!("\"was_terminated\":{terminated}"))
    };
    for (initiated, terminated, expected) in [
        ("true", "false", "begin"),
        ("false", "true", "end"),
        ("true", "true", "end"),
        ("false", "false", "continue"),
        ("null", "null", "-"),
        ("\"TRUE\"", "null", "begin"),
    ] {
        let (decoded, _) = ibm(&object("ok", 1, &[&entry(initiated, terminated)]));
        assert_eq!(decoded.rows(&["flowstate"]), [expected, expected], "{initiated} {terminated}");
    }
}

#[test]
fn a_rejected_entry_and_one_sided_ones_have_one_row() {
    let rejected = ENTRY
        .replace("accepted", "rejected")
        .replace("\"direction\":\"O\"", "\"direction\":\"I\"")
        .replace("_from_target\":441", "_from_target\":0")
        .replace("_from_target\":3", "_from_target\":0");
    let silent = rejected
        .replace("_initiator\":288", "_initiator\":0")
        .replace("_initiator\":4,", "_initiator\":0,");
    let idle = silent.replace("rejected", "accepted");
    let answer = ENTRY
        .replace("bytes_from_initiator\":288", "bytes_from_initiator\":0")
        .replace("packets_from_initiator\":4,", "packets_from_initiator\":0,");
    let (decoded, ledger) = ibm(&object("ok", 4, &[&rejected, &silent, &idle, &answer]));
    assert_eq!((ledger.records, ledger.flows, ledger.without_counts, ledger.rows), (4, 3, 1, 3));
    assert_eq!(
        decoded.rows(&["action", "packets", "octets", "direction", "initiator"]),
        ["rejected 4 288 ingress src", "rejected 0 0 ingress src", "accepted 3 441 ingress dst",]
    );
}

#[test]
fn windows_are_counted_and_what_is_announced_must_come() {
    for (text, windows, errors, rows) in [
        (object("ok", 0, &[]), [1, 0], vec![], 0),
        (object("skip data", 0, &[]), [0, 1], vec![], 0),
        (object("Skip Data", 1, &[ENTRY]), [0, 1], vec![], 2),
        (object("ok", 0, &[]).replace(",\"flow_logs\":[]", ""), [1, 0], vec![], 0),
        (
            object("skip data", 0, &[]).replace("\"flow_logs\":[]", "\"flow_logs\":null"),
            [0, 1],
            vec![],
            0,
        ),
        (object("ok", 3, &[ENTRY]), [0, 0], vec![(1, Reason::Missing, 2, "2 of 3")], 2),
        (object("ok", 3, &[]), [0, 0], vec![(0, Reason::Missing, 3, "3 of 3")], 0),
        (object("skip data", 2, &[ENTRY]), [0, 1], vec![(1, Reason::Missing, 1, "1 of 2")], 2),
        (
            object("ok", 1, &[ENTRY, ENTRY]),
            [0, 0],
            vec![(2, Reason::Value, 1, "number_of_flow_logs is 1, but there are 2")],
            4,
        ),
        (
            object("ok", u64::MAX, &[ENTRY]),
            [0, 0],
            vec![(1, Reason::Number, 1, "number_of_flow_logs")],
            2,
        ),
        (
            object("ok", 1, &[ENTRY]).replace("logs\":1,", "logs\":-1,"),
            [0, 0],
            vec![(1, Reason::Number, 1, "number_of_flow_logs")],
            2,
        ),
        // Nothing is announced.
        (object("ok", 1, &[ENTRY]).replace("\"number_of_flow_logs\":1,", ""), [0, 0], vec![], 2),
        // An entry that is none was there all the same.
        (object("ok", 2, &[ENTRY, "17"]), [0, 0], vec![(2, Reason::Syntax, 1, "17")], 2),
    ] {
        let (decoded, ledger) = ibm(&text);
        let found: Vec<_> = ledger
            .faults
            .iter()
            .map(|fault| {
                let count = ledger.errors[fault.reason as usize];
                (fault.line, fault.reason, count, fault.what.as_str())
            })
            .collect();
        assert_eq!((ledger.windows, found, ledger.rows), (windows, errors, rows), "{text}");
        let status =
            if ledger.windows[Window::SkipData as usize] != 0 { "skip data" } else { "ok" };
        let shown = decoded.rows(&["datastatus"]);
        assert!(shown.iter().all(|own| own.eq_ignore_ascii_case(status)), "{shown:?}");
    }
}

#[test]
fn what_is_wrong_with_an_entry_is_named() {
    for (from, to, reason, what) in [
        // The documentation's example has times without a zone: nobody knows which they are.
        ("15:00:49.5Z", "15:00:49", Reason::Time, "2026-06-28T15:00:49"),
        ("15:00:34Z", "15:00:34", Reason::Time, "2026-06-28T15:00:34"),
        ("2026-06-28T15:00:49.5Z", "", Reason::Time, ""),
        ("161.26.0.10", "161.26.0.256", Reason::Address, "161.26.0.256"),
        ("161.26.0.10", "fd00::1", Reason::Families, "fd00::1"),
        ("\"target_port\":53", "\"target_port\":65536", Reason::Number, "target_port"),
        (
            "\"transport_protocol\":17",
            "\"transport_protocol\":256",
            Reason::Number,
            "transport_protocol",
        ),
        ("\"transport_protocol\":17,", "", Reason::Value, "transport_protocol"),
        ("\"direction\":\"O\"", "\"direction\":\"X\"", Reason::Value, "X"),
        ("accepted", "maybe", Reason::Value, "maybe"),
        (":288,", ":-288,", Reason::Number, "bytes_from_initiator"),
        (":441,", ":18446744073709551616,", Reason::Number, "bytes_from_target"),
        (
            "packets_from_target\":3",
            "packets_from_target\":\"x\"",
            Reason::Number,
            "packets_from_target",
        ),
    ] {
        let wrong = ENTRY.replacen(from, to, 1);
        assert_ne!(wrong, ENTRY);
        let (_, ledger) = ibm(&object("ok", 2, &[&wrong, ENTRY]));
        assert_eq!((ledger.flows, faults(&ledger)), (1, vec![(1, reason, what)]), "{from}");
    }
    let late = ENTRY.replace("15:00:34Z", "15:00:59Z");
    let (decoded, _) = ibm(&object("ok", 1, &[&late]));
    assert_eq!(decoded.rows(&["start", "duration"]), ["- -", "- -"]);
}

#[test]
fn an_example_that_is_no_json_is_an_error_and_no_flow() {
    // Like the one in the documentation: a comma too many, one too few, and times without a zone.
    let text = r#"
    {
        "version": "0.0.1",
        "collector_crn": "crn",
        "network_interface_id": "crn",
        "instance_crn": "crn",
        "vpc_crn": "crn",
        "capture_start_time": "2026-06-28 15:00:18",
        "capture_end_time": "2026-06-28 15:05:18",
        "number_of_flow_logs": 2,
        "flow_logs": [
            {
                "start_time": "2026-06-28 15:00:34"
                "end_time": "2026-06-28 15:00:49",
                "initiator_ip": "10.0.0.1", "target_ip": "10.0.0.2", "transport_protocol": 6,
            },
            {
                "start_time": "2026-06-28 15:00:34",
                "end_time": "2026-06-28 15:00:49",
                "initiator_ip": "10.0.0.1", "target_ip": "10.0.0.2", "transport_protocol": 6
            },
        ]
        "state": "ok"
    }"#;
    assert_eq!(Format::detect(text.as_bytes()), Some(Format::Ibm));
    let (_, ledger) = ibm(text);
    assert_eq!((ledger.rows, ledger.errors[Reason::Time as usize]), (0, 1));
    assert_eq!(ledger.errors[Reason::Syntax as usize], 2, "{:?}", ledger.faults);
}

#[test]
fn members_may_stand_in_any_order_and_unknown_ones_are_counted() {
    let extended =
        ENTRY.replace("\"direction\"", "\"novel\":{\"a\":[]},\"nothing\":null,\"direction\"");
    let text = object("ok", 2, &[&extended, ENTRY]).replace("\"state\"", "\"also\":1,\"state\"");
    let (expected, ledger) = ibm(&text);
    let unknown: Vec<_> =
        ledger.unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(unknown, [("also", 1), ("novel", 1)]);
    // Sorted by name, the entries stand in front of most of what is told of them: the name of the object tells the rest.
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for sorted in [value.to_string(), serde_json::to_string_pretty(&value).expect("a value")] {
        let (decoded, sorted) = ibm(&sorted);
        assert_eq!((sorted.flows, sorted.unknown), (ledger.flows, ledger.unknown.clone()));
        let fields = [
            "accountid",
            "vpcid",
            "subnetid",
            "instanceid",
            "interfaceid",
            "region",
            "zone",
            "packets",
            "flowsrcname",
        ];
        assert_eq!(decoded.rows(&fields), expected.rows(&fields));
    }
}

#[test]
fn without_a_telling_name_the_header_tells() {
    let (decoded, _) = ibm_called("flows.json", &object("ok", 1, &[ENTRY]));
    let fields = [
        "accountid",
        "flowsrcname",
        "vpcid",
        "subnetid",
        "instanceid",
        "interfaceid",
        "region",
        "zone",
        "flowversion",
    ];
    assert_eq!(
        decoded.rows(&fields)[0],
        "0a1b 0a1b/r006-c r006-v - 0727_i 0727-n us-south us-south-2 -"
    );
    // And without a header, the name does.
    let (decoded, ledger) = ibm(&[ENTRY, ENTRY].join("\n"));
    assert_eq!((ledger.flows, ledger.windows, ledger.all_errors()), (2, [0, 0], 0));
    assert_eq!(
        decoded.rows(&fields)[0],
        "0a1b 0a1b/r006-v r006-v 0727-s 0727_i 0727-n us-south us-south-2 1"
    );
}

#[test]
fn objects_behind_each_other_are_each_counted_for_themselves() {
    let text = [
        object("ok", 1, &[ENTRY]),
        object("skip data", 3, &[ENTRY, ENTRY]).replace("r006-c", "r006-d"),
        object("ok", 0, &[]),
    ];
    let (decoded, ledger) = ibm(&text.join("\n"));
    assert_eq!((ledger.flows, ledger.windows), (3, [1, 1]));
    assert_eq!(faults(&ledger), [(3, Reason::Missing, "1 of 3")]);
    let mut names = decoded.rows(&["flowsrcname", "datastatus"]);
    names.dedup();
    assert_eq!(names, ["0a1b/r006-c ok", "0a1b/r006-d skip data"]);
}

#[test]
fn a_truncated_object_says_how_much_is_missing() {
    let text = object("ok", 3, &[ENTRY, ENTRY, ENTRY]);
    for end in text.find("\"flow_logs\":[").expect("entries") + 13..text.len() {
        let (_, ledger) = ibm(&text[..end]);
        let cut = ledger.errors[Reason::Syntax as usize];
        let missing = ledger.errors[Reason::Missing as usize];
        assert_eq!(ledger.flows + cut + missing, 3, "{end}: {:?}", ledger.faults);
        assert_eq!(ledger.records, 3, "{end}");
    }
}

proptest! {
    #[test]
    fn an_object_becomes_the_same_however_it_is_cut(cut in 1..400_usize, kinds in proptest::collection::vec(0..4_usize, 0..6)) {
        let v6 = ENTRY.replace("10.240.128.4", "fd00::4").replace("161.26.0.10", "fd00::5");
        let wrong = ENTRY.replace("Z", "");
        let kinds_of = [ENTRY, v6.as_str(), wrong.as_str(), "[]"];
        let entries: Vec<&str> = kinds.into_iter().map(|kind| kinds_of[kind]).collect();
        let text = object("ok", 4, &entries);
        let (whole, ledger) = ibm(&text);
        let mut pieces = Decoded::new(Format::Ibm);
        pieces.object(OBJECT, text.as_bytes(), cut);
        prop_assert_eq!(pieces.ledger(), ledger);
        let fields = ["srcip", "dstip", "packets", "octets", "initiator", "start", "vpcid"];
        prop_assert_eq!(pieces.rows(&fields), whole.rows(&fields));
    }

    #[test]
    fn any_octets_are_accounted_for(octets in proptest::collection::vec(any::<u8>(), 0..200), at in 0..2600_usize, length in 0..50_usize) {
        let mut text = object("ok", 2, &[ENTRY, ENTRY]).into_bytes();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        text.splice(at..end, octets);
        let mut decoded = Decoded::new(Format::Ibm);
        decoded.object(OBJECT, &text, 31);
        decoded.ledger();
    }
}
