//! The flows that a start quotes: those of its window, whatever brought its key over the threshold.

use super::*;
use crate::flow::columns::Column;

#[test]
fn flows_from_before_the_threshold_are_told() {
    let policies = "[[policy]]\nname = 'ports'\nmatch = ''\ntrack_by = [['srcip']]\nwindow = '60s'\n\
        severity = { low = 'count() >= 20' }\n";
    let mut bench = Bench::new(policies);
    for after in 0..20 {
        bench.observe(&flow(1, NOW + after, NOW + after, 1000 + after));
    }
    let [event] = &bench.events[..] else { panic!("{:?}", bench.events) };
    let octets: Vec<_> = event
        .samples
        .iter()
        .flat_map(|sample| sample.iter().find(|(name, _)| *name == "octets"))
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(octets, [1009, 1010, 1019].map(crate::flow::fields::OwnedValue::Integer));
    let flows =
        |list: &[(std::net::IpAddr, u32)]| list.iter().map(|(_, flows)| *flows).sum::<u32>();
    assert_eq!((flows(&event.top.sources), flows(&event.top.destinations)), (11, 11));
    assert_eq!(event.top.source_ports.len(), 1);
}

/// Thresholds that keys reach from far away, step by step, with some of their levels, by growing, by shrinking, by silence.
const STARTS: &str = r#"
[[policy]]
name = "at once"
match = ""
track_by = [["protocol"], ["srcip", "dstport"]]
window = "15s"
hold = "1s"
reopen = "0s"
severity = { low = "sum(octets) >= 900000" }
[[policy]]
name = "both"
match = ""
track_by = [["protocol"], ["dstip"]]
window = "15s"
hold = "1s"
reopen = "0s"
severity = { low = "count() >= 4 && sum(octets) >= 900000" }
[[policy]]
name = "step by step"
match = ""
track_by = [["protocol"], ["srcip"]]
window = "15s"
max_keys = 5
severity = { low = "distinct(dstport) >= 4 || count() >= 12" }
[[policy]]
name = "not nested"
match = ""
track_by = [["protocol"], ["dstip"]]
window = "60s"
severity = { low = "max(octets) >= 900000 && count() >= 40", high = "count() >= 6" }
[[policy]]
name = "little"
match = ""
track_by = [["protocol"]]
window = "15s"
hold = "1s"
reopen = "0s"
severity = { low = "avg(octets) <= 100 && count() >= 2" }
[[policy]]
name = "expected"
match = ""
track_by = [["protocolint"]]
window = "15s"
hold = "1s"
reopen = "0s"
expect = ["6", "17"]
severity = { low = "absent() || count() <= 5" }
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every start quotes as many flows of its window as fit, whatever brought its key there.
    #[test]
    fn a_start_quotes_flows_of_its_window(
        batches in proptest::collection::vec(testing::batches(60), 1..8),
        piece in 1..60_usize,
        shards in prop_oneof![Just(1_usize), Just(2), Just(5)],
        seed in any::<u64>(),
    ) {
        let mut batches = at_their_times(batches);
        for batch in &mut batches {
            for row in 0..batch.len() {
                batch.octets[row] = if batch.end[row].is_multiple_of(7) { 1_000_000 } else { 40 };
            }
        }
        let (events, _) = run(&batches, STARTS, (piece, shards), seed);
        for event in events.iter().filter(|event| event.kind == EventKind::Start) {
            let wanted = event.records.min(MAX_SAMPLES as u64);
            prop_assert_eq!(event.samples.len() as u64, wanted, "{:?}", event);
        }
    }
}

/// Though all of them count in one bucket, and none of them crosses the threshold.
#[test]
fn a_start_by_time_alone_quotes_its_flows() {
    let policies = "[[policy]]\nname = 'little'\nmatch = ''\ntrack_by = [['protocol']]\nwindow = '15s'\n\
        expect = ['udp']\nseverity = { low = 'absent() || avg(octets) <= 100' }\n";
    let mut bench = Bench::new(policies);
    for (host, after, octets) in
        [(0, 0, 1_000_000), (1, 9000, 40), (2, 9000, 41), (3, 9000, 42), (4, 9000, 43)]
    {
        bench.observe(&flow(host, NOW + after, NOW + after, octets));
    }
    assert!(bench.events.is_empty());
    bench.advance(NOW + 20_000);
    let records: Vec<_> =
        bench.events.iter().map(|event| (event.records, event.samples.len())).collect();
    assert_eq!(records, [(4, MAX_SAMPLES)]);
}

/// However many keys are near, and however many incidents are open.
#[test]
fn starts_of_many_keys_quote_their_flows() {
    let policies = "[[policy]]\nname = 'volume'\nmatch = ''\ntrack_by = [['srcip']]\nwindow = '60s'\n\
        severity = { low = 'sum(octets) >= 1000' }\n";
    let mut bench = Bench::new(policies);
    for (round, octets) in [1, 600, 900, 5000].into_iter().enumerate() {
        for host in 0..3000 {
            let time = NOW + round as u64 * 7000;
            bench.observe(&flow(host, time, time, octets));
        }
    }
    let octets = |event: &Alert| -> Vec<_> {
        let samples = event.samples.iter();
        let values = samples.flat_map(|sample| sample.iter().find(|(name, _)| *name == "octets"));
        values.map(|(_, value)| value.clone()).collect()
    };
    assert_eq!(bench.events.len(), 3000);
    for event in &bench.events {
        let wanted = [1, 600, 900].map(crate::flow::fields::OwnedValue::Integer);
        assert_eq!(octets(event), wanted, "{:?}", event.track);
    }
}

/// A key of which a part is absent is none, and what is listed are ports that somebody told.
#[test]
fn ports_that_a_log_lacks_are_in_no_key_and_no_list() {
    let policy = |by: &str| {
        format!(
            "[[policy]]\nname = 'p'\nmatch = 'protocol == udp'\ntrack_by = [[{by}]]\nwindow = '60s'\nseverity = {{ low = 'sum(octets) >= 200' }}\n"
        )
    };
    let mut batch = flow(1, NOW, NOW, 100);
    testing::push(&mut batch, 2, NOW, NOW, 100);
    batch.observed_by = Source::Aws;
    for (untold, by, events, ports, top) in [
        (0, "'srcport'", 1, [vec![1000], vec![2000]], [vec![(1000, 2)], vec![(2000, 2)]]),
        (Column::SourcePort.bit(), "'srcport'", 0, [vec![], vec![]], [vec![], vec![]]),
        (Column::SourcePort.bit(), "'dstport'", 1, [vec![], vec![2000]], [vec![], vec![(2000, 2)]]),
        (Column::PORTS, "'protocol'", 1, [vec![], vec![]], [vec![], vec![]]),
    ] {
        batch.untold = untold;
        let mut bench = Bench::new(&policy(by));
        bench.observe(&batch);
        bench.detector.finish(NOW + 1, EndReason::Shutdown, &mut bench.events);
        bench.events.retain(|event| event.kind == EventKind::End);
        assert_eq!(bench.events.len(), events, "{by} without {untold:x}");
        for event in &bench.events {
            assert_eq!([&event.source_ports, &event.destination_ports], [&ports[0], &ports[1]]);
            assert_eq!([&event.top.source_ports, &event.top.destination_ports], [&top[0], &top[1]]);
        }
    }
}
