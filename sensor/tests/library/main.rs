//! The stock library through the real detector: its own tests, an hour in which nothing is wrong, and real captures.

mod benign;
mod cloud;
#[path = "../corpora/mod.rs"]
mod corpora;
mod corpus;
mod day;
mod docs;
mod feed;
mod halves;
mod hour;
mod library;
mod ordinary;
mod scanner;
mod threads;
mod traffic;
mod vpc;

use sensor_core::{
    enrich::{active::ActiveContext, enricher::Enricher},
    flow::{batch::FlowBatch, continued::Cuts, interfaces::Interfaces},
    policy::{
        alert::{Alert, EndReason},
        detector::{Detector, Rules},
        load::load,
        model::Policy,
        stock,
    },
};
use std::sync::Arc;

/// The stock library; every fault and warning of it is a failure.
fn stock_policies() -> Vec<Policy> {
    let loaded = load(&stock::policies(), &stock::lists());
    assert!(loaded.faults.is_empty(), "{}", loaded.report());
    loaded.policies
}

/// A detector with what an agent puts around it: flows are looked up before, labels written after.
struct Bench {
    cuts: Cuts,
    enricher: Enricher,
    current: Arc<ActiveContext>,
    detector: Detector,
    events: Vec<Alert>,
}

impl Bench {
    fn new(policies: impl IntoIterator<Item = Policy>, current: Arc<ActiveContext>) -> Self {
        let detector = Detector::new(Rules::new(policies), 0, "host");
        let enricher = Enricher::new(current.clone());
        Self { cuts: Cuts::default(), enricher, current, detector, events: Vec::new() }
    }

    fn observe(&mut self, mut batch: FlowBatch) {
        let Some(&now) = batch.end.iter().max() else { return };
        self.current.learned.expire(now);
        self.detector.advance(now, &mut self.events);
        self.cuts.look(&mut batch);
        self.enricher.enrich(&mut batch);
        self.detector.observe(&batch, &Interfaces::default(), &mut self.events);
        for label in self.detector.take_labels() {
            for value in &label.values {
                self.current.learned.label(label.address, &label.context, value, label.expires);
            }
        }
    }

    /// All events, the incidents ended.
    fn finish(mut self, now: u64) -> Vec<Alert> {
        self.detector.advance(now, &mut self.events);
        self.detector.finish(now, EndReason::Shutdown, &mut self.events);
        self.events
    }
}

/// One line of an event.
fn line(event: &Alert) -> String {
    let key: Vec<_> = event.track.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!(
        "{} {} {} {} ({} records)",
        event.policy.name,
        event.kind.name(),
        event.severity.name(),
        key.join(" "),
        event.records
    )
}
