//! Whole blobs: made ones, and the corpus where it is there (`SENSOR_CORPORA`, else `../shared/corpora` beside the workspace).

use crate::cloud::{
    format::Format,
    ledger::{Ledger, Reason},
    testing::{Decoded, shown},
};

mod grown;
mod sums;

const BLOB: &str = "c/flowLogResourceID=/0A-1B_NETWORKWATCHERRG/NETWORKWATCHER_EASTUS_FLOWS/y=2026/m=06/d=28/h=15/m=00/macAddress=001122334455/PT1H.json";
const WHO: [&str; 6] = ["srcip", "dstip", "packets", "bits", "action", "initiator"];

/// A record of a virtual network, of groups of a rule and tuples.
fn vnet(groups: &[(&str, &[&str])]) -> String {
    let groups: Vec<_> = groups
        .iter()
        .map(|(rule, tuples)| {
            format!(r#"{{"rule":"{rule}","flowTuples":["{}"]}}"#, tuples.join(r#"",""#))
        })
        .collect();
    format!(
        r#"{{"time":"2026-06-28T15:00:51.4Z","flowLogVersion":4,"flowLogGUID":"66aa","macAddress":"00224871C205","category":"FlowLogFlowEvent","flowLogResourceID":"/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_EASTUS/FLOWLOGS/FLOWS","targetResourceID":"/subscriptions/0a-1b/resourceGroups/Web/providers/Microsoft.Network/virtualNetworks/Prod/subnets/Front","operationName":"FlowLogFlowEvent","flowRecords":{{"flows":[{{"aclID":"00aa","flowGroups":[{}]}}]}}}}"#,
        groups.join(",")
    )
}

/// A record of a security group.
fn group(version: u8, groups: &[(&str, &[&str])]) -> String {
    let groups: Vec<_> = groups
        .iter()
        .map(|(rule, tuples)| {
            format!(
                r#"{{"rule":"{rule}","flows":[{{"mac":"000D3AF87856","flowTuples":["{}"]}}]}}"#,
                tuples.join(r#"",""#)
            )
        })
        .collect();
    format!(
        r#"{{"time":"2026-06-28T15:00:35Z","systemId":"a0fc","category":"NetworkSecurityGroupFlowEvent","resourceId":"/SUBSCRIPTIONS/0A-1B/RESOURCEGROUPS/WEB/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/VM1-NSG","operationName":"NetworkSecurityGroupFlowEvents","properties":{{"Version":{version},"flows":[{}]}}}}"#,
        groups.join(",")
    )
}

fn blob(records: &[String]) -> String {
    format!("{{\"records\":[{}]}}", records.join(","))
}

fn azure(text: &str) -> (Decoded, Ledger) {
    let mut decoded = Decoded::new(Format::Azure);
    decoded.object(BLOB, text.as_bytes(), usize::MAX);
    let ledger = decoded.ledger();
    (decoded, ledger)
}

fn faults(ledger: &Ledger) -> Vec<(u64, Reason, &str)> {
    ledger.faults.iter().map(|fault| (fault.line, fault.reason, fault.what.as_str())).collect()
}

#[test]
fn a_tuple_of_a_virtual_network_is_a_flow_for_each_direction() {
    let record = vnet(&[(
        "DefaultRule_AllowVnetOutBound",
        &["1782658803422,10.0.0.4,10.0.0.5,12345,443,6,O,C,NX,10,1500,8,1200"],
    )]);
    let (decoded, ledger) = azure(&blob(&[record]));
    assert_eq!((ledger.records, ledger.flows, ledger.rows), (1, 1, 2));
    assert!(ledger.unknown.is_empty(), "{:?}", ledger.unknown);
    let both = [
        ("flowtype", "azure-vnet"),
        ("flowversion", "4"),
        ("flowsrcname", "0a-1b/networkwatcher_eastus/flows"),
        ("accountid", "0a-1b"),
        ("vpcid", "prod"),
        ("subnetid", "front"),
        ("region", "eastus"),
        ("interfaceid", "00224871C205"),
        ("interface", "00224871C205"),
        ("rule", "DefaultRule_AllowVnetOutBound"),
        ("flowstate", "continue"),
        ("encryption", "NX"),
        ("action", "accepted"),
        ("protocol", "tcp"),
        ("end", "1782658803422"),
        ("initiatorguessed", "false"),
        ("samplerate", "1"),
        // Nothing of this is told, and nothing of it is 0.
        ("start", "-"),
        ("duration", "-"),
        ("tcpflagsint", "-"),
        ("tos", "-"),
        ("input", "-"),
        ("output", "-"),
        ("instanceid", "-"),
        ("zone", "-"),
        ("rejectreason", "-"),
        ("datastatus", "-"),
    ];
    let own = [
        [
            ("srcip", "10.0.0.4"),
            ("dstip", "10.0.0.5"),
            ("srcport", "12345"),
            ("dstport", "443"),
            ("packets", "10"),
            ("bits", "12000"),
            ("direction", "egress"),
            ("outputname", "00224871C205"),
            ("initiator", "src"),
            ("clientip", "10.0.0.4"),
        ],
        [
            ("srcip", "10.0.0.5"),
            ("dstip", "10.0.0.4"),
            ("srcport", "443"),
            ("dstport", "12345"),
            ("packets", "8"),
            ("bits", "9600"),
            ("direction", "ingress"),
            ("inputname", "00224871C205"),
            ("initiator", "dst"),
            ("clientip", "10.0.0.4"),
        ],
    ];
    for (row, own) in own.iter().enumerate() {
        for (name, expected) in both.iter().chain(own) {
            assert_eq!(shown(&decoded.batches[0], row, name), *expected, "{name} of row {row}");
        }
    }
}

#[test]
fn a_tuple_of_a_security_group_is_one_as_well() {
    let second = group(
        2,
        &[(
            "UserRule_web",
            &["1782658803,198.51.100.7,10.0.0.5,40000,443,T,I,A,E,15,8489,12,7054"],
        )],
    );
    let first = group(1, &[("UserRule_web", &["1782658803,198.51.100.7,10.0.0.5,40000,53,U,I,A"])]);
    let (decoded, ledger) = azure(&blob(&[second, first]));
    assert_eq!((ledger.records, ledger.flows, ledger.rows), (2, 2, 3));
    let fields = ["flowtype", "flowversion", "flowsrcname", "accountid", "interfaceid", "vpcid"];
    assert_eq!(
        decoded.rows(&fields),
        [
            "azure 2 0a-1b/web/vm1-nsg 0a-1b 000D3AF87856 -",
            "azure 2 0a-1b/web/vm1-nsg 0a-1b 000D3AF87856 -",
            "azure 1 0a-1b/web/vm1-nsg 0a-1b 000D3AF87856 -",
        ]
    );
    let fields = ["protocol", "packets", "bits", "direction", "flowstate", "end", "rule", "action"];
    assert_eq!(
        decoded.rows(&fields),
        [
            "tcp 15 67912 ingress end 1782658803000 UserRule_web accepted",
            "tcp 12 56432 egress end 1782658803000 UserRule_web accepted",
            // The first version counts nothing.
            "udp - - ingress - 1782658803000 UserRule_web accepted",
        ]
    );
}

#[test]
fn both_kinds_of_logs_may_stand_in_one_file() {
    let vnet = vnet(&[("r", &["1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,1,40,0,0"])]);
    let group = group(2, &[("r", &["1782658803,10.0.0.4,10.0.0.5,1,2,T,O,A,E,1,40,0,0"])]);
    // Of the same interface.
    let group = group.replace("000D3AF87856", "00224871C205");
    let (decoded, _) = azure(&blob(&[vnet.clone(), group, vnet]));
    assert_eq!(
        decoded.rows(&["flowtype", "flowsrcname"]),
        [
            "azure-vnet 0a-1b/networkwatcher_eastus/flows",
            "azure 0a-1b/web/vm1-nsg",
            "azure-vnet 0a-1b/networkwatcher_eastus/flows",
        ]
    );
}

#[test]
fn denied_tuples_are_rejected_flows_without_packets() {
    let denied =
        group(2, &[("DenyAll", &["1782658803,192.0.2.95,10.1.0.4,51529,5358,T,I,D,B,,,,"])]);
    let old = group(1, &[("DenyAll", &["1782658803,192.0.2.95,10.1.0.4,51529,5358,T,I,D"])]);
    let vnet = vnet(&[(
        "DenyAll",
        &[
            "1782658803422,192.0.2.95,10.1.0.4,51529,5358,6,I,D,NX,0,0,0,0",
            "1782658803423,192.0.2.95,10.1.0.4,8080,53,17,I,D,X,1,64,0,0",
        ],
    )]);
    let (decoded, ledger) = azure(&blob(&[denied, old, vnet]));
    assert_eq!((ledger.records, ledger.flows, ledger.rows), (4, 4, 4));
    let none = "192.0.2.95 10.1.0.4 0 0 rejected src -";
    let fields = [&WHO[..], &["flowstate"]].concat();
    let counted = "192.0.2.95 10.1.0.4 1 512 rejected src -";
    assert_eq!(decoded.rows(&fields), [none, none, none, counted]);
}

#[test]
fn what_was_dropped_for_want_of_encryption_is_rejected_and_says_why() {
    let tuple = |code: &str, part: &str| {
        format!("1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,{part},{code},2,120,1,60")
    };
    let tuples = [
        tuple("X", "E"),
        tuple("NX_NOT_ACCEPTED", "E"),
        tuple("NX_FALLBACK", "E"),
        tuple("NX_OF_TOMORROW", "E"),
        tuple("NX_NOT_SUPPORTED", "B").replace("2,120,1,60", ",,,"),
    ];
    let tuples: Vec<&str> = tuples.iter().map(String::as_str).collect();
    let (decoded, ledger) = azure(&blob(&[vnet(&[("unspecified", &tuples)])]));
    assert_eq!((ledger.records, ledger.flows, ledger.without_counts), (5, 5, 0));
    let mut rows = decoded.rows(&["action", "encryption", "rejectreason", "packets", "rule"]);
    rows.sort();
    assert_eq!(
        rows,
        [
            "accepted NX_FALLBACK - 1 unspecified",
            "accepted NX_FALLBACK - 2 unspecified",
            "accepted NX_OF_TOMORROW - 1 unspecified",
            "accepted NX_OF_TOMORROW - 2 unspecified",
            "accepted X - 1 unspecified",
            "accepted X - 2 unspecified",
            "rejected NX_NOT_ACCEPTED NX_NOT_ACCEPTED 1 unspecified",
            "rejected NX_NOT_ACCEPTED NX_NOT_ACCEPTED 2 unspecified",
            "rejected NX_NOT_SUPPORTED NX_NOT_SUPPORTED 0 unspecified",
        ]
    );
}

#[test]
fn the_start_of_a_flow_is_when_it_was_last_told() {
    let tuple = |time: u64, part: &str| match part {
        "B" => format!("{time},10.0.0.4,10.0.0.5,1,2,6,O,B,NX,0,0,0,0"),
        part => format!("{time},10.0.0.4,10.0.0.5,1,2,6,O,{part},NX,3,120,0,0"),
    };
    const T: u64 = 1_782_658_800_000;
    let record = |tuples: &[(u64, &str)]| {
        let tuples: Vec<_> = tuples.iter().map(|(after, part)| tuple(T + after, part)).collect();
        vnet(&[("r", &tuples.iter().map(String::as_str).collect::<Vec<_>>())])
    };
    for (records, expected) in [
        // As they should stand.
        (vec![record(&[(10, "B"), (20, "C"), (30, "E")])], vec!["10 20", "20 30"]),
        // The end before its beginning, in one record and in two.
        (vec![record(&[(30, "E"), (20, "C"), (10, "B")])], vec!["10 20", "20 30"]),
        (vec![record(&[(30, "E")]), record(&[(10, "B")])], vec!["- 30"]),
        // What has begun before anybody looked.
        (vec![record(&[(20, "C")]), record(&[(30, "C")])], vec!["- 20", "20 30"]),
        // The beginning came last and is forgotten with the end; the next one is another flow.
        (
            vec![record(&[(30, "E")]), record(&[(10, "B")]), record(&[(50, "C")])],
            vec!["- 30", "- 50"],
        ),
        // A beginning that brings counts is a flow.
        (vec![record(&[(10, "E"), (20, "E")]).replacen(",E,", ",B,", 1)], vec!["- 10", "10 20"]),
    ] {
        let (decoded, ledger) = azure(&blob(&records));
        assert_eq!(ledger.starts_forgotten, 0);
        let shown = decoded.rows(&["start", "end"]);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|times| {
                let times = times.split(' ').map(|time| {
                    time.parse()
                        .map_or_else(|_| time.to_owned(), |after: u64| (T + after).to_string())
                });
                times.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(shown, expected, "{records:?}");
    }
}

#[test]
fn flows_of_other_interfaces_logs_and_protocols_have_their_own_starts() {
    let begin = "1782658803000,10.0.0.4,10.0.0.5,1,2,6,O,B,NX,0,0,0,0";
    let end = "1782658804000,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,3,120,0,0";
    let begins = vnet(&[("r", &[begin])]);
    let ends = vnet(&[("r", &[end])]);
    for (other, is_known) in [
        (ends.clone(), true),
        (ends.replace("00224871C205", "00224871C206"), false),
        (ends.replace("00224871C205", "00-22-48-71-c2-05"), true),
        (ends.replace("/FLOWLOGS/FLOWS", "/FLOWLOGS/OTHER"), false),
        (ends.replace("/FLOWLOGS/FLOWS", "/flowLogs/flows"), true),
        (ends.replace(",6,O", ",17,O"), false),
        (ends.replace(",1,2,", ",2,1,"), false),
        (ends.replace("10.0.0.5", "10.0.0.6"), false),
    ] {
        let (decoded, ledger) = azure(&blob(&[begins.clone(), other.clone()]));
        assert_eq!((ledger.flows, ledger.without_counts), (1, 1));
        let expected = if is_known { "1782658803000" } else { "-" };
        assert_eq!(decoded.rows(&["start"]), [expected], "{other}");
    }
}

#[test]
fn every_tuple_is_accounted_for() {
    let tuples = [
        "1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,B,NX,0,0,0,0",
        "1782658803422,10.0.0.4,10.0.0.5,2,2,6,O,B,NX",
        "1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,0,0,0,0",
        "1782658803422,10.0.0.4,10.0.0.5,3,2,6,O,E,NX,0,0,7,700",
        "1782658803422,10.0.0.4,10.0.0.5,4,2,6,O,E,NX",
        "1782658803422,10.0.0.4,10.0.0.300,1,2,6,O,B,NX,0,0,0,0",
        "not-a-timestamp,10.0.0.4,10.0.0.6,12346,80,6,O,B,X,1,100,0,0",
        "1782658803422,10.0.0.4",
        "",
        "1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,1,18446744073709551616,0,0",
        "1782658803422,10.0.0.4,10.0.0.5,5,2,6,O,E,NX,1,40,0,0,next,year",
    ];
    let record = vnet(&[("r", &tuples)]);
    let extended = record
        .replace("\"category\"", "\"newMember\":{\"a\":[1]},\"category\"")
        .replace("\"aclID\"", "\"newMember\":null,\"aclID\"")
        .replacen("\"flowTuples\":[", "\"flowTuples\":[17,null,{\"a\":\"b\"},", 1);
    let (decoded, ledger) = azure(&blob(&[extended]));
    assert_eq!((ledger.records, ledger.flows, ledger.without_counts), (14, 3, 3));
    assert_eq!(
        faults(&ledger),
        [
            (1, Reason::Value, "17"),
            (2, Reason::Value, "null"),
            (3, Reason::Value, "{\"a\":\"b\"}"),
            (9, Reason::Address, "10.0.0.300"),
            (10, Reason::Time, "not-a-timestamp"),
            (11, Reason::Values, "1782658803422,10.0.0.4"),
            (12, Reason::Time, ""),
            (13, Reason::Number, "18446744073709551616"),
        ]
    );
    let unknown: Vec<_> =
        ledger.unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(unknown, [("flowTuples: values behind the last one known", 1), ("newMember", 2)]);
    // A direction without packets has no row; counts that are missing are not 0.
    assert_eq!(
        decoded.rows(&WHO),
        [
            "10.0.0.5 10.0.0.4 7 5600 accepted dst",
            "10.0.0.4 10.0.0.5 1 320 accepted src",
            "10.0.0.4 10.0.0.5 - - accepted src",
        ]
    );
}

#[test]
fn what_is_no_record_spoils_no_other() {
    let whole = vnet(&[("r", &["1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,1,40,0,0"])]);
    for (broken, rows, reason) in [
        (whole.replace("\"rule\":\"r\"", "\"rule\":\"r\" 1"), 0, Reason::Syntax),
        // Tuples before the fault are told.
        (whole.replace("\"]}]}]}}", "\"} ]}]}}"), 1, Reason::Syntax),
        ("\"text\"".to_owned(), 0, Reason::Syntax),
        ("[1,2]".to_owned(), 0, Reason::Syntax),
        (format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000)), 0, Reason::Syntax),
    ] {
        let (_, ledger) = azure(&blob(&[whole.clone(), broken.clone(), whole.clone()]));
        let count = ledger.errors[reason as usize];
        assert_eq!((ledger.rows, count), (2 + rows, 1), "{broken}: {:?}", ledger.faults);
    }
    // Half-written, wherever that ends.
    let text = blob(&[whole.clone(), whole.clone(), whole.clone()]);
    let begin = text.rfind("{\"time\"").expect("a record");
    for end in begin + 1..text.len() - "]}".len() {
        let (_, ledger) = azure(&text[..end]);
        assert_eq!((ledger.rows, faults(&ledger).len()), (2, 1), "{end}");
        assert_eq!(ledger.faults[0].reason, Reason::Syntax);
    }
    let empty = vnet(&[]).replace("\"flowGroups\":[]", "\"flowGroups\":null");
    let none = "{\"time\":\"2026-01-01T00:00:00Z\",\"macAddress\":\"AABB\",\"flowRecords\":{\"flows\":[]}}";
    let (_, ledger) = azure(&blob(&[whole, empty, none.to_owned(), "{}".to_owned()]));
    // Groups without tuples are of the log; an object that has none of its members is not.
    assert_eq!((ledger.records, ledger.rows, ledger.all_errors()), (2, 1, 1));
    assert_eq!(ledger.faults[0].reason, Reason::Layout);
}

#[test]
fn members_may_stand_in_any_order_and_case() {
    let tuple = "1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,1,40,0,0";
    let sorted = |text: &str| {
        // serde_json's objects are sorted by name.
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        serde_json::to_string_pretty(&value).expect("a value")
    };
    let vnet = vnet(&[("r", &[tuple, &tuple.replace("2803422", "2803423")]), ("s", &[tuple])]);
    let group = group(2, &[("r", &["1782658803,10.0.0.4,10.0.0.5,1,2,T,O,A,E,1,40,0,0"])]);
    let fields = ["flowtype", "flowsrcname", "interfaceid", "rule", "flowversion", "vpcid", "end"];
    for record in [vnet, group] {
        let (expected, _) = azure(&blob(std::slice::from_ref(&record)));
        let mixed = record
            .replace("targetResourceID", "targetResourceId")
            .replace("\"Version\"", "\"version\"")
            .replace("macAddress", "MacAddress")
            .replace("0a-1b", "0A-1b");
        for text in
            [sorted(&record), mixed, record.replace('/', "\\/"), format!("\u{feff}{record}")]
        {
            // In a blob, alone, in an array as exporters write it, and as what was appended to a blob.
            let (array, appended) = (format!("[{text}]"), format!(",{text}]}}"));
            for text in [blob(std::slice::from_ref(&text)), text, array, appended] {
                let (decoded, ledger) = azure(&text);
                assert_eq!(ledger.all_errors(), 0, "{text}: {:?}", ledger.faults);
                assert_eq!(decoded.rows(&fields), expected.rows(&fields), "{text}");
            }
        }
    }
}

#[test]
fn the_name_of_the_blob_tells_what_records_leave_out() {
    let record = r#"{"flowRecords":{"flows":[{"flowGroups":[{"flowTuples":["1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E"]}]}]}}"#;
    let (decoded, _) = azure(&blob(&[record.to_owned()]));
    let fields = ["accountid", "flowsrcname", "interfaceid", "rule", "encryption", "flowversion"];
    assert_eq!(
        decoded.rows(&fields),
        ["0a-1b 0a-1b/networkwatcher_eastus_flows 001122334455 - - -"]
    );
}

#[test]
fn names_without_end_are_forgotten_and_texts_stay_right() {
    let record = |number: u64| {
        let tuple = format!(
            "1782658803422,10.0.0.4,10.0.0.5,{},443,6,O,E,NX_{number},1,40,0,0",
            number % 60_000
        );
        vnet(&[(&format!("rule-{number}"), &[&tuple])])
    };
    let mut decoded = Decoded::new(Format::Azure);
    let records: Vec<_> = (0..40_000).map(record).collect();
    decoded.object(BLOB, blob(&records).as_bytes(), 1 << 16);
    for (number, row) in decoded.rows(&["rule", "encryption"]).into_iter().enumerate() {
        assert_eq!(row, format!("rule-{number} NX_{number}"));
    }
}
