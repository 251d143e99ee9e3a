//! Query logs of Cloud DNS, made.

use serde_json::{Value, json};

use crate::cloud::{
    format::Format,
    json::{base64, testing::Decoded},
    ledger::Reason,
};

/// An entry that tells a query in all members that are known.
fn entry() -> Value {
    json!({
        "insertId": "1f2e",
        "jsonPayload": {
            "authAnswer": false,
            "queryName": "lOGging.Googleapis.COM.",
            "queryType": "A",
            "responseCode": "NOERROR",
            "rdata": "logging.googleapis.com.\t300\tIN\tcname\tL.Googleapis.com.\nl.googleapis.com.\t300\tIN\ta\t192.0.2.95\n",
            "sourceIP": "10.132.0.43",
            "destinationIP": "169.254.169.254",
            "protocol": "UDP",
            "sourceNetwork": "default",
            "vmInstanceId": 2_838_092_002_611_613_700_u64,
            "vmInstanceIdString": "2838092002611613780",
            "vmInstanceName": "228025391384.web-1",
            "vmProjectId": "shop",
            "vmZoneName": "europe-west1-c",
            "serverLatency": 5,
            "dns64Translated": false,
            "egressError": "", "healthyIps": "10.0.0.1", "unHealthyIps": "10.0.0.2",
            "alias_query_response_code": "NOERROR",
        },
        "logName": "projects/host/logs/dns.googleapis.com%2Fdns_queries",
        "resource": {"type": "dns_query", "labels": {"location": "europe-west1", "project_id": "host", "source_type": "gce-vm",
            "target_name": "", "target_type": "external"}},
        "severity": "INFO",
        "timestamp": "2026-09-21T14:13:20.618334505Z",
        "receiveTimestamp": "2026-09-21T14:13:22.1Z",
    })
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut entry = entry();
    change(&mut entry);
    entry.to_string()
}

#[track_caller]
fn decoded(text: &str) -> Decoded {
    Decoded::of(Format::GcpDns, text.as_bytes())
}

#[test]
fn every_member_becomes_a_field() {
    let decoded = decoded(&entry().to_string());
    assert_eq!((decoded.ledger.records, decoded.ledger.dns), (1, 1));
    assert!(decoded.ledger.unknown.is_empty(), "{:?}", decoded.ledger.unknown);
    decoded.check_dns(
        0,
        &[
            ("id", "1f2e"),
            ("timestamp", "1790000000"),
            ("timestampms", "1790000000618"),
            ("rtime", "2026-09-21T14:13:22.1Z"),
            ("srcip", "10.132.0.43"),
            ("srcport", ""),
            ("dstip", "169.254.169.254"),
            ("protocol", "udp"),
            ("query.name", "logging.googleapis.com"),
            ("query.host", ""),
            ("query.domain", "logging.googleapis.com"),
            ("query.publicsuffix", "googleapis.com"),
            ("query.type", "A"),
            ("query.class", ""),
            ("rcode", "NOERROR"),
            ("answercount", "2"),
            ("answers.type", "CNAME A"),
            ("answers.rdata", "l.googleapis.com 192.0.2.95"),
            ("answers.class", "IN IN"),
            ("authoritative", "false"),
            ("action", ""),
            ("type", "response"),
            ("version", ""),
            ("datasrc", "gcp-dns"),
            ("flowsrcname", "shop/dns_queries"),
            ("accountid", "shop"),
            ("instanceid", "web-1"),
            ("vpcid", "default"),
            ("region", "europe-west1"),
            ("zone", "europe-west1-c"),
        ],
    );
}

#[test]
fn answers_come_as_text_or_as_objects() {
    let structured = with(|entry| {
        let payload = &mut entry["jsonPayload"];
        payload["structuredRdata"] = json!([
            {"class": "IN", "domainName": "a.example.", "rvalue": "34.144.229.76", "ttl": "300", "type": "A"},
            {"class": "IN", "domainName": "a.example.", "rvalue": "a 8 3 300 1741187631 x", "ttl": "300", "type": "RRSIG"},
        ]);
    });
    decoded(&structured).check_dns(
        0,
        &[
            ("answercount", "2"),
            ("answers.type", "A RRSIG"),
            ("answers.rdata", "34.144.229.76 a 8 3 300 1741187631 x"),
        ],
    );
    for (rdata, count, kinds, data) in [
        (json!("a.\t5\tIN\ttxt\t\"one\ttwo\""), "1", "TXT", "\"onetwo\""),
        (
            json!("a.\t5\tIN\taaaa\t2001:db8::1\n\na.\t5\tIN\taaaa\t2001:db8::2"),
            "2",
            "AAAA AAAA",
            "2001:db8::1 2001:db8::2",
        ),
        // Not in the form that is known: kept as it is.
        (json!("192.0.2.1"), "1", "", "192.0.2.1"),
        (json!("a.\t5\tIN"), "1", "", "a.5IN"),
        (json!(""), "", "", ""),
        (Value::Null, "", "", ""),
    ] {
        let text = with(|entry| entry["jsonPayload"]["rdata"] = rdata.clone());
        let decoded = decoded(&text);
        decoded.check_dns(0, &[("answercount", count), ("answers.type", kinds)]);
        assert_eq!(decoded.dns_column("answers.rdata"), [data], "{rdata}");
    }
    let many = "a.\t5\tIN\ta\t192.0.2.1\n".repeat(1000);
    let many = decoded(&with(|entry| entry["jsonPayload"]["rdata"] = many.into()));
    many.check_dns(0, &[("answercount", "1000")]);
    assert_eq!(many.dns_column("answers.type")[0].split(' ').count(), 64);
}

#[test]
fn what_an_entry_does_not_tell_is_absent() {
    let least = json!({
        "jsonPayload": {"queryName": "b.example.", "responseCode": "NXDOMAIN"},
        "logName": "projects/host/logs/dns.googleapis.com%2Fdns_queries",
        "timestamp": "2026-01-31T00:00:00Z",
    });
    let least = decoded(&least.to_string());
    least.check_dns(
        0,
        &[
            ("rcode", "NXDOMAIN"),
            ("answercount", ""),
            ("srcip", ""),
            ("dstip", ""),
            ("query.type", ""),
            ("authoritative", ""),
            ("instanceid", ""),
            ("region", ""),
            ("id", ""),
            ("rtime", ""),
            ("accountid", "host"),
            ("flowsrcname", "host/dns_queries"),
        ],
    );
    // A query from outside to a public zone.
    let outside = with(|entry| {
        let payload = entry["jsonPayload"].as_object_mut().expect("an object");
        payload.retain(|name, _| !name.starts_with("vm") && name != "sourceNetwork");
        entry["jsonPayload"]["sourceIP"] = "2001:db8::c924".into();
        entry["jsonPayload"]["authAnswer"] = true.into();
        entry["resource"]["labels"]["location"] = "global".into();
    });
    decoded(&outside).check_dns(
        0,
        &[
            ("srcip", "2001:db8::c924"),
            ("authoritative", "true"),
            ("accountid", "host"),
            ("region", ""),
            ("vpcid", ""),
        ],
    );
}

#[test]
fn the_instance_is_named_as_in_flow_logs() {
    for (name, id, number, expected) in [
        (json!("228025391384.web-1"), json!("9"), json!(8), "web-1"),
        (json!("web.1"), json!("9"), json!(8), "web.1"),
        (Value::Null, json!("9"), json!(8), "9"),
        (Value::Null, Value::Null, json!(8), "8"),
        (Value::Null, Value::Null, json!("x"), ""),
    ] {
        let text = with(|entry| {
            let payload = &mut entry["jsonPayload"];
            (payload["vmInstanceName"], payload["vmInstanceIdString"]) = (name, id);
            payload["vmInstanceId"] = number;
        });
        decoded(&text).check_dns(0, &[("instanceid", expected)]);
    }
}

#[test]
fn entries_come_in_arrays_lines_messages_and_beside_flows() {
    let one = entry().to_string();
    let pushed = json!({"message": {"data": base64::encode(one.as_bytes()), "messageId": "1"}, "subscription": "s"});
    let pulled = json!({"receivedMessages": [{"ackId": "1", "message": {"data": base64::encode(one.as_bytes())}}]});
    let nameless = with(|entry| {
        entry.as_object_mut().expect("an object").remove("logName");
    });
    let proto = with(|entry| {
        let mut payload = entry["jsonPayload"].take();
        payload["@type"] = "type.googleapis.com/x".into();
        entry["protoPayload"] = payload;
        entry["logName"] = "projects/host/logs/dns.googleapis.com/dns_queries".into();
    });
    for (text, count) in [
        (format!("{one}\n{one}\n"), 2),
        (format!("[{one}, {one}]"), 2),
        (format!("{{\"entries\": [{one}]}}"), 1),
        (pushed.to_string(), 1),
        (pulled.to_string(), 1),
        (nameless, 1),
        (proto, 1),
    ] {
        let decoded = decoded(&text);
        let ledger = &decoded.ledger;
        assert_eq!((ledger.records, ledger.dns, ledger.unknown.len()), (count, count, 0), "{text}");
        decoded.check_dns(0, &[("srcip", "10.132.0.43"), ("answercount", "2")]);
    }
    assert_eq!(Format::detect(pushed.to_string().as_bytes()), Some(Format::GcpDns));
    let flow = json!({"logName": "projects/p/logs/compute.googleapis.com%2Fvpc_flows", "jsonPayload": {
        "connection": {"src_ip": "10.1.0.2", "dest_ip": "10.2.0.3", "protocol": 6}, "end_time": "2026-09-21T14:14:20.5Z"}});
    let audit = json!({"logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "protoPayload": {"queryName": "x"}});
    let text = format!("{flow}\n{one}\n{audit}\n");
    // Whichever of the two names it goes by.
    for format in [Format::Gcp, Format::GcpDns] {
        let ledger = Decoded::of(format, text.as_bytes()).ledger;
        assert_eq!((ledger.records, ledger.flows, ledger.dns), (3, 1, 1));
        assert_eq!(ledger.errors[Reason::OtherLog as usize], 1);
    }
}

#[test]
fn what_cannot_be_read_is_counted_by_reason() {
    let bad = |name: &str, value: Value| with(|entry| entry["jsonPayload"][name] = value);
    let text = [
        with(|entry| entry["timestamp"] = Value::Null),
        with(|entry| entry["timestamp"] = "now".into()),
        bad("queryName", Value::Null),
        bad("queryName", json!("a".repeat(5000))),
        bad("sourceIP", json!("client")),
        bad("destinationIP", json!("999.1.1.1")),
        entry().to_string(),
    ]
    .join("\n");
    let ledger = decoded(&text).ledger;
    assert_eq!((ledger.records, ledger.dns, ledger.all_errors()), (7, 1, 6));
    for (reason, count) in
        [(Reason::Time, 2), (Reason::Value, 1), (Reason::TooLong, 1), (Reason::Address, 2)]
    {
        assert_eq!(ledger.errors[reason as usize], count, "{reason}");
    }
    let unknown = decoded(&bad("queryFlags", json!(["RD"]))).ledger.unknown;
    assert!(unknown.keys().eq(["jsonPayload.queryFlags"]));
}
