//! Accounts against the detection, and single flows.

use proptest::prelude::*;

use super::{Asked, account::Account, alone, verdict::Verdict};
use crate::{
    flow::{
        batch::{FlowBatch, Source},
        fields::Row,
        interfaces::Interfaces,
        testing,
    },
    nql::{json::RecordReader, lists::Lists, reference, testing::expressions},
    policy::{
        alert::FlowSample,
        load::{Loaded, PolicyFile, load},
    },
};

const POLICY: &str = r#"
[[policy]]
name = "scan"
match = """
protocol == tcp &&
dstport == 22 && label.src.role != monitoring"""
discard = [
    "label.src.role in (scanner, crawler)",
    "srcip == 10.0.0.9",
]
track_by = [["srcip"]]
window = "5m"
severity = { medium = "distinct(dstip) >= 25", high = "distinct(dstip) >= 100" }
"#;

fn asked(text: &str) -> Asked {
    let lists = Lists::default();
    let file = PolicyFile { path: "p.toml".to_owned(), text: text.to_owned() };
    let Loaded { policies, written, .. } = load(&[file], &lists);
    Asked::new(&policies[0], &written[0], &lists).expect("the same queries")
}

#[track_caller]
fn check(record: &str, expected: &str) {
    let asked = asked(POLICY);
    let read = RecordReader::of(asked.subjects()).read(record.as_bytes()).expect("a record");
    let verdict = Verdict::of(&asked, &read, Source::Host);
    let shown = match verdict.decided(&asked, Source::Host) {
        None => format!("{verdict:?}"),
        Some((query, reason)) => {
            let part = &query.text[reason.span.clone()];
            let values: Vec<_> =
                reason.values.iter().map(|(_, values)| format!("{values:?}")).collect();
            let line = query.line_of(&reason.span);
            format!("p.toml:{line} {part} {} {:?}", values.join(" "), verdict.roles())
        }
    };
    assert_eq!(shown, expected, "{record}");
}

#[test]
fn one_flow_is_told_what_decides_with_line_and_value() {
    let flow = r#""protocol": "tcp", "srcip": "10.0.0.1", "dstip": "10.0.0.2""#;
    check(&format!(r#"{{{flow}, "dstport": 80}}"#), "p.toml:6 dstport == 22 [Integer(80)] []");
    check(&format!(r#"{{{flow}, "dstport": 22}}"#), "Matched");
    check(
        &format!(r#"{{{flow}, "dstport": 22, "label.src.role": "monitoring"}}"#),
        "p.toml:6 label.src.role != monitoring [Text(\"monitoring\")] [\"monitoring\"]",
    );
    check(
        &format!(r#"{{{flow}, "dstport": 22, "label.src.role": ["crawler", "web"]}}"#),
        "p.toml:8 label.src.role in (scanner, crawler) [Text(\"crawler\"), Text(\"web\")] [\"crawler\"]",
    );
    check(
        r#"{"protocol": "tcp", "dstport": 22, "srcip": "10.0.0.9"}"#,
        "p.toml:9 srcip == 10.0.0.9 [Ip(10.0.0.9)] []",
    );
    check("{}", "p.toml:5 protocol == tcp [] []");
}

#[test]
fn a_flow_alone_is_measured_against_every_threshold() {
    let asked = asked(POLICY);
    let record = RecordReader::of(asked.subjects());
    let record = record.read(br#"{"srcip": "10.0.0.1", "dstip": "10.0.0.2"}"#).expect("a record");
    let levels = alone::levels(&asked, &record);
    let shown: Vec<_> = levels
        .iter()
        .map(|level| {
            let line = level.threshold.map(|text| text.line());
            (
                level.severity.name(),
                line,
                level.measured[0].value,
                level.measured[0].limit,
                level.holds,
            )
        })
        .collect();
    let line = Some(13);
    assert_eq!(shown, [("medium", line, 1.0, 25.0, false), ("high", line, 1.0, 100.0, false)]);
}

const NOW: u64 = 1_700_000_000_000;
const SECOND: u64 = 1000;

/// Flows of these hosts to 10.0.0.200, which end at these seconds.
fn account(policy: &str, flows: &[(u16, u64)]) -> Account {
    let mut account = Account::new(asked(policy));
    account.advance(NOW);
    let mut batch = FlowBatch::v4(Source::Host);
    for (host, second) in flows {
        let end = NOW + second * SECOND;
        testing::push(&mut batch, *host, end, end, 100);
    }
    account.observe(&batch, &Interfaces::default());
    account.advance(NOW + flows.last().map_or(0, |(_, second)| second * SECOND));
    account.finish();
    account
}

const MANY: &str = "[[policy]]\nname = 'many'\nmatch = 'protocol == udp && srcip != 10.0.0.8'\n\
    discard = ['srcip == 10.0.0.9', 'srcip == 10.0.0.10']\ntrack_by = [['dstip']]\nwindow = '5m'\n\
    lateness = '1h'\nseverity = { low = 'distinct(srcip) >= 5', high = 'distinct(srcip) >= 50' }\n";

/// The source of a flow.
fn source(flow: &FlowSample) -> String {
    let source = flow.iter().find(|(name, _)| *name == "srcip").map(|(_, value)| value);
    format!("{source:?}")
}

/// The window has four sources at its fullest, and has slid on at the end of the batch.
#[test]
fn the_nearest_key_is_told_as_it_was_when_it_came_nearest() {
    let flows =
        [(1, 1), (2, 2), (9, 3), (3, 4), (8, 5), (1, 6), (4, 50), (9, 51), (10, 52), (5, 900)];
    let mut account = Account::new(asked(MANY));
    account.advance(NOW + 900 * SECOND);
    let mut batch = FlowBatch::v4(Source::Host);
    for (host, second) in flows {
        let end = NOW + second * SECOND;
        testing::push(&mut batch, host, end, end, 100);
    }
    account.observe(&batch, &Interfaces::default());
    account.finish();
    let counts = account.counts();
    assert_eq!((counts.tested, counts.unmatched), (10, 1));
    assert_eq!(counts.discarded, [2, 1]);
    let detected = account.detected();
    assert_eq!((detected.matched, detected.keys, detected.events), (6, 1, 0));
    let (near, flow) = account.nearest().expect("a key");
    assert_eq!((near.share, near.measured[0].value, near.measured[0].limit), (0.8, 4.0, 5.0));
    assert_eq!(near.time, NOW + 50 * SECOND);
    assert_eq!(format!("{:?}", near.track), r#"[("dstip", Ip(10.0.0.200))]"#);
    assert_eq!(source(flow), "Some(Ip(10.0.0.4))");
    let failed = account.failed();
    let [failed] = &failed[..] else { panic!("one condition fails: {failed:?}") };
    assert_eq!((&failed.query.text[failed.part.clone()], failed.flows), ("srcip != 10.0.0.8", 1));
}

#[test]
fn a_threshold_that_is_met_gives_its_events_and_its_key() {
    let flows: Vec<_> = (1..8).map(|host| (host, u64::from(host))).collect();
    let account = account(MANY, &flows);
    assert_eq!(account.detected().events, 2, "its start and its end");
    let (near, _) = account.nearest().expect("a key");
    assert_eq!(near.measured[0].value, 7.0);
    assert!(account.furthest().is_none());
}

#[test]
fn of_flows_that_never_count_the_one_that_came_furthest_is_kept() {
    let account = account(MANY, &[(8, 1), (9, 2), (10, 3)]);
    assert!(account.nearest().is_none());
    let flow = account.furthest().expect("a flow");
    assert_eq!(source(flow), "Some(Ip(10.0.0.10))", "it failed at the last discard");
}

proptest! {
    /// What is told of single flows is what the policy selects, and adds up; so does what the detector counts.
    #[test]
    fn an_account_agrees_with_the_detection(
        batches in proptest::collection::vec(testing::batches(30), 1..4),
        query in expressions(),
        discards in proptest::collection::vec(expressions(), 0..3),
    ) {
        let discards: Vec<String> = discards.iter().map(|query| format!("'''{query}'''")).collect();
        let text = format!(
            "[[policy]]\nname = 'p'\nmatch = '''{query}'''\ndiscard = [{}]\ntrack_by = [['srcip']]\n\
             lateness = '24h'\nseverity = {{ low = 'count() >= 3' }}\n",
            discards.join(", ")
        );
        let asked = asked(&text);
        let search = asked.policy.search.clone();
        let mut account = Account::new(asked);
        let (mut rows, mut selected) = (0, 0);
        for batch in &batches {
            account.observe(batch, &Interfaces::default());
            rows += batch.len() as u64;
            let query = search.of(batch.observed_by).expect("a query");
            let interfaces = Interfaces::default();
            let holds = |row: &usize| {
                reference::matches(query, &Row { batch, row: *row, interfaces: &interfaces })
            };
            selected += (0..batch.len()).filter(holds).count() as u64;
        }
        account.finish();
        let counts = account.counts().clone();
        let discarded: u64 = counts.discarded.iter().sum();
        prop_assert_eq!(counts.tested, rows);
        prop_assert_eq!(counts.tested, counts.unmatched + discarded + selected);
        prop_assert_eq!(account.detected().matched, selected);
        let failed: u64 = account.failed().iter().map(|failed| failed.flows).sum();
        prop_assert_eq!(failed, counts.unmatched);
    }
}
