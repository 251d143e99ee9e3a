//! Flows from the future and the past, and clocks that are set.

use super::*;

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
    let log = |name: &str| SourceId::Cloud {
        provider: Source::Aws,
        account: "1234".to_owned(),
        log: name.to_owned(),
    };
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
fn what_a_policy_costs_is_timed_by_the_clock_that_is_lent_and_still_after_a_change() {
    /// Goes on by 10 ns whenever it is read.
    fn clock() -> u64 {
        use std::cell::Cell;
        thread_local!(static READ: Cell<u64> = const { Cell::new(0) });
        READ.set(READ.get() + 10);
        READ.get()
    }
    let policy = |name: &str| {
        format!("[[policy]]\nname = \"{name}\"\nmatch = \"\"\ntrack_by = [[\"srcip\"]]\n")
    };
    let mut batch = FlowBatch::v4(Source::NetFlow);
    testing::push(&mut batch, 1, NOW, NOW, 1);
    let mut bench = Bench::new(&policy("untimed"));
    bench.observe(&batch);
    assert_eq!(bench.counters().nanoseconds, 0);
    bench.detector.time_by(clock);
    bench.observe(&batch);
    assert_eq!(bench.counters().nanoseconds, 640);
    bench.change(&policy("changed"));
    bench.observe(&batch);
    assert_eq!((bench.counters().matched, bench.counters().nanoseconds), (1, 640));
}
