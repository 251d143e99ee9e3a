//! Snapshots of a plant at work.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use sensor_core::flow::testing;
use serde_json::Value;

use super::{Filters, Plant, top::PrintOptions};
use crate::agent::{
    config::{self, Config, overrides::Overrides},
    inspect,
    mode::Mode,
    status::{Status, summary},
};

const NOW: u64 = 1_700_000_000_000;
const BATCHES: u64 = 2000;

const POLICY: &str = "[[policy]]\nname = 'all'\nmatch = 'srcip == 10.0.0.0/8'\ntrack_by = [['srcip']]\n\
                      window = '60s'\nseverity = { low = 'count() >= 1000000' }\n";

/// Figures of a status that do not only grow.
const GAUGES: [&str; 11] = [
    "active",
    "capacity",
    "coarse",
    "current",
    "last_pause",
    "queued",
    "queued_batches",
    "recent_hits",
    "skew",
    "spooled",
    "watched",
];

fn config(directory: &Path) -> Config {
    let policy = directory.join("policy.toml");
    fs::write(&policy, POLICY).expect("the policy is written");
    let log = directory.join("flows.json");
    let text = format!("[log]\nflows = {log:?}\n");
    let path = directory.join("sensor.toml");
    fs::write(&path, text).expect("the configuration is written");
    let overrides = Overrides { policies: vec![policy], ..Overrides::default() };
    config::load(Some(&path), &overrides).expect("a configuration without a fault")
}

/// Every number of a section that only grows, by its path.
fn counters(path: &str, value: &Value, all: &mut BTreeMap<String, f64>) {
    match value {
        Value::Number(number) => drop(all.insert(path.to_owned(), number.as_f64().unwrap_or(0.0))),
        Value::Object(section) => {
            let grows = section.iter().filter(|(name, _)| !GAUGES.contains(&name.as_str()));
            grows.for_each(|(name, value)| counters(&format!("{path}.{name}"), value, all));
        }
        Value::Array(rows) => {
            let rows = rows.iter().enumerate();
            rows.for_each(|(row, value)| counters(&format!("{path}.{row}"), value, all));
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn grows(last: &mut BTreeMap<String, f64>, status: &Status) {
    let mut now = BTreeMap::new();
    let value = serde_json::to_value(status).expect("a status is pure data");
    counters("", &value, &mut now);
    for (path, before) in &*last {
        let after = now.get(path).unwrap_or_else(|| panic!("{path} is gone"));
        assert!(after >= before, "{path} fell from {before} to {after}");
    }
    for sink in &status.sinks {
        let (flows, packets) = [sink.sent, sink.queued, sink.spooled, sink.not_sent]
            .iter()
            .fold((0, 0), |sum, part| (sum.0 + part.flows, sum.1 + part.packets));
        assert_eq!((sink.offered.flows, sink.offered.packets), (flows, packets));
    }
    *last = now;
}

#[test]
fn snapshots_grow_and_the_last_one_is_what_the_summary_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(directory.path());
    let contents = inspect::read(&config, Mode::Live, false).expect("what it names has no fault");
    let shown = PrintOptions::default();
    let plant = Plant::start(&config, &Filters::default(), contents, Mode::Live, &shown)
        .expect("it starts");
    let plant = Arc::new(plant);
    let source = plant.clone();
    let (seen, wait_for_look) = mpsc::channel();
    let source = thread::spawn(move || {
        for number in 0..BATCHES {
            if number == BATCHES / 2 {
                wait_for_look.recv().expect("a snapshot has shown flows");
            }
            let now = NOW + number;
            drop(source.offer(testing::flow((number % 100) as u16, now, now, 100)));
            source.advance(now);
        }
    });
    let mut last = BTreeMap::new();
    while !source.is_finished() {
        let mut status = Status::default();
        plant.report(&mut status);
        grows(&mut last, &status);
        if status.sinks[0].offered.flows > 0 {
            // It goes on, or has gone on already.
            let _ = seen.send(());
        }
    }
    source.join().expect("the source does not panic");

    let plant = Arc::into_inner(plant).expect("the source has let go of it");
    let mut status = Status::default();
    plant.finish(Duration::from_mins(1), &mut status);
    grows(&mut last, &status);
    assert_eq!(status.sinks[0].offered.flows, BATCHES);
    assert_eq!(status.engine.policies.len(), 1);
    assert_eq!(status.engine.policies[0].matched, BATCHES);
    let sink = &status.sinks[0];
    let name = directory.path().join("flows.json");
    let expected = format!(
        "{}: {} flow records sent, {} not sent ({} packets, {} octets in those sent)\n\
         1 policies: {BATCHES} matches, 0 too late to count, 0 keys evicted\n",
        name.display(),
        sink.sent.flows,
        sink.not_sent.flows,
        sink.sent.packets,
        sink.sent.octets
    );
    let text = summary::text(&status);
    assert!(text.starts_with(&expected), "{text}");
    let written = fs::read_to_string(name).expect("the flow log is there");
    assert_eq!(written.lines().count() as u64, sink.sent.flows);
}
