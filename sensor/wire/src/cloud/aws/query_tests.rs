//! Query logs of Route 53 Resolver, made, in all their envelopes.

use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cloud::{
    format::Format,
    json::{base64, testing::Decoded},
    ledger::{Ledger, Reason},
};

/// A record with all members that are known.
fn record() -> Value {
    json!({
        "version": "1.100000",
        "account_id": "111122223333",
        "region": "eu-central-1",
        "vpc_id": "vpc-0a",
        "query_timestamp": "2026-09-21T14:13:20.618334505Z",
        "query_name": "WwW.Shop.Example.CO.uk.",
        "query_type": "A",
        "query_class": "IN",
        "rcode": "NOERROR",
        "answers": [
            {"Rdata": "CDN.Example.net.", "Type": "CNAME", "Class": "IN"},
            {"Rdata": "203.0.113.9", "Type": "A", "Class": "IN"},
        ],
        "srcaddr": "10.1.0.2",
        "srcport": "56067",
        "transport": "UDP",
        "srcids": {"instance": "i-0d", "resolver_endpoint": "rslvr-in-1", "resolver_network_interface": "rni-1"},
        "firewall_rule_action": "ALERT",
        "firewall_rule_group_id": "rslvr-frg-1",
        "firewall_domain_list_id": "rslvr-fdl-1",
    })
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut record = record();
    change(&mut record);
    record.to_string()
}

#[track_caller]
fn decoded(text: &str) -> Decoded {
    Decoded::of(Format::Route53, text.as_bytes())
}

fn errors(ledger: &Ledger) -> Vec<(Reason, u64)> {
    let all = Reason::ALL.into_iter().map(|reason| (reason, ledger.errors[reason as usize]));
    all.filter(|(_, count)| *count != 0).collect()
}

#[test]
fn every_member_becomes_a_field() {
    let decoded = decoded(&record().to_string());
    assert_eq!((decoded.ledger.records, decoded.ledger.dns, decoded.ledger.flows), (1, 1, 0));
    assert!(decoded.ledger.unknown.is_empty(), "{:?}", decoded.ledger.unknown);
    decoded.check_dns(
        0,
        &[
            ("id", ""),
            ("timestamp", "1790000000"),
            ("rtime", ""),
            ("srcip", "10.1.0.2"),
            ("srcport", "56067"),
            ("dstip", ""),
            ("protocol", "udp"),
            ("query.name", "www.shop.example.co.uk"),
            ("query.host", "www.shop"),
            ("query.domain", "example.co.uk"),
            ("query.tld", "uk"),
            ("query.publicsuffix", "co.uk"),
            ("query.type", "A"),
            ("query.class", "IN"),
            ("query.depth", "5"),
            ("rcode", "NOERROR"),
            ("answercount", "2"),
            ("answers.type", "CNAME A"),
            ("answers.rdata", "cdn.example.net 203.0.113.9"),
            ("answers.class", "IN IN"),
            ("action", "alert"),
            ("rule", "rslvr-frg-1"),
            ("domainlist", "rslvr-fdl-1"),
            ("type", "response"),
            ("version", "1.100000"),
            ("datasrc", "route53"),
            ("flowsrcname", "111122223333/route53/vpc-0a"),
            ("accountid", "111122223333"),
            ("instanceid", "i-0d"),
            ("vpcid", "vpc-0a"),
            ("endpointid", "rslvr-in-1"),
            ("region", "eu-central-1"),
        ],
    );
}

#[test]
fn what_a_record_does_not_tell_is_absent() {
    let least = json!({"query_timestamp": "2026-01-31T00:00:00Z", "query_name": "a.example."});
    let decoded = decoded(&least.to_string());
    assert_eq!((decoded.ledger.dns, decoded.ledger.all_errors()), (1, 0));
    for name in [
        "srcip",
        "srcport",
        "protocol",
        "query.type",
        "query.class",
        "rcode",
        "answercount",
        "answers.type",
        "answers.rdata",
        "action",
        "version",
        "accountid",
        "instanceid",
        "vpcid",
    ] {
        decoded.check_dns(0, &[(name, "")]);
    }
    // Nobody tells of an answer.
    decoded.check_dns(0, &[("type", "query"), ("flowsrcname", "/object.json")]);
    let null = with(|record| {
        for name in ["answers", "srcids", "firewall_rule_action", "srcport"] {
            record[name] = Value::Null;
        }
    });
    let null = self::decoded(&null);
    null.check_dns(0, &[("answercount", ""), ("action", ""), ("srcport", ""), ("instanceid", "")]);
}

#[test]
fn answers_are_of_many_kinds_and_may_be_none() {
    let nxdomain = with(|record| {
        (record["rcode"], record["answers"]) = ("NXDOMAIN".into(), json!([]));
    });
    decoded(&nxdomain).check_dns(
        0,
        &[("rcode", "NXDOMAIN"), ("answercount", "0"), ("answers.type", ""), ("type", "response")],
    );
    let kinds = with(|record| {
        record["answers"] = json!([
            {"Rdata": "2001:db8::1", "Type": "AAAA", "Class": "IN"},
            {"Rdata": "10 Mail.example.com.", "Type": "MX", "Class": "IN"},
            {"Rdata": "\"v=spf1 -all\"", "Type": "TXT", "Class": "CH"},
            {"Rdata": "1 . alpn=h2", "Type": "TYPE65", "Class": "IN"},
            {"Rdata": "\\# 1 00", "Type": "TYPE65280"},
            {"Type": "FUTURE", "Class": "CLASS9"},
            {},
        ]);
        (record["query_type"], record["query_class"]) = ("255".into(), "CH".into());
        record["rcode"] = "24".into();
    });
    decoded(&kinds).check_dns(
        0,
        &[
            ("answercount", "7"),
            ("answers.type", "AAAA MX TXT HTTPS TYPE65280 FUTURE"),
            ("answers.class", "IN IN CH IN CLASS9"),
            (
                "answers.rdata",
                "2001:db8::1 10 Mail.example.com. \"v=spf1 -all\" 1 . alpn=h2 \\# 1 00",
            ),
            ("query.type", "ANY"),
            ("query.class", "CH"),
            ("rcode", "RCODE24"),
        ],
    );
    let answer = json!({"Rdata": "192.0.2.1", "Type": "A", "Class": "IN"});
    let many = with(|record| record["answers"] = vec![answer; 500].into());
    let many = decoded(&many);
    many.check_dns(0, &[("answercount", "500")]);
    assert_eq!(many.dns_column("answers.type")[0].split(' ').count(), 64);
}

#[test]
fn actions_of_the_firewall_are_told_and_their_absence_is_no_permission() {
    for (action, expected) in [
        (json!("BLOCK"), "block"),
        (json!("ALLOW"), "allow"),
        (json!("alert"), "alert"),
        (Value::Null, ""),
        (json!(""), ""),
    ] {
        let text = with(|record| record["firewall_rule_action"] = action);
        decoded(&text).check_dns(0, &[("action", expected)]);
    }
}

#[test]
fn names_are_read_however_they_are_written() {
    for (name, expected, depth) in [
        ("EXAMPLE.com", "example.com", "2"),
        (".", ".", "0"),
        (r"\052.example.com.", r"\052.example.com", "3"),
        (r"a\.b.example.com.", r"a\.b.example.com", "3"),
        ("a\tb.example.com.", r"a\009b.example.com", "3"),
        ("15.3.4.32.in-addr.arpa.", "15.3.4.32.in-addr.arpa", "6"),
    ] {
        let text = with(|record| record["query_name"] = name.into());
        decoded(&text).check_dns(0, &[("query.name", expected), ("query.depth", depth)]);
    }
    let mut octets = record().to_string().into_bytes();
    let at = octets.windows(3).position(|window| window == b"WwW").expect("the name");
    octets[at] = 0xff;
    let decoded = Decoded::of(Format::Route53, &octets);
    decoded.check_dns(0, &[("query.name", r"\255ww.shop.example.co.uk")]);
    let longest = format!("{}.", vec!["a"; 500].join("."));
    let text = with(|record| record["query_name"] = longest.into());
    self::decoded(&text).check_dns(0, &[("query.depth", "500")]);
}

#[test]
fn clients_may_have_addresses_of_version_6() {
    let text = with(|record| record["srcaddr"] = "2001:DB8::0:1".into());
    decoded(&text).check_dns(0, &[("srcip", "2001:db8::1")]);
    let text = with(|record| (record["srcport"], record["srcids"]) = (53.into(), json!("i-1")));
    decoded(&text).check_dns(0, &[("srcport", "53"), ("instanceid", "")]);
}

#[test]
fn what_cannot_be_read_is_counted_by_reason() {
    let bad = |name: &str, value: Value| with(|record| record[name] = value);
    let text = [
        bad("query_timestamp", json!("yesterday")),
        bad("query_timestamp", Value::Null),
        bad("query_timestamp", json!("1999-12-31T23:59:59Z")),
        bad("query_name", json!("")),
        bad("query_name", json!("a".repeat(5000))),
        bad("srcaddr", json!("10.0.0")),
        bad("srcport", json!(65_536)),
        bad("srcport", json!(-1)),
        "{\"query_name\": \"a.\", \"query_timestamp\": }".to_owned(),
        record().to_string(),
    ]
    .join("\n");
    let decoded = decoded(&text);
    assert_eq!((decoded.ledger.records, decoded.ledger.dns), (10, 1));
    assert_eq!(
        errors(&decoded.ledger),
        [
            (Reason::TooLong, 1),
            (Reason::Address, 1),
            (Reason::Number, 2),
            (Reason::Time, 3),
            (Reason::Value, 1),
            (Reason::Syntax, 1),
        ]
    );
    assert!(decoded.ledger.faults.iter().all(|fault| fault.what.len() <= 48));
}

#[test]
fn unknown_members_are_counted() {
    let text = with(|record| {
        record["firewall_threat"] = "dga".into();
        record["srcids"]["pod"] = "web".into();
        record["answers"][0]["Ttl"] = 300.into();
        record["nothing"] = Value::Null;
    });
    let unknown = decoded(&text).ledger.unknown;
    let unknown: Vec<_> = unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(unknown, [("answers.Ttl", 1), ("firewall_threat", 1), ("srcids.pod", 1)]);
}

#[test]
fn records_are_found_in_every_envelope() {
    let line = record().to_string();
    let zip = |text: &str| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text.as_bytes()).expect("memory");
        out.finish().expect("memory")
    };
    let cloudwatch = json!({
        "messageType": "DATA_MESSAGE", "owner": "999988887777", "logGroup": "/dns", "logStream": "s",
        "subscriptionFilters": ["all"],
        "logEvents": [{"id": "1", "timestamp": 1_790_000_000_618_u64, "message": line}, {"id": "2", "timestamp": 0, "message": line}],
    })
    .to_string();
    let firehose = |octets: &[u8]| {
        json!({"requestId": "1", "timestamp": 1, "records": [{"data": base64::encode(octets)}]})
            .to_string()
    };
    let lambda = json!({"awslogs": {"data": base64::encode(&zip(&cloudwatch))}}).to_string();
    let found = json!({"events": [{"logStreamName": "s", "timestamp": 1, "message": line, "eventId": "1"}]});
    for (text, count, format) in [
        (format!("{line}\n{line}\n"), 2, Format::Route53),
        (format!("{line}{line}"), 2, Format::Route53),
        (format!("[{line},\n{line}]"), 2, Format::Route53),
        (cloudwatch.clone(), 2, Format::Route53),
        (found.to_string(), 1, Format::Route53),
        (firehose(format!("{line}\n{line}\n").as_bytes()), 2, Format::Route53),
        (firehose(cloudwatch.as_bytes()), 2, Format::Route53),
        // What is compressed within is not looked into, but read all the same.
        (firehose(&zip(&cloudwatch)), 2, Format::Aws),
        (lambda, 2, Format::Aws),
    ] {
        assert_eq!(Format::detect(text.as_bytes()), Some(format), "{text}");
        let decoded = Decoded::of(format, text.as_bytes());
        assert_eq!((decoded.ledger.records, decoded.ledger.dns), (count, count), "{text}");
        decoded
            .check_dns(0, &[("flowsrcname", "111122223333/route53/vpc-0a"), ("srcip", "10.1.0.2")]);
    }
    // An account and a log that only the envelope tells.
    let bare = json!({"query_timestamp": "2026-01-31T00:00:00Z", "query_name": "a."}).to_string();
    let envelope = format!(
        "{{\"messageType\": \"DATA_MESSAGE\", \"owner\": \"999988887777\", \"logGroup\": \"/dns\", \"logEvents\": [{}]}}",
        json!({"id": "1", "message": bare})
    );
    decoded(&envelope).check_dns(0, &[("flowsrcname", "999988887777//dns")]);
}

#[test]
fn flows_and_queries_of_one_object_are_told_apart() {
    let flow =
        "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
    let text = json!({
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g",
        "logEvents": [{"id": "1", "message": flow}, {"id": "2", "message": record().to_string()}, {"id": "3", "message": flow}],
    });
    let decoded = decoded(&text.to_string());
    assert_eq!((decoded.ledger.records, decoded.ledger.flows, decoded.ledger.dns), (3, 2, 1));
    decoded.check(1, &[("srcip", "10.0.0.1"), ("dstport", "22")]);
    decoded.check_dns(0, &[("srcip", "10.1.0.2")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn records_with_anything_in_them_are_accounted_for_however_they_are_cut(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            Just(b'"'), Just(b'\\'), Just(b'{'), Just(b']'), Just(b'.'), Just(b'\n'), Just(0xff), any::<u8>(),
        ]), 1..8),
        copies in 1..4_usize,
    ) {
        let mut octets = format!("{}\n", record()).repeat(copies).into_bytes();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        // It compares what comes of several cuts, and sees that each ledger is balanced.
        let decoded = Decoded::of(Format::Route53, &octets);
        prop_assert!(decoded.ledger.records >= 1);
        prop_assert!(decoded.dns_column("query.name").iter().all(|name| !name.contains(char::is_control)));
    }
}
