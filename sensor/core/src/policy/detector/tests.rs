//! Life cycles, determinism, bad times.

use proptest::prelude::*;

use super::*;
use crate::{
    flow::{
        batch::Source,
        device::Device,
        source::SourceId,
        testing::{self, flow},
    },
    nql::lists::Lists,
    policy::{
        alert::{EventKind, MAX_SAMPLES, Severity},
        load::{PolicyFile, load},
        testcase,
    },
};

const NOW: u64 = 1_700_000_000_000;

#[track_caller]
fn rules(text: &str) -> Rules {
    let file = PolicyFile { path: "p.toml".to_owned(), text: text.to_owned() };
    let loaded = load(&[file], &Lists::default());
    assert_eq!(loaded.errors(), 0, "{}", loaded.report());
    Rules::new(loaded.policies)
}

struct Bench {
    detector: Detector,
    events: Vec<Alert>,
}

impl Bench {
    fn new(policies: &str) -> Self {
        let mut bench =
            Self { detector: Detector::new(rules(policies), 1, "host"), events: Vec::new() };
        bench.advance(NOW);
        bench
    }

    fn advance(&mut self, now: u64) {
        self.detector.advance(now, &mut self.events);
    }

    fn observe(&mut self, batch: &FlowBatch) {
        self.detector.observe(batch, &Interfaces::default(), &mut self.events);
    }

    fn change(&mut self, policies: &str) {
        let change = RulesChange::new(&self.detector.active(), Some(rules(policies)));
        let mut retired = self.detector.change(change);
        while !self.detector.end(&mut retired, NOW, 1, &mut self.events) {}
    }

    fn counters(&self) -> Counters {
        self.detector.counters().next().map(|(_, counters, _)| counters).unwrap_or_default()
    }

    /// Kinds and reasons of the events so far, which are then forgotten.
    fn kinds(&mut self) -> Vec<(EventKind, Severity, Option<EndReason>)> {
        self.events.drain(..).map(|event| (event.kind, event.severity, event.reason)).collect()
    }
}

const VOLUME: &str = "[[policy]]\nname = 'volume'\nmatch = 'protocol == udp'\ntrack_by = [['srcip']]\n\
    window = '60s'\nseverity = { low = 'sum(octets) >= 1000', high = 'sum(octets) >= 5000' }\n";

/// What happens after what, for thresholds, `update`, `clear`, `suppress`, `absent()`, labels.
#[test]
fn life_cycles() {
    let policies = r#"
[[policy]]
name = "volume"
match = "protocol == udp && dstport == 1"
track_by = [["srcip"]]
window = "60s"
update = "30s"
severity = { low = "sum(octets) >= 1000", high = "sum(octets) >= 5000" }

[[policy]]
name = "cleared"
match = "protocol == udp && dstport == 2"
track_by = [["srcip"]]
window = "60s"
clear = "sum(octets) < 100"
severity = { low = "sum(octets) >= 1000" }

[[policy]]
name = "hits"
match = "protocol == udp && dstport == 3"
track_by = [["srcip"]]
severity = "low"
suppress = "60s"

[[policy]]
name = "silent"
match = "protocol == udp && dstport == 4"
track_by = [["srcip"]]
window = "60s"
severity = { medium = "absent()" }
expect = ["10.0.0.1"]

[[policy]]
name = "source silent"
match = "protocol == udp && dstport == 6"
track_by = [["flowsrcname"]]
window = "60s"
severity = { medium = "absent()" }
expect = ["flows.csv"]

[[policy]]
name = "labels"
match = "protocol == udp && dstport == 5 && !(label.src.seen == yes)"
track_by = [["srcip"]]
label = { field = "srcip", context = "seen", value = "yes", expires = "1h" }

[[policy]]
name = "tells and labels"
match = "protocol == udp && dstport == 7"
track_by = [["srcip"]]
window = "60s"
label = { field = "srcip", context = "seen", value = "much", expires = "1h", at_severity = "medium" }
severity = { low = "sum(octets) >= 1000", medium = "sum(octets) >= 3000" }
"#;
    let tests = r#"
[[test]]
name = "rise, fall, go on, end"
policies = ["volume"]
wait = "3m"
flow = [
  { srcip = "10.0.0.1", protocol = "udp", dstport = 1, octets = 1000 },
  { srcip = "10.0.0.1", protocol = "udp", dstport = 1, octets = 4000, start = "10s" },
  { srcip = "10.0.0.1", protocol = "udp", dstport = 1, octets = 950, start = "50s" },
]
expect = [
  { type = "start", severity = "low", at = "0s", records = 1, sequence = 0, track.srcip = "10.0.0.1" },
  { type = "ongoing", severity = "high", at = "10s", records = 2, sequence = 1 },
  { type = "ongoing", severity = "high", at = "40s" },
  { type = "ongoing", severity = "low", sequence = 3 },
  { type = "ongoing", severity = "low", sequence = 4 },
  { type = "end", severity = "high", reason = "cleared", sequence = 5 },
]

[[test]]
name = "held by hysteresis, not by silence"
policies = ["cleared"]
wait = "3m"
flow = [
  { srcip = "10.0.0.1", protocol = "udp", dstport = 2, octets = 1000 },
  { srcip = "10.0.0.1", protocol = "udp", dstport = 2, octets = 200, start = "55s", repeat = 3, every = "40s" },
]
expect = [{ type = "start", at = "0s" }, { type = "end", reason = "cleared" }]

[[test]]
name = "suppressed hits are counted"
policies = ["hits"]
wait = "2m"
flow = [
  { srcip = "10.0.0.1", protocol = "udp", dstport = 3, repeat = 10, every = "10s" },
]
expect = [
  { type = "hit", at = "0s", records = 1, suppressed = 0 },
  { type = "hit", at = "1m", records = 6, suppressed = 5 },
  { type = "hit", at = "2m", records = 3, suppressed = 2 },
]

[[test]]
name = "silence of what was expected"
policies = ["silent"]
wait = "5m"
flow = [{ srcip = "10.0.0.1", protocol = "udp", dstport = 4 }]
expect = [{ type = "start", severity = "medium", track.srcip = "10.0.0.1", records = 0 }]

[[test]]
name = "never heard of"
policies = ["silent"]
wait = "5m"
flow = [{ srcip = "10.0.0.2", protocol = "udp", dstport = 4 }]
expect = [{ type = "start", track.srcip = "10.0.0.1" }]

[[test]]
name = "silence of a source without an address"
policies = ["source silent"]
wait = "5m"
flow = [{ flowtype = "netflow", flowsrcname = "flows.csv", protocol = "udp", dstport = 6 }]
expect = [{ type = "start", severity = "medium", track.flowsrcname = "flows.csv", records = 0 }]

[[test]]
name = "a label is written once, since later flows have it"
policies = ["labels"]
flow = [{ srcip = "10.0.0.1", protocol = "udp", dstport = 5, repeat = 3, every = "2m" }]
expect = [{ type = "label", address = "10.0.0.1", context = "seen", value = "yes" }]

[[test]]
name = "a policy that labels from a severity on gives its events as well"
policies = ["tells and labels"]
wait = "3m"
flow = [{ srcip = "10.0.0.1", protocol = "udp", dstport = 7, octets = 1000, repeat = 3, every = "10s" }]
expect = [
  { type = "start", severity = "low", at = "0s" },
  { type = "ongoing", severity = "medium", at = "20s" },
  { type = "label", address = "10.0.0.1", context = "seen", value = "much" },
  { type = "ongoing", severity = "low" },
  { type = "end", severity = "medium" },
]

[[test]]
name = "below that severity it does not label"
policies = ["tells and labels"]
flow = [{ srcip = "10.0.0.1", protocol = "udp", dstport = 7, octets = 1000, repeat = 2, every = "10s" }]
expect = [{ type = "start", severity = "low" }]
"#;
    let file = PolicyFile { path: "p.toml".to_owned(), text: policies.to_owned() };
    let loaded = load(&[file], &Lists::default());
    assert_eq!(loaded.errors(), 0, "{}", loaded.report());
    let cases = testcase::parse(tests).expect("no fault");
    let failed: Vec<String> = cases
        .iter()
        .map(|case| (case, testcase::run(case, &loaded.policies)))
        .filter(|(_, outcome)| !outcome.passed)
        .map(|(case, outcome)| format!("{}\n{}", case.name, outcome.difference))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn records_from_the_future_count_as_of_now() {
    let mut bench = Bench::new(VOLUME);
    bench.observe(&flow(1, NOW, NOW, 500));
    bench.observe(&flow(1, NOW + 86_400_000, NOW + 86_400_000, 500));
    assert_eq!(bench.detector.clock_counters().ahead, 1);
    assert_eq!(bench.events[0].timestamp, NOW);
    bench.observe(&flow(2, NOW - 1000, NOW - 1000, 1000));
    assert_eq!(bench.counters().late, 0);
    assert_eq!(bench.events.len(), 2);
}

#[test]
fn a_clock_that_is_set_back() {
    let mut bench = Bench::new(VOLUME);
    bench.observe(&flow(1, NOW, NOW, 1000));
    let earlier = NOW - 7_200_000;
    bench.advance(earlier);
    bench.observe(&flow(2, earlier, earlier, 1000));
    bench.observe(&flow(1, earlier, earlier, 999));
    assert_eq!(bench.detector.clock_counters().set_back, 1);
    assert_eq!(bench.counters().late, 0);
    let started = (EventKind::Start, Severity::Low, None);
    let ended = (EventKind::End, Severity::Low, Some(EndReason::Cleared));
    assert_eq!(bench.kinds(), [started, ended, started]);
}

#[test]
fn late_records_are_counted() {
    let mut bench = Bench::new(VOLUME);
    bench.observe(&flow(1, NOW, NOW, 1));
    bench.observe(&flow(2, NOW - 60_001, NOW - 60_001, 5000));
    bench.observe(&flow(2, NOW - 60_000, NOW - 60_000, 900));
    assert_eq!(bench.counters(), Counters { matched: 3, keys: 2, late: 1, ..Counters::default() });
    assert!(bench.events.is_empty());
}

/// A window is over; a connection that must not be is one whenever it becomes known.
#[test]
fn late_records_hit_policies_without_thresholds() {
    let mut bench =
        Bench::new("[[policy]]\nname = 'forbidden'\nmatch = ''\ntrack_by = [['srcip']]\n");
    bench.observe(&flow(1, NOW, NOW, 1));
    const LATE: u64 = NOW - 3_600_000;
    bench.observe(&flow(2, LATE - 500, LATE, 7));
    bench.observe(&flow(2, LATE - 400, LATE, 7));
    assert_eq!(
        bench.counters(),
        Counters { matched: 3, keys: 2, events: 2, ..Counters::default() }
    );
    let hits: Vec<_> =
        bench.events.iter().map(|event| (event.timestamp, event.start, event.end)).collect();
    assert_eq!(
        hits,
        [(NOW, NOW, NOW), (NOW, LATE - 500, LATE)],
        "the second of a key is held back"
    );
}

/// A log that lags by a quarter of an hour is late for nobody but itself.
#[test]
fn a_cloud_s_logs_are_sources_of_their_own() {
    const LAG: u64 = 900_000;
    let log = |name: &str| SourceId::Cloud { account: "1234".to_owned(), log: name.to_owned() };
    let mut batch = FlowBatch::v4(Source::NetFlow);
    testing::push(&mut batch, 1, NOW, NOW, 1);
    testing::push(&mut batch, 2, NOW - LAG, NOW - LAG, 600);
    testing::push(&mut batch, 2, NOW - LAG, NOW - LAG, 600);
    batch.devices = ["fl-a", "fl-b"].map(|name| Arc::new(Device::of(log(name)))).to_vec();
    batch.device = vec![0, 1, 1];
    let mut bench = Bench::new(VOLUME);
    bench.observe(&batch);
    assert_eq!(bench.counters().late, 0);
    let sources: Vec<_> = bench.events.iter().map(|event| &event.sources[..]).collect();
    assert_eq!(sources, [["1234/fl-b"]]);
    // In one log they would be late.
    batch.device = vec![0; 3];
    let mut bench = Bench::new(VOLUME);
    bench.observe(&batch);
    assert_eq!((bench.counters().late, bench.events.len()), (2, 0));
}

#[test]
fn counters_at_their_ends() {
    let mut bench = Bench::new(VOLUME);
    bench.observe(&flow(1, NOW, NOW, u64::MAX));
    bench.observe(&flow(1, NOW + 5000, NOW, u64::MAX));
    bench.observe(&flow(1, 0, NOW, u64::MAX));
    bench.observe(&flow(3, 0, u64::MAX, u64::MAX));
    let event = &bench.events[0];
    assert_eq!((event.severity, event.metrics.bits.sum), (Severity::High, u64::MAX));
    bench.detector.finish(NOW, EndReason::Shutdown, &mut bench.events);
    let sums = bench.events.iter().map(|event| event.metrics.packets.sum);
    assert_eq!(sums.max(), Some(u64::MAX));
}

#[test]
fn the_key_that_was_idle_longest_goes() {
    let mut bench = Bench::new(&format!("{VOLUME}max_keys = 2\n"));
    for (host, after) in [(1, 0), (2, 10), (1, 20), (3, 30)] {
        bench.observe(&flow(host, NOW + after, NOW + after, 1000));
    }
    let evicted = bench.events.iter().find(|event| event.reason == Some(EndReason::Evicted));
    let track = format!("{:?}", evicted.expect("one").track);
    assert!(track.contains("10.0.0.2"), "{track}");
    assert_eq!(bench.counters().evicted, 1);
    assert_eq!(bench.detector.counters().map(|(_, _, keys)| keys).sum::<usize>(), 2);
}

#[test]
fn idle_keys_are_forgotten() {
    let mut bench = Bench::new(VOLUME);
    bench.observe(&flow(1, NOW, NOW, 1));
    bench.advance(NOW + 600_000);
    assert_eq!(bench.detector.counters().map(|(_, _, keys)| keys).sum::<usize>(), 0);
}

#[test]
fn policies_that_stay_keep_their_state() {
    let other = VOLUME.replace("'volume'", "'other'");
    let mut bench = Bench::new(&format!("{VOLUME}{other}"));
    bench.observe(&flow(1, NOW, NOW, 1000));
    let changed = other.replace("60s", "61s");
    bench.change(&format!("{changed}{VOLUME}"));
    bench.observe(&flow(1, NOW, NOW, 1000));
    let ended = (EventKind::End, Severity::Low, Some(EndReason::Reload));
    let started = (EventKind::Start, Severity::Low, None);
    assert_eq!(bench.kinds(), [started, started, ended, started]);
}

#[test]
fn incidents_end_with_the_agent() {
    let mut bench = Bench::new(VOLUME);
    bench.observe(&flow(1, NOW, NOW, 5000));
    bench.detector.finish(NOW, EndReason::Shutdown, &mut bench.events);
    let [start, end] = &bench.events[..] else { panic!("two events") };
    assert_eq!((end.incident, end.sequence), (start.incident, 1));
    assert_eq!(end.reason, Some(EndReason::Shutdown));
    assert_eq!((end.kind, end.severity), (EventKind::End, Severity::High));
}

/// Kind, identifier, number, time and start of each event, times from [`NOW`] on.
fn told(events: &[Alert]) -> Vec<(EventKind, u64, u32, u64, u64)> {
    let line = |event: &Alert| {
        let Alert { kind, incident, sequence, timestamp, start, .. } = *event;
        (kind, incident, sequence, timestamp - NOW, start - NOW)
    };
    events.iter().map(line).collect()
}

/// Volume above the threshold for a second, at each of these times.
fn bursts(settings: &str, times: &[u64], until: u64) -> Vec<Alert> {
    let mut bench = Bench::new(&format!("{VOLUME}{settings}"));
    for second in 0..=until / 1000 {
        let time = NOW + second * 1000;
        bench.advance(time);
        if times.contains(&(second * 1000)) {
            bench.observe(&flow(1, time, time, 1000));
        }
    }
    bench.events
}

#[test]
fn an_incident_starts_when_its_threshold_first_holds() {
    let mut bench = Bench::new(VOLUME);
    for after in [0, 20_000, 40_000] {
        bench.observe(&flow(1, NOW + after - 5000, NOW + after, 400));
    }
    let [event] = &bench.events[..] else { panic!("{:?}", bench.events) };
    assert_eq!(
        (event.start, event.end, event.timestamp),
        (NOW + 40_000, NOW + 40_000, NOW + 40_000)
    );
    let [measured] = &event.measured[..] else { panic!("{event:?}") };
    assert_eq!((&*measured.function, measured.value), ("sum(octets)", 1200.0));
    assert_eq!((measured.operator.text(), measured.limit), (">=", 1000.0));
}

#[test]
fn an_incident_that_dips_goes_on() {
    // The window is empty from 60 s to 90 s.
    let events = bursts("", &[0, 90_000], 300_000);
    let [start, end] = &told(&events)[..] else { panic!("{events:?}") };
    assert_eq!((start.0, end.0, end.1, end.2), (EventKind::Start, EventKind::End, start.1, 1));
    assert!(end.3 >= 90_000 + 60_000 + 60_000 - 10_000, "a window, and the hold: {end:?}");
    assert_eq!(events[1].reason, Some(EndReason::Cleared));
}

#[test]
fn an_incident_that_returns_goes_on() {
    use EventKind::{End, Ongoing, Start};
    let times = &[0, 200_000, 800_000];
    let events = told(&bursts("hold = '0s'\nreopen = '5m'\n", times, 1_000_000));
    let kinds: Vec<_> = events.iter().map(|event| event.0).collect();
    assert_eq!(kinds, [Start, End, Ongoing, End, Start, End]);
    let ids: Vec<_> = events.iter().map(|event| (event.1, event.2)).collect();
    let (first, second) = (events[0].1, events[4].1);
    assert_ne!(first, second);
    assert_eq!(ids, [(first, 0), (first, 1), (first, 2), (first, 3), (second, 0), (second, 1)]);
    let starts: Vec<_> = events.iter().map(|event| event.4).collect();
    assert_eq!(starts, [0, 0, 0, 0, 800_000, 800_000]);
}

#[test]
fn no_two_incidents_have_one_identifier() {
    let policies = format!(
        "{VOLUME}max_keys = 1\nreopen = '0s'\n[[policy]]\nname = 'hit'\nmatch = ''\n\
        track_by = [['srcip']]\nmax_keys = 1\n"
    );
    let mut bench = Bench::new(&policies);
    // Each evicts the one before, all at one time.
    for round in 0..40 {
        bench.observe(&flow(round % 2, NOW, NOW, 1000));
    }
    bench.change(&policies.replace("60s", "61s"));
    bench.observe(&flow(1, NOW, NOW, 1000));
    let begun = bench.events.iter().filter(|event| event.sequence == 0);
    let ids: Vec<u64> = begun.map(|event| event.incident).collect();
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (81, 81));
}

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

const MIXED: &str = r#"
[[policy]]
name = "sum"
match = ""
track_by = [["srcip"], ["dstip", "protocol"]]
window = "15s"
update = "5s"
hold = "3s"
reopen = "20s"
severity = { low = "sum(bits) >= 10000", high = "max(bits) >= 12000 && count() >= 3" }
[[policy]]
name = "hit"
match = "dstport < 1024"
track_by = [["srcip", "srcgeo.countrycode"]]
suppress = "5s"
[[policy]]
name = "distinct"
match = "protocol == tcp"
track_by = [["srcip"]]
max_keys = 3
window = "15s"
severity = { low = "distinct(dstport) >= 3 || beacon(start) >= 0.5" }
[[policy]]
name = "label"
match = "protocol == udp"
label = { field = "dstip", context = "x", value = "y" }
"#;

/// The batches, each row at its time, cut into pieces of so many rows.
fn run(
    batches: &[FlowBatch],
    policies: &str,
    (piece, shards): (usize, usize),
    seed: u64,
) -> (Vec<Alert>, Vec<LabelAction>) {
    let mut detector = Detector::in_shards(shards, rules(policies), seed, "host");
    let (mut events, mut labels) = (Vec::new(), Vec::new());
    for (number, batch) in batches.iter().enumerate() {
        let now = NOW + number as u64 * 7000;
        detector.advance(now, &mut events);
        // Policies move to other shards, with all that is kept of them.
        if seed.is_multiple_of(2) && shards > 1 {
            let change = RulesChange::balanced(&detector.active());
            let mut retired = detector.change(change);
            assert!(detector.end(&mut retired, now, 1, &mut events));
        }
        let rows: Vec<usize> = (0..batch.len()).collect();
        for rows in rows.chunks(piece) {
            let mut part = batch.clone();
            part.keep(rows);
            detector.observe(&part, &Interfaces::default(), &mut events);
            labels.extend(detector.take_labels());
        }
    }
    detector.finish(NOW + 1_000_000, EndReason::Shutdown, &mut events);
    (events, labels)
}

/// Spreads the rows of batches over time, not quite in order.
fn at_their_times(mut batches: Vec<FlowBatch>) -> Vec<FlowBatch> {
    for (number, batch) in batches.iter_mut().enumerate() {
        for row in 0..batch.len() {
            let shift = NOW + number as u64 * 7000 - 12_000 + (row as u64 * 7919) % 9000 - 8000;
            batch.start[row] += shift;
            batch.end[row] += shift;
        }
    }
    batches
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Neither where batches are cut, nor in how many shards the policies lie, nor the seed can be seen in what comes out.
    #[test]
    fn the_same_flows_give_the_same_events(
        batches in proptest::collection::vec(testing::batches(80), 1..8),
        piece in 1..80_usize,
        shards in 1..6_usize,
        seed in any::<u64>(),
    ) {
        let batches = at_their_times(batches);
        let whole = run(&batches, MIXED, (usize::MAX, 1), 0);
        let cut = run(&batches, MIXED, (piece, shards), seed);
        prop_assert_eq!(format!("{:?}", whole.0), format!("{:?}", cut.0));
        prop_assert_eq!(whole.1, cut.1);
    }
}

/// With so many keys their memory is asked for beforehand. Few flows at a time never fill a block, and find the same.
#[test]
fn many_keys_are_told_apart_however_flows_come() {
    const HOSTS: u16 = 700;
    let policies = "[[policy]]\nname = 'ports'\nmatch = ''\ntrack_by = [['srcip'], ['dstip', 'srcip']]\n\
        window = '60s'\nseverity = { low = 'distinct(srcport) >= 5 && sum(octets) >= 600' }\n";
    let mut whole = FlowBatch::v4(Source::Host);
    for (round, host) in (0..8).flat_map(|round| (0..HOSTS).map(move |host| (round, host))) {
        let end = NOW + u64::from(round) * 4000 + u64::from(host);
        let start = end - u64::from(round) * 1500;
        testing::push(&mut whole, host, start, end, 100 + u64::from(host % 5 * round));
        // Every third keeps to one port, and has no incident.
        whole.source_port[usize::from(round * HOSTS + host)] +=
            if host % 3 == 0 { 0 } else { round };
    }
    let rows: Vec<usize> = (0..whole.len()).collect();
    let events = |piece: usize| {
        let mut bench = Bench::new(policies);
        for rows in rows.chunks(piece) {
            let mut batch = whole.clone();
            batch.keep(rows);
            bench.observe(&batch);
        }
        bench.events
    };
    let found = events(rows.len());
    assert_eq!(found.len(), 2 * usize::from(HOSTS - HOSTS.div_ceil(3)));
    assert_eq!(format!("{found:?}"), format!("{:?}", events(7)));
}
