//! Policies at work: flows in, events out.
//!
//! Nothing here depends on where one batch ends and the next begins, on the seed of hashes, or on any clock but the one
//! that is handed in. Events come in the order of the flows that caused them, and for one flow in the order of policies.

mod block;
mod change;
mod context;
mod hits;
mod incident;
mod report;
mod rules;
mod seen;
mod state;
#[cfg(test)]
mod tests;
mod traces;
mod tracker;
mod windows;

use std::sync::Arc;

pub use change::{Change, InForce, Retired};
pub use context::Counters;
pub use rules::Rules;

use self::{
    block::{Block, Desk},
    context::{Context, Flow},
    tracker::Tracker,
};
use super::{
    event::{EndReason, Event, LabelAction},
    model::Policy,
    sources::{OldSource, Origin, Sources},
    values::{KeyFields, Texts},
    window::series::Sample,
};
use crate::{
    flow::{batch::FlowBatch, fields::Row, interfaces::Interfaces},
    nql::columns::Scratch,
};

/// Asks policies of flows.
pub struct Detector {
    rules: Arc<Rules>,
    /// One for each program.
    scratch: Vec<Scratch>,
    /// One for each policy.
    watches: Vec<Watch>,
    sources: Sources,
    texts: Texts,
    seed: u64,
    labels: Vec<(usize, LabelAction)>,
    found: Vec<(usize, Event)>,
    /// Sources of the batch at hand, and times of its rows.
    origins: Vec<Origin>,
    times: Vec<(u64, u64)>,
}

/// The state of one policy.
struct Watch {
    /// One for each alternative key.
    trackers: Vec<Tracker>,
    counters: Counters,
}

/// What has happened to records as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockCounters {
    /// Records from the future, which counted as of now.
    pub ahead: u64,
    /// How often the clock was set back by more than a minute.
    pub set_back: u64,
}

impl Detector {
    /// A detector. `seed` should be random, and changes nothing that can be seen; `host` is what events call this host.
    pub fn new(rules: Rules, seed: u64, host: impl Into<String>) -> Self {
        let mut detector = Self {
            rules: Arc::new(Rules::compile([])),
            scratch: Vec::new(),
            watches: Vec::new(),
            sources: Sources::new(host.into()),
            texts: Texts::default(),
            seed,
            labels: Vec::new(),
            found: Vec::new(),
            origins: Vec::new(),
            times: Vec::new(),
        };
        detector.change(Change::new(&detector.in_force(), Some(rules)));
        detector
    }

    /// Asks all policies of a batch; whatever is found is added to `events`. Labels wait for [`Detector::take_labels`].
    ///
    /// For records from the future to be told, [`Detector::advance`] must have been called with the time by the clock.
    pub fn observe(&mut self, batch: &FlowBatch, interfaces: &Interfaces, events: &mut Vec<Event>) {
        let Self { rules, scratch, watches, sources, texts, labels, found, origins, times, .. } =
            self;
        sources.of_batch(batch, origins);
        let source = |row: usize| match batch.exporter.get(row) {
            Some(place) => {
                origins.get(*place as usize).or(origins.first()).copied().unwrap_or_default()
            }
            None => origins.first().copied().unwrap_or_default(),
        };
        times.clear();
        times.extend(
            batch.end.iter().enumerate().map(|(row, end)| sources.record(source(row), *end)),
        );
        let program = rules.program(batch.observed_by);
        let Rules { policies, programs, .. } = &**rules;
        let mut desk = Desk { policies, watches, sources, texts, events: found, labels };
        let mut block = Block::new();
        programs[program].evaluate(batch, interfaces, &mut scratch[program], |matched| {
            let policy = matched.query;
            let lateness = policies[policy].lateness;
            let mut late = 0;
            for row in matched.rows.rows().map(|row| matched.first + row) {
                let (end, newest) = times[row];
                if end.saturating_add(lateness) < newest {
                    late += 1;
                    continue;
                }
                let duration = batch.end[row].saturating_sub(batch.start[row]);
                let flow = Flow {
                    row: Row { batch, row, interfaces },
                    source: source(row).id,
                    sample: Sample {
                        start: end.saturating_sub(duration),
                        end,
                        values: [batch.octets[row], batch.packets[row]],
                    },
                    rate: batch.sample_rate.get(row).map_or(1, |rate| (*rate).max(1)),
                };
                block.push(policy, flow, &mut desk);
            }
            let counters = &mut desk.watches[policy].counters;
            counters.matched += matched.rows.count() as u64;
            counters.late += late;
        });
        block.settle(&mut desk);
        // They come policy by policy; a stable sort makes it flow by flow.
        found.sort_by_key(|(row, _)| *row);
        events.extend(found.drain(..).map(|(_, event)| event));
        labels.sort_by_key(|(row, _)| *row);
        labels.iter_mut().for_each(|(row, _)| *row = 0);
    }

    /// Labels that policies have written since the last call, in the order of the flows that caused them.
    pub fn take_labels(&mut self) -> impl Iterator<Item = LabelAction> + '_ {
        self.labels.drain(..).map(|(_, label)| label)
    }

    /// Moves on to `now`, milliseconds since the epoch by the clock (by the capture, in a replay): ends incidents, tells of
    /// silence, forgets idle keys.
    pub fn advance(&mut self, now: u64, events: &mut Vec<Event>) {
        self.sources.advance(now);
        self.for_each_tracker(events, |policy, tracker, context| {
            tracker.advance(policy, context);
        });
    }

    /// Ends all incidents.
    pub fn finish(&mut self, now: u64, reason: EndReason, events: &mut Vec<Event>) {
        self.for_each_tracker(events, |policy, tracker, context| {
            tracker.finish(policy, now, reason, usize::MAX, context);
        });
    }

    /// Each policy with its counters and the number of keys that it watches.
    pub fn counters(&self) -> impl Iterator<Item = (&Policy, Counters, usize)> {
        self.rules.policies.iter().zip(&self.watches).map(|(policy, watch)| {
            let keys = watch.trackers.iter().map(Tracker::keys).sum();
            (&**policy, watch.counters, keys)
        })
    }

    /// What has happened to records as such.
    pub fn clock_counters(&self) -> ClockCounters {
        ClockCounters { ahead: self.sources.ahead, set_back: self.sources.set_back }
    }

    /// Sources whose records have turned out to be older than any silence since the last call: their times count as younger.
    pub fn take_old_sources(&mut self) -> Vec<OldSource> {
        self.sources.take_old()
    }

    /// End of the newest record so far, as it counted; milliseconds since the epoch.
    pub fn latest(&self) -> u64 {
        self.sources.latest()
    }

    fn watch(&mut self, policy: &Policy) -> Watch {
        let mut counters = Counters::default();
        let mut context = Context {
            texts: &mut self.texts,
            sources: &self.sources,
            counters: &mut counters,
            at: 0,
            events: &mut self.found,
            labels: &mut self.labels,
        };
        let keys = policy.track_by.iter().map(|key| KeyFields::new(key));
        let trackers = keys.map(|key| Tracker::new(policy, key, self.seed, &mut context)).collect();
        Watch { trackers, counters }
    }

    fn for_each_tracker(
        &mut self,
        events: &mut Vec<Event>,
        mut work: impl FnMut(&Policy, &mut Tracker, &mut Context<'_>),
    ) {
        let Self { rules, watches, sources, texts, labels, found, .. } = self;
        let mut desk =
            Desk { policies: &rules.policies, watches, sources, texts, events: found, labels };
        for policy in 0..desk.policies.len() {
            let (policy, trackers, mut context) = desk.of(policy, 0);
            trackers.iter_mut().for_each(|tracker| work(policy, tracker, &mut context));
        }
        events.extend(found.drain(..).map(|(_, event)| event));
    }
}
