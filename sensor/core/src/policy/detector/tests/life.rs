//! What happens after what: incidents, their keys, and what ends them.

use super::*;

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
