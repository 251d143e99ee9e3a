//! Whole objects of Google Cloud, made, and the samples of the corpus against what others read in them.

use serde_json::json;

use crate::cloud::{
    format::Format,
    json::{
        base64,
        testing::{Decoded, corpus},
    },
    ledger::Reason,
};

/// An entry that tells a flow in all members that are read.
fn entry() -> serde_json::Value {
    json!({
        "insertId": "a1",
        "jsonPayload": {
            "connection": {"src_ip": "10.1.0.2", "src_port": 40_708, "dest_ip": "10.2.0.3", "dest_port": 443, "protocol": 6},
            "reporter": "SRC",
            "bytes_sent": "312",
            "packets_sent": "16",
            "rtt_msec": "7",
            "start_time": "2026-09-21T14:13:20.618334505Z",
            "end_time": "2026-09-21T14:14:20.5Z",
            "src_instance": {"project_id": "service-project", "region": "europe-west1", "zone": "europe-west1-b", "vm_name": "web-1",
                "managed_instance_group": {"name": "web", "zone": "europe-west1-b"}},
            "dest_instance": {"project_id": "service-project", "region": "europe-west3", "zone": "europe-west3-a", "vm_name": "db-1"},
            "src_vpc": {"project_id": "host-project", "vpc_name": "production", "subnetwork_name": "front", "subnetwork_region": "europe-west1"},
            "dest_vpc": {"project_id": "other-project", "vpc_name": "storage", "subnetwork_name": "back"},
            "src_gke_details": {"cluster": {"cluster_name": "main", "cluster_location": "europe-west1"},
                "pod": {"pod_name": "web-x1", "pod_namespace": "shop", "pod_workload": {"workload_name": "web", "workload_type": "DEPLOYMENT"}},
                "service": [{"service_name": "shop", "service_namespace": "shop"}, {"service_name": "admin"}]},
            "dest_google_service": {"type": "GOOGLE_API", "service_name": "storage.googleapis.com", "connectivity": "PUBLIC_IP"},
            "load_balancing": {"reporter": "CLIENT", "forwarding_rule_name": "rule-1", "backend_service_name": "backend-1"},
            "psc": {"reporter": "CONSUMER", "psc_endpoint": {"vpc_name": "production"}},
            "network_service": {"dscp": 46},
        },
        "logName": "projects/log-project/logs/compute.googleapis.com%2Fvpc_flows",
        "resource": {"type": "gce_subnetwork", "labels": {"location": "europe-west1-b", "project_id": "host-project",
            "subnetwork_id": "1", "subnetwork_name": "front"}},
        "timestamp": "2026-09-21T14:14:25.1Z",
        "receiveTimestamp": "2026-09-21T14:14:25.1Z",
    })
}

fn decoded(text: &str) -> Decoded {
    Decoded::of(Format::Gcp, text.as_bytes())
}

fn with(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut entry = entry();
    change(&mut entry);
    entry.to_string()
}

#[test]
fn an_entry_becomes_a_flow_as_its_reporter_saw_it() {
    let sent = decoded(&entry().to_string());
    assert!(sent.ledger.unknown.is_empty(), "{:?}", sent.ledger.unknown);
    sent.check(
        0,
        &[
            ("flowtype", "gcp"),
            ("flowsrcname", "host-project/vpc_flows"),
            ("srcip", "10.1.0.2"),
            ("dstip", "10.2.0.3"),
            ("srcport", "40708"),
            ("dstport", "443"),
            ("protocol", "tcp"),
            ("packets", "16"),
            ("octets", "312"),
            ("start", "1790000000618"),
            ("end", "1790000060500"),
            ("direction", "egress"),
            ("accountid", "host-project"),
            ("vpcid", "production"),
            ("subnetid", "front"),
            ("instanceid", "web-1"),
            ("region", "europe-west1"),
            ("zone", "europe-west1-b"),
            ("tos", "184"),
            // Nothing of this is told, and nothing of it is 0.
            ("action", ""),
            ("tcpflagsint", ""),
            ("interfaceid", ""),
            ("viaip", ""),
            ("flowversion", ""),
            ("datastatus", ""),
        ],
    );
    let source = [
        "googleservice=",
        "instancegroup=web",
        "k8scluster=main",
        "k8snamespace=shop",
        "k8spod=web-x1",
        "k8sservice=shop,admin",
        "k8sworkload=web",
        "loadbalancer=rule-1",
        "name=web-1",
        "privateserviceconnect=CONSUMER",
    ];
    assert_eq!(
        sent.labels(0),
        [source[1..].join(" "), "googleservice=storage.googleapis.com name=db-1".to_owned(),]
    );
    let received = decoded(&with(|entry| entry["jsonPayload"]["reporter"] = "DEST".into()));
    received.check(
        0,
        &[
            ("srcip", "10.1.0.2"),
            ("direction", "ingress"),
            ("accountid", "other-project"),
            ("vpcid", "storage"),
            ("subnetid", "back"),
            ("instanceid", "db-1"),
            ("region", "europe-west3"),
            ("zone", "europe-west3-a"),
        ],
    );
    assert!(
        received.labels(0)[1]
            .ends_with("loadbalancer=rule-1 name=db-1 privateserviceconnect=CONSUMER")
    );
}

#[test]
fn what_an_entry_lacks_is_absent() {
    let text = r#"{"jsonPayload": {"connection": {"src_ip": "2001:db8::1", "dest_ip": "2001:db8::2", "protocol": 58, "src_port": null},
        "end_time": "2026-09-21T14:14:20Z", "src_instance": null, "reporter": "ELSEWHERE"},
        "logName": "projects/p-1/logs/networkmanagement.googleapis.com%2Fvpc_flows",
        "resource": {"type": "vpc_flow_logs_config", "labels": {"name": "all", "location": "global", "resource_container": "projects/1"}}}"#;
    let decoded = decoded(text);
    decoded.check(
        0,
        &[
            ("srcip", "2001:db8::1"),
            ("protocolint", "58"),
            ("flowsrcname", "p-1/all"),
            ("accountid", "p-1"),
            ("packets", ""),
            ("bits", ""),
            ("start", ""),
            ("duration", ""),
            ("direction", ""),
            ("tos", ""),
            ("instanceid", ""),
            ("region", ""),
        ],
    );
    assert_eq!(decoded.labels(0), ["", ""]);
}

#[test]
fn gateways_drops_and_openers_are_told() {
    let gateway = with(|entry| {
        let payload = &mut entry["jsonPayload"];
        payload["reporter"] = "SRC_GATEWAY".into();
        (payload["src_instance"], payload["src_vpc"]) = (json!(null), json!(null));
        payload["src_gateway"] = json!({"name": "tunnel-1", "type": "VPN_TUNNEL", "project_id": "net", "location": "europe-west4",
            "vpc": {"vpc_name": "transit"}});
        payload["connection"]["nat_ip"] = "203.0.113.9".into();
        payload["disposition"] = "DROPPED".into();
        (payload["bytes_sent"], payload["packets_sent"]) = (json!(null), json!(null));
    });
    let decoded_gateway = decoded(&gateway);
    decoded_gateway.check(
        0,
        &[
            ("direction", "egress"),
            ("accountid", "net"),
            ("vpcid", "transit"),
            ("interfaceid", "tunnel-1"),
            ("region", "europe-west4"),
            ("viaip", "203.0.113.9"),
            ("action", "rejected"),
            ("packets", ""),
        ],
    );
    assert!(decoded_gateway.labels(0)[0].starts_with("gateway=tunnel-1 "));
    for (reporter, opened, initiator) in [
        ("SRC", "EGRESS", "src"),
        ("SRC", "INGRESS", "dst"),
        ("DEST", "INGRESS", "src"),
        ("DEST", "EGRESS", "dst"),
    ] {
        let text = with(|entry| {
            entry["jsonPayload"]["reporter"] = reporter.into();
            entry["jsonPayload"]["connection_direction"] = opened.into();
        });
        decoded(&text).check(0, &[("initiator", initiator), ("initiatorguessed", "false")]);
    }
}

#[test]
fn entries_come_in_lines_arrays_answers_and_messages() {
    let (one, two) =
        (entry().to_string(), with(|entry| entry["jsonPayload"]["reporter"] = "DEST".into()));
    let message = |entry: &str| json!({"data": base64::encode(entry.as_bytes()), "messageId": "1", "attributes": {"logging.googleapis.com/timestamp": "x"}});
    let pulled =
        |entry: &str| json!({"ackId": "x", "message": message(entry), "deliveryAttempt": 1});
    for text in [
        format!("{one}\n{two}\n"),
        format!("\u{feff}{one}{two}"),
        format!("[{one},\n{two}]"),
        serde_json::to_string_pretty(&[entry(), serde_json::from_str(&two).expect("JSON")])
            .expect("JSON"),
        json!({"entries": [entry(), entry()], "nextPageToken": "x"}).to_string(),
        json!({"receivedMessages": [pulled(&one), pulled(&two)]}).to_string(),
        json!([pulled(&one), pulled(&two)]).to_string(),
        format!(
            "{}\n{}",
            json!({"message": message(&one), "subscription": "projects/p/subscriptions/s"}),
            message(&two)
        ),
    ] {
        assert_eq!(
            Format::detect(&text.as_bytes()[..text.len().min(4096)]),
            Some(Format::Gcp),
            "{text}"
        );
        let decoded = decoded(&text);
        assert_eq!((decoded.ledger.flows, decoded.ledger.records), (2, 2), "{text}");
        assert!(decoded.ledger.unknown.is_empty(), "{:?}", decoded.ledger.unknown);
        decoded.check(0, &[("packets", "16"), ("direction", "egress")]);
    }
}

#[test]
fn every_entry_is_accounted_for() {
    let payload = |change: &str, value: serde_json::Value| {
        with(|entry| *entry["jsonPayload"].pointer_mut(change).expect(change) = value)
    };
    let text = [
        entry().to_string(),
        r#"{"logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "protoPayload": {"@type": "x"}}"#.to_owned(),
        r#"{"jsonPayload": {"connection": "up", "packets_sent": []}, "logName": "projects/p/logs/app"}"#.to_owned(),
        "{\"jsonPayload\": {\"connection\": {\"src_ip\":".to_owned(),
        payload("/connection/src_ip", "10.0.0.256".into()),
        payload("/connection/dest_ip", "::1".into()),
        payload("/connection/src_port", 65_536.into()),
        payload("/bytes_sent", "18446744073709551616".into()),
        payload("/packets_sent", (-1).into()),
        payload("/end_time", "yesterday".into()),
        payload("/connection/protocol", json!(null)),
        payload("/network_service/dscp", 64.into()),
        with(|entry| {
            let payload = &mut entry["jsonPayload"];
            (payload["start_time"], payload["end_time"]) = (json!(null), json!(null));
        }),
        r#"{"message": {"data": "e30"}}"#.to_owned(),
        r#"{"message": {"data": "{}"}}"#.to_owned(),
        "[]".to_owned(),
        r#"{"entries": [], "logName": "projects/p/logs/app"}"#.to_owned(),
        "no json".to_owned(),
        entry().to_string(),
    ];
    let decoded = decoded(&text.join("\n"));
    let errors: Vec<_> = decoded
        .ledger
        .faults
        .iter()
        .map(|fault| (fault.line, fault.reason, fault.what.as_str()))
        .collect();
    let expected = [
        (2, Reason::OtherLog, "projects/p/logs/cloudaudit.googleapis.com%2Facti"),
        (3, Reason::OtherLog, "projects/p/logs/app"),
        (4, Reason::Syntax, "{\"jsonPayload\": {\"connection\": {\"src_ip\":{\"inse"),
        (5, Reason::Address, "10.0.0.256"),
        (6, Reason::Families, "::1"),
        (7, Reason::Number, "src_port"),
        (8, Reason::Number, "bytes_sent"),
        (9, Reason::Number, "packets_sent"),
        (10, Reason::Time, "yesterday"),
        (11, Reason::Value, "protocol"),
        (12, Reason::Number, "dscp"),
        (13, Reason::Time, ""),
        (14, Reason::Value, "logName"),
        (15, Reason::Syntax, "data of the message"),
        (15, Reason::OtherLog, "projects/p/logs/app"),
        (16, Reason::Syntax, "no json"),
    ];
    assert_eq!(errors, expected);
    assert_eq!((decoded.ledger.flows, decoded.ledger.records), (2, 18));
}

#[test]
fn members_that_are_not_known_are_counted_where_they_stand() {
    let text = with(|entry| {
        entry["novel"] = 1.into();
        let payload = &mut entry["jsonPayload"];
        payload["fresh"] = json!({"a": [1]});
        payload["connection"]["vlan"] = 7.into();
        payload["dest_instance"]["gpu"] = true.into();
        payload["src_vpc"]["nothing"] = json!(null);
    });
    let unknown = decoded(&format!("{text}\n{text}")).ledger.unknown;
    let unknown: Vec<_> = unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(
        unknown,
        [
            ("jsonPayload.*_instance.gpu", 2),
            ("jsonPayload.connection.vlan", 2),
            ("jsonPayload.fresh", 2),
            ("novel", 2),
        ]
    );
}

/// Fields of a flow, and what they say.
type Told = [(&'static str, &'static str)];

/// What the samples tell, file by file.
const SAMPLES: &[(&str, &[&Told])] = &[
    (
        "otel-0-bytes.json",
        &[&[
            ("octets", "0"),
            ("packets", "640"),
            ("start", "1759007522937"),
            ("end", "1759007522937"),
            ("tos", "128"),
            ("flowsrcname", "test-project-id/joe-test-flow-logs-default"),
        ]],
    ),
    (
        "otel-both-directions.ndjson",
        &[
            &[
                ("srcip", "10.10.0.2"),
                ("direction", "egress"),
                ("octets", "312"),
                ("instanceid", "andrewvc-flowfixtures-vm-zh8x"),
            ],
            &[
                ("srcip", "173.194.193.95"),
                ("direction", "ingress"),
                ("octets", "1432"),
                ("instanceid", "andrewvc-flowfixtures-vm-zh8x"),
            ],
        ],
    ),
    // As restated in `otel-computeengine-dest.expected.txt`.
    (
        "otel-computeengine-dest.json",
        &[&[
            ("srcip", "203.0.113.4"),
            ("srcport", "55524"),
            ("dstip", "192.0.2.4"),
            ("dstport", "443"),
            ("protocol", "tcp"),
            ("direction", "ingress"),
            ("octets", "0"),
            ("packets", "16"),
            ("start", "1759008879250"),
            ("end", "1759008879250"),
            ("tos", "128"),
            ("zone", "us-central1-a"),
            ("subnetid", "default"),
        ]],
    ),
    (
        "otel-dest-vpc.json",
        &[&[
            ("dstip", "192.0.2.5"),
            ("direction", "ingress"),
            ("packets", "90"),
            ("zone", "asia-south1-c"),
            ("tos", ""),
        ]],
    ),
    (
        "otel-internet-routing.json",
        &[&[("protocol", "icmp"), ("direction", "egress"), ("octets", "800")]],
    ),
    (
        "prof-services-gke.json",
        &[&[
            ("srcip", "99.88.77.66"),
            ("octets", "2020"),
            ("packets", "44"),
            ("vpcid", "vpc-name"),
            ("start", "1620836757647"),
        ]],
    ),
];

#[test]
fn samples_become_the_flows_that_others_read_in_them() {
    let files = corpus("gcp");
    for (name, rows) in SAMPLES.iter().filter(|_| !files.is_empty()) {
        let file = files.iter().find(|file| file.ends_with(name)).expect(name);
        let octets = std::fs::read(file).expect("readable");
        assert_eq!(Format::detect(&octets), Some(Format::Gcp), "{name}");
        let decoded = Decoded::of(Format::Gcp, &octets);
        assert_eq!(
            (decoded.ledger.flows, decoded.ledger.all_errors()),
            (rows.len() as u64, 0),
            "{name}"
        );
        assert!(decoded.ledger.unknown.is_empty(), "{name}: {:?}", decoded.ledger.unknown);
        rows.iter().enumerate().for_each(|(row, expected)| decoded.check(row, expected));
    }
}
