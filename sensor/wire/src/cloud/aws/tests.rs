//! Lines in whatever CloudWatch, Kinesis and Firehose put around them, and records as JSON, become what the lines become.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::layout::Layout;
use crate::cloud::{
    decoder::Hints,
    format::Format,
    json::base64,
    ledger::{Ledger, Reason},
    tests::{HEADING, all_values, check, corpus, decode, shown},
};

const LINES: [&str; 3] = [
    "2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1790000000 1790000060 REJECT OK",
    "2 123456789012 eni-1 - - - - - - - 1790000000 1790000060 - NODATA",
    "2 123456789012 eni-2 10.0.0.9 10.0.0.2 1 22 17 1 40 1790000000 1790000060 ACCEPT OK",
];

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(octets).expect("memory");
    out.finish().expect("memory")
}

/// What CloudWatch sends to those who subscribe.
fn subscription(lines: &[&str]) -> String {
    let event =
        |line: &&str| json!({"id": "356", "timestamp": 1_790_000_000_000_u64, "message": line});
    let events: Vec<Value> = lines.iter().map(event).collect();
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"210987654321","logGroup":"flowlogs","logStream":"eni-1-all","subscriptionFilters":["all"],"logEvents":{}}}"#,
        Value::from(events)
    )
}

fn control() -> String {
    subscription(&["CWL CONTROL MESSAGE: Checking health of destination Firehose."])
        .replace("DATA_MESSAGE", "CONTROL_MESSAGE")
}

/// What an object becomes, however it is cut into pieces; the log is that of the first source.
fn read(text: &str, hints: &Hints) -> (Vec<Vec<String>>, Ledger) {
    let (batches, ledger) = decode(text.as_bytes(), usize::MAX, hints);
    let rows = all_values(&batches);
    for pieces in [1, 7, 100] {
        let (batches, cut) = decode(text.as_bytes(), pieces, hints);
        assert_eq!((all_values(&batches), &cut), (rows.clone(), &ledger), "by {pieces}");
    }
    (rows, ledger)
}

/// The values of the lines as text, of this log.
fn expected(log: &str) -> Vec<Vec<String>> {
    let (batches, _) = decode(LINES.join("\n").as_bytes(), usize::MAX, &Hints::default());
    let name = batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
    let name = name.map(|(batch, row)| shown(batch, row, "flowsrcname")).next().expect("a row");
    let rows = all_values(&batches).into_iter();
    rows.map(|row| row.iter().map(|value| value.replace(&name, log)).collect()).collect()
}

#[test]
fn lines_are_the_same_in_any_envelope() {
    let one = subscription(&LINES);
    let (first, second) = (subscription(&LINES[..1]), subscription(&LINES[1..]));
    let packed = |text: &str| base64::encode(&gzip(text.as_bytes()));
    let kinesis = |text: &str| {
        json!({"Records": [{"kinesis": {"partitionKey": "x", "data": packed(text)}, "eventSource": "aws:kinesis"}]}).to_string()
    };
    let firehose = json!({"requestId": "r", "timestamp": 1, "records": [{"data": packed(&first)}, {"data": packed(&second)}]});
    for text in [
        one.clone(),
        // Firehose writes them one after the other, its users one a line.
        format!("{first}{second}"),
        format!("{first}\n{second}\n"),
        format!("[{first},{second}]"),
        format!("{}{one}", control()),
        kinesis(&one),
        kinesis(&format!("{first}{second}")),
        kinesis(&json!({"awslogs": {"data": packed(&one)}}).to_string()),
        json!({"awslogs": {"data": packed(&one)}}).to_string(),
        firehose.to_string(),
    ] {
        assert_eq!(Format::detect(text.as_bytes()), Some(Format::Aws), "{text}");
        let (rows, ledger) = read(&text, &Hints::default());
        assert_eq!(rows, expected("123456789012/flowlogs"), "{text}");
        assert_eq!((ledger.records, ledger.flows, ledger.windows[0]), (3, 2, 1), "{text}");
        let is_control = u64::from(text.contains("CONTROL_MESSAGE"));
        assert_eq!(ledger.headings, is_control, "{text}");
    }
}

#[test]
fn lines_without_a_log_are_of_the_object() {
    let message = |line: &&str| json!({"message": line});
    let own = |line: &&str| json!({"logStreamName": "eni-1-all", "timestamp": 1, "message": line, "ingestionTime": 2, "eventId": "3"});
    let events: Vec<Value> = LINES.iter().map(own).collect();
    let lines: Vec<String> = LINES.iter().map(|line| message(line).to_string()).collect();
    let data: Vec<Value> = LINES
        .iter()
        .map(|line| json!({"data": base64::encode(format!("{line}\n").as_bytes())}))
        .collect();
    let exported: Vec<String> =
        LINES.iter().map(|line| format!("2026-09-21T14:13:20.000Z {line}")).collect();
    for text in [
        // `aws logs filter-log-events`, flow logs that go to Firehose themselves, its HTTP requests, exports of CloudWatch.
        json!({"events": events, "searchedLogStreams": []}).to_string(),
        lines.concat(),
        lines.join("\n"),
        json!({"requestId": "r", "timestamp": 1, "records": data}).to_string(),
        exported.join("\n"),
    ] {
        assert_eq!(Format::detect(text.as_bytes()), Some(Format::Aws), "{text}");
        let (rows, ledger) = read(&text, &Hints::default());
        assert_eq!(rows, expected("123456789012/fl-0a1b"), "{text}");
        assert_eq!((ledger.records, ledger.headings), (3, 0), "{text}");
        assert!(ledger.unknown.is_empty(), "{:?}", ledger.unknown);
    }
}

#[test]
fn a_layout_is_told_where_the_default_is_not_it() {
    let text = subscription(&[
        "10.0.0.1 10.0.0.2 6 1790000060 secret",
        "10.0.0.3 10.0.0.2 6 1790000060 -",
    ]);
    let (rows, ledger) = read(&text, &Hints::default());
    assert_eq!((rows.len(), ledger.errors[Reason::Layout as usize]), (0, 2));
    let layout = Layout::parse("srcaddr dstaddr protocol end team").expect("complete");
    let hints = Hints { layout: Some(layout) };
    let (batches, ledger) = decode(text.as_bytes(), 9, &hints);
    assert_eq!((ledger.flows, ledger.unknown.get("team")), (2, Some(&1)));
    // The line tells no account, but who owns the log does.
    check(&batches[0], 0, &[("flowsrcname", "210987654321/flowlogs"), ("srcip", "10.0.0.1")]);
}

#[test]
fn logs_of_both_default_layouts_may_follow_each_other() {
    let gateway = "6 TransitGateway 123456789012 tgw-1 tgw-attach-1 1 2 vpc-1 vpc-2 subnet-1 subnet-2 eni-1 eni-2 az-1 az-2 tgw-attach-2 \
        10.0.0.1 10.0.1.1 12345 443 6 10 1000 1790000000 1790000060 OK IPv4 0 0 0 0 2 us-east-1 ingress - -";
    let text = [subscription(&LINES), subscription(&[gateway]), subscription(&LINES)].concat();
    let (rows, ledger) = read(&text, &Hints::default());
    assert_eq!((rows.len(), ledger.all_errors()), (5, 0), "{:?}", ledger.faults);
}

#[test]
fn what_is_broken_is_named_and_the_rest_goes_on() {
    let good = subscription(&LINES[..1]);
    let bomb = base64::encode(&gzip(&vec![b'x'; 40 << 20]));
    let mut deep = json!({"message": LINES[0]});
    for _ in 0..8 {
        deep = json!({"data": base64::encode(deep.to_string().as_bytes())});
    }
    for (bad, reason, what) in [
        (r#"{"message": "2 1"#.to_owned(), Reason::Syntax, ""),
        (r#"{"message": }"#.to_owned(), Reason::Syntax, "expected value"),
        (r#"{"awslogs":{"data":"*"}}"#.to_owned(), Reason::Syntax, "data is no base64"),
        (r#"{"awslogs":{"data":"H4sIAAAA"}}"#.to_owned(), Reason::Syntax, "data is no gzip"),
        (format!(r#"{{"awslogs":{{"data":"{bomb}"}}}}"#), Reason::TooLong, ""),
        (deep.to_string(), Reason::Syntax, "messages in messages"),
        (r#"{"message":"2 1 eni"}"#.to_owned(), Reason::Layout, "2 1 eni"),
    ] {
        let text = format!("{good}\n{bad}\n{good}");
        let (rows, ledger) = read(&text, &Hints::default());
        assert_eq!((rows.len(), ledger.all_errors()), (2, 1), "{bad:.60}: {ledger:?}");
        assert_eq!(ledger.errors[reason as usize], 1, "{bad:.60}: {ledger:?}");
        assert!(ledger.faults[0].what.contains(what), "{bad:.60}: {:?}", ledger.faults);
    }
}

/// An object with the values of a line, called so.
fn object(heading: &str, line: &str, name: impl Fn(&str) -> String) -> Value {
    let pairs = heading.split_whitespace().zip(line.split(' '));
    let value = |text: &str| match text.parse::<u64>() {
        Ok(number) if text.len() < 11 => Value::from(number),
        _ => Value::from(text),
    };
    pairs.map(|(field, text)| (name(field), value(text))).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn records_may_be_objects_whatever_their_members_are_called() {
    let camel = |name: &str| {
        let mut parts = name.split('-');
        let first = parts.next().unwrap_or_default().to_owned();
        first + &parts.map(|part| part[..1].to_uppercase() + &part[1..]).collect::<String>()
    };
    let names: [&dyn Fn(&str) -> String; 3] =
        [&str::to_owned, &|name| name.replace('-', "_"), &camel];
    for name in names {
        let objects = LINES.map(|line| object(HEADING, line, name));
        for text in [
            objects.clone().map(|object| object.to_string()).join("\n"),
            Value::from(objects.to_vec()).to_string(),
        ] {
            assert_eq!(Format::detect(text.as_bytes()), Some(Format::Aws), "{text}");
            let (rows, ledger) = read(&text, &Hints::default());
            assert_eq!(rows, expected("123456789012/fl-0a1b"), "{text}");
            assert!(ledger.unknown.is_empty(), "{:?}", ledger.unknown);
        }
    }
    // As panther stores them: the time as text, and members of its own.
    let text = r#"{"srcAddr":"10.0.0.1","dstAddr":"1.1.1.1","dstPort":53,"protocol":17,"start":"2026-09-21 14:13:20.000000000","end":"2026-09-21T14:14:20Z","status":"OK","p_log_type":"AWS.VPCFlow"}"#;
    let (batches, ledger) = decode(text.as_bytes(), 10, &Hints::default());
    check(
        &batches[0],
        0,
        &[
            ("start", "1790000000000"),
            ("end", "1790000060000"),
            ("dstport", "53"),
            ("datastatus", "OK"),
        ],
    );
    assert_eq!(ledger.unknown.get("p_log_type"), Some(&1));
}

#[test]
fn an_object_without_addresses_or_time_is_an_error() {
    for (text, reason) in [
        ("{}", Reason::Address),
        (r#"{"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","protocol":6}"#, Reason::Time),
        (r#"{"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","end":1790000000}"#, Reason::Value),
        (
            r#"{"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","protocol":600,"end":1790000000}"#,
            Reason::Number,
        ),
        (
            r#"{"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","protocol":6,"end":"yesterday"}"#,
            Reason::Number,
        ),
    ] {
        let (_, ledger) = read(text, &Hints::default());
        assert_eq!((ledger.records, ledger.errors[reason as usize]), (1, 1), "{text}: {ledger:?}");
    }
}

#[test]
fn security_lake_says_what_the_log_said() {
    let files = corpus("aws");
    for version in ["1.0.0-rc.2", "1.5.0"] {
        let find =
            |end: &str| files.iter().find(|file| file.ends_with(format!("ocsf-v{version}.{end}")));
        let (Some(raw), Some(ocsf)) = (find("raw"), find("ocsf")) else { return };
        let raw = std::fs::read_to_string(raw).expect("readable").replace(',', " ");
        let (wanted, _) = decode(raw.as_bytes(), usize::MAX, &Hints::default());
        let ocsf = std::fs::read(ocsf).expect("readable");
        assert_eq!(Format::detect(&ocsf), Some(Format::Aws), "{version}");
        let (found, ledger) = decode(&ocsf, 1000, &Hints::default());
        assert_eq!(
            (ledger.flows, &ledger.unknown),
            (1, &Default::default()),
            "{version}: {:?}",
            ledger.faults
        );
        for field in sensor_core::flow::fields::FIELDS {
            // OCSF has no number for the path, and one of the samples another interface.
            let is_other = matches!(
                field.name,
                "trafficpath" | "interface" | "interfaceid" | "inputname" | "outputname"
            );
            if !is_other {
                assert_eq!(
                    shown(&found[0], 0, field.name),
                    shown(&wanted[0], 0, field.name),
                    "{version}: {}",
                    field.name
                );
            }
        }
    }
}

#[test]
fn subscriptions_of_the_corpus_are_read() {
    let files = corpus("aws");
    let read_as = |name: &str, layout: &str| {
        let file = files.iter().find(|file| file.ends_with(name))?;
        let octets = std::fs::read(file).expect("readable");
        assert_eq!(Format::detect(&octets), Some(Format::Aws), "{name}");
        let hints = Hints { layout: Layout::parse(layout).ok() };
        Some(decode(&octets, 50, &hints))
    };
    let gateway = "version account-id tgw-id tgw-attachment-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id \
        tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets \
        bytes start end log-status type tcp-flags flow-direction region";
    if let Some((batches, ledger)) = read_as("otel-cw-subscription-tgw.json", gateway) {
        assert_eq!((ledger.records, ledger.flows), (1, 1), "{:?}", ledger.faults);
        check(
            &batches[0],
            0,
            &[
                ("flowsrcname", "123456789012//aws/tgw/flowlogs"),
                ("vpcid", "vpc-0abc12345def67890"),
                ("packets", "10"),
            ],
        );
    }
    // No protocol and no time: nothing that would be a flow.
    if let Some((_, ledger)) = read_as("otel-cw-subscription-custom.json", "") {
        assert_eq!((ledger.records, ledger.errors[Reason::Layout as usize]), (2, 2));
    }
}

proptest! {
    #[test]
    fn any_envelope_is_accounted_for(cuts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..5), pieces in 1..300_usize) {
        let text = format!("{}{}{}", control(), subscription(&LINES), json!({"awslogs": {"data": base64::encode(&gzip(subscription(&LINES).as_bytes()))}}));
        let mut octets = text.into_bytes();
        for (place, octet) in cuts {
            let place = place.index(octets.len());
            octets[place] = octet;
        }
        decode(&octets, pieces, &Hints::default());
    }
}
