//! Whole objects of Oracle Cloud, made, and the samples of the corpus.

use serde_json::{Value, json};

use crate::cloud::{
    format::Format,
    json::{
        base64,
        testing::{Decoded, corpus},
    },
    ledger::Reason,
};

/// An event that tells a flow in all members that are read.
fn event() -> Value {
    json!({
        "data": {"action": "ACCEPT", "bytesOut": 4132, "destinationAddress": "192.0.2.151", "destinationPort": 443,
            "endTime": 1_790_000_060, "flowid": "75d72a74", "packets": 9, "protocol": 6, "protocolName": "TCP",
            "sourceAddress": "10.0.0.219", "sourcePort": 60_830, "startTime": 1_790_000_001, "status": "OK", "version": "2"},
        "id": "159f15e5",
        "oracle": {"compartmentid": "ocid1.compartment.oc1..c", "ingestedtime": "2026-09-21T14:14:24.573Z",
            "loggroupid": "ocid1.loggroup.oc1.phx.g", "logid": "ocid1.log.oc1.phx.l", "tenantid": "ocid1.tenancy.oc1..t",
            "vniccompartmentocid": "ocid1.compartment.oc1..c", "vnicocid": "ocid1.vnic.oc1.phx.v",
            "vnicsubnetocid": "ocid1.subnet.oc1.phx.s", "vcnOcid": "ocid1.vcn.oc1.phx.n", "publicIpv4": "203.0.113.7",
            "managed": "true", "resourceId": "ocid1.networkloadbalancer.oc1.phx.b", "resourceType": "networkloadbalancer"},
        "source": "-",
        "specversion": "1.0",
        "subject": "-",
        "time": "2026-09-21T14:13:20Z",
        "type": "com.oraclecloud.vcn.flowlogs.DataEvent",
    })
}

fn window(kind: &str, status: &str) -> Value {
    let mut event = event();
    event["type"] = format!("com.oraclecloud.vcn.flowlogs.QualityEvent.{kind}").into();
    let data = event["data"].as_object_mut().expect("an object");
    for (name, value) in data {
        match name.as_str() {
            "status" => *value = status.into(),
            "startTime" | "endTime" | "version" => {}
            _ => *value = json!(null),
        }
    }
    event
}

fn exported(event: &Value) -> Value {
    json!({"datetime": 1_790_000_000_000_u64, "logContent": event, "regionId": "eu-frankfurt-1"})
}

fn decoded(text: &str) -> Decoded {
    Decoded::of(Format::Oci, text.as_bytes())
}

#[test]
fn an_event_becomes_a_flow() {
    let expected = [
        ("flowtype", "oracle"),
        ("flowversion", "2"),
        ("flowsrcname", "ocid1.tenancy.oc1..t/ocid1.log.oc1.phx.l"),
        ("srcip", "10.0.0.219"),
        ("dstip", "192.0.2.151"),
        ("srcport", "60830"),
        ("dstport", "443"),
        ("protocol", "tcp"),
        ("packets", "9"),
        ("octets", "4132"),
        ("start", "1790000001000"),
        ("end", "1790000060000"),
        ("action", "accepted"),
        ("datastatus", "OK"),
        ("accountid", "ocid1.tenancy.oc1..t"),
        ("vpcid", "ocid1.vcn.oc1.phx.n"),
        ("subnetid", "ocid1.subnet.oc1.phx.s"),
        ("instanceid", "ocid1.networkloadbalancer.oc1.phx.b"),
        ("interfaceid", "ocid1.vnic.oc1.phx.v"),
        ("interface", "ocid1.vnic.oc1.phx.v"),
        ("region", "us-phoenix-1"),
        // Nothing of this is told, and nothing of it is 0.
        ("direction", ""),
        ("inputname", ""),
        ("outputname", ""),
        ("zone", ""),
        ("tos", ""),
        ("tcpflagsint", ""),
        ("viaip", ""),
    ];
    let bare = decoded(&event().to_string());
    bare.check(0, &expected);
    assert!(bare.ledger.unknown.is_empty(), "{:?}", bare.ledger.unknown);
    decoded(&exported(&event()).to_string())
        .check(0, &[("region", "eu-frankfurt-1"), ("packets", "9")]);
    let mut few = event();
    few["data"] = json!({"sourceAddress": "2001:db8::1", "destinationAddress": "2001:db8::2", "protocol": "58",
        "endTime": "1790000060", "action": null, "packets": null});
    few["oracle"] = json!(null);
    decoded(&few.to_string()).check(
        0,
        &[
            ("srcip", "2001:db8::1"),
            ("protocolint", "58"),
            ("packets", ""),
            ("bits", ""),
            ("start", ""),
            ("duration", ""),
            ("action", ""),
            ("flowversion", ""),
            ("datastatus", ""),
            ("region", ""),
            ("accountid", ""),
        ],
    );
}

#[test]
fn events_come_bare_exported_streamed_and_found() {
    let export = exported(&event());
    let message = json!({"stream": "s", "partition": "0", "key": null, "offset": 3, "timestamp": "2026-09-21T14:14:24Z",
        "value": base64::encode(export.to_string().as_bytes())});
    let found = json!({"data": export});
    for text in [
        format!("{export}\n{export}\n"),
        format!("{}{}", event(), event()),
        serde_json::to_string_pretty(&[&export, &export]).expect("JSON"),
        json!([event(), export]).to_string(),
        json!([message, message]).to_string(),
        json!({"data": [message, message]}).to_string(),
        json!({"data": {"fields": [{"fieldName": "x"}], "results": [found, found], "summary": {"resultCount": 2}}}).to_string(),
        json!({"results": [found, found]}).to_string(),
    ] {
        assert_eq!(Format::detect(&text.as_bytes()[..text.len().min(4096)]), Some(Format::Oci), "{text}");
        let decoded = decoded(&text);
        assert_eq!((decoded.ledger.flows, decoded.ledger.records), (2, 2), "{text}");
        assert!(decoded.ledger.unknown.is_empty(), "{:?}", decoded.ledger.unknown);
        decoded.check(1, &[("packets", "9"), ("interfaceid", "ocid1.vnic.oc1.phx.v")]);
    }
}

#[test]
fn windows_without_flows_are_counted() {
    let mut with_flow = window("SkipData", "SKIPDATA");
    with_flow["data"] = event()["data"].clone();
    let mut by_status = window("NoData", "NODATA");
    by_status["type"] = event()["type"].clone();
    let events = [window("NoData", "NODATA"), window("SkipData", "SKIPDATA"), by_status, with_flow];
    let decoded = decoded(&events.map(|event| exported(&event).to_string()).join("\n"));
    assert_eq!(
        (decoded.ledger.windows, decoded.ledger.flows, decoded.ledger.records),
        ([2, 1], 1, 4)
    );
}

#[test]
fn every_event_is_accounted_for() {
    let with = |path: &str, value: Value| {
        let mut event = event();
        *event.pointer_mut(path).expect(path) = value;
        event.to_string()
    };
    let text = [
        with("/type", "com.oraclecloud.objectstorage.getobject".into()),
        r#"{"type": "com.oraclecloud.x", "data": {"sourceAddress": {}, "logContent": "y"}, "oracle": 5}"#.to_owned(),
        with("/data/action", "MAYBE".into()),
        with("/data/sourceAddress", "here".into()),
        with("/data/destinationAddress", "::1".into()),
        with("/data/destinationPort", 70_000.into()),
        with("/data/packets", 1.5.into()),
        with("/data/version", 256.into()),
        with("/data/protocol", json!(null)),
        with("/data/endTime", 100_000_000_000_001_u64.into()),
        with("/data/endTime", 12.into()).replace("1790000001", "12"),
        "{}".to_owned(),
        r#"{"value": "not base64"}"#.to_owned(),
        "{\"logContent\": {\"data\"".to_owned(),
        event().to_string(),
        // Events of another log, which have the members that hold flows elsewhere.
        r#"{"type": "com.oraclecloud.x", "data": [1]}"#.to_owned(),
        r#"{"logContent": {"type": "com.oraclecloud.y", "data": []}}"#.to_owned(),
    ];
    let decoded = decoded(&text.join("\n"));
    let errors: Vec<_> = decoded
        .ledger
        .faults
        .iter()
        .map(|fault| (fault.line, fault.reason, fault.what.as_str()))
        .collect();
    assert_eq!(
        errors,
        [
            (1, Reason::OtherLog, "com.oraclecloud.objectstorage.getobject"),
            (2, Reason::OtherLog, "com.oraclecloud.x"),
            (3, Reason::Value, "MAYBE"),
            (4, Reason::Address, "here"),
            (5, Reason::Families, "::1"),
            (6, Reason::Number, "destinationPort"),
            (7, Reason::Number, "packets"),
            (8, Reason::Number, "version"),
            (9, Reason::Value, "protocol"),
            (10, Reason::Time, "endTime"),
            (11, Reason::Time, "endTime"),
            (12, Reason::Value, "type"),
            (13, Reason::Syntax, "value of the message"),
            (14, Reason::Syntax, "{\"logContent\": {\"data\""),
            (16, Reason::Syntax, "1"),
            (16, Reason::OtherLog, "com.oraclecloud.x"),
            (16, Reason::OtherLog, "com.oraclecloud.y"),
        ]
    );
    assert_eq!(decoded.ledger.flows, 1);
}

#[test]
fn a_message_nested_without_end_is_read_in_constant_stack() {
    let deep = "{\"data\":{\"logContent\":".repeat(100_000);
    for text in [deep.clone(), format!("{deep}1{}", "}}".repeat(100_000))] {
        let text = json!({"value": base64::encode(text.as_bytes())}).to_string();
        let decoded = decoded(&text);
        assert_eq!((decoded.ledger.records, decoded.ledger.all_errors()), (1, 1));
    }
}

#[test]
fn samples_are_read_whole() {
    let files = corpus("oci");
    for (name, flows, windows, unknown) in [
        ("details-doc-record.json", 1, 1, &[][..]),
        ("splunk-function.json", 1, 0, &["data.targetSystem"]),
    ] {
        let Some(file) = files.iter().find(|file| file.ends_with(name)) else { continue };
        let octets = std::fs::read(file).expect("readable");
        assert_eq!(Format::detect(&octets), Some(Format::Oci), "{name}");
        let decoded = Decoded::of(Format::Oci, &octets);
        let ledger = &decoded.ledger;
        assert_eq!(
            (ledger.flows, ledger.windows, ledger.all_errors()),
            (flows, [windows, 0], 0),
            "{name}"
        );
        assert!(ledger.unknown.keys().eq(unknown), "{name}: {:?}", ledger.unknown);
        if windows == 1 {
            decoded.check(
                0,
                &[
                    ("srcip", "123.0.0.1"),
                    ("dstport", "36266"),
                    ("packets", "250"),
                    ("octets", "17114"),
                    ("start", "1598917969000"),
                    ("end", "1598917970000"),
                    ("action", "accepted"),
                ],
            );
        } else {
            decoded.check(
                0,
                &[
                    ("dstip", "147.154.101.151"),
                    ("srcport", "60830"),
                    ("octets", "4132"),
                    ("region", "us-phoenix-1"),
                ],
            );
        }
    }
}
