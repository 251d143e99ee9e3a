//! The detector as a whole, by what it tells.
//!
//! * `life`: what happens after what, for incidents and their keys. `times`: flows and clocks that come late, early or not in order.
//! * `quotes`: the flows that a start quotes. `same`: what must make no difference.

mod life;
mod quotes;
mod same;
mod times;

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
