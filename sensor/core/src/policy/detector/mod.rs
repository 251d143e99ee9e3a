//! Policies at work: flows in, events out.
//!
//! Nothing here depends on where one batch ends and the next begins, on the seed of hashes, or on any clock but the one
//! that is handed in. Events come in the order of the flows that caused them, and for one flow in the order of policies.

mod approach;
mod balance;
mod block;
mod change;
mod cost;
mod ended;
pub mod footprint;
mod frequent;
mod front;
mod hits;
mod incident;
mod kept;
mod matches;
mod prefetch;
mod report;
mod rules;
mod scope;
mod seen;
mod shard;
mod state;
mod swap;
#[cfg(test)]
mod tests;
pub mod trace;
mod traces;
mod tracker;
mod watch;
mod windows;

use std::sync::Arc;

pub use change::{ActiveRules, RetiredRules, RulesChange};
pub use cost::Clock;
pub use front::Clocked;
pub use rules::Rules;
pub use scope::{Counters, Found};
pub use shard::Shard;

use self::{cost::Cost, front::Front, rules::Compiled, tracker::Tracker};
use super::{
    alert::{Alert, EndReason, LabelAction},
    model::Policy,
    sources::{OldSource, View},
};
use crate::flow::{batch::FlowBatch, interfaces::Interfaces};

/// Asks policies of flows.
///
/// Its policies lie in shards, which it asks in turn. All but the first can be taken out, to be asked on other threads;
/// see [`Detector::part`].
pub struct Detector {
    front: Front,
    rules: Arc<Compiled>,
    /// Those that are here.
    shards: Vec<Shard>,
    seed: u64,
    found: Found,
    /// The batch at hand.
    clocked: Clocked,
    /// What policies are timed by.
    clock: Option<Clock>,
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
    /// A detector of one shard. `seed` should be random, and changes nothing that can be seen; `host` is what events call
    /// this host.
    pub fn new(rules: Rules, seed: u64, host: impl Into<String>) -> Self {
        Self::in_shards(1, rules, seed, host)
    }

    /// A detector of so many shards, at least one. How many changes nothing that can be seen.
    pub fn in_shards(shards: usize, rules: Rules, seed: u64, host: impl Into<String>) -> Self {
        let mut detector = Self {
            front: Front::new(host.into()),
            rules: Arc::new(Compiled::new(Vec::new(), 1, &[])),
            shards: Vec::new(),
            seed,
            found: Vec::new(),
            clocked: Clocked::default(),
            clock: None,
        };
        detector.change(RulesChange::in_shards(&detector.active(), rules, shards));
        detector
    }

    /// Times what policies cost by `clock`, for [`Counters::nanoseconds`]. All shards are here.
    pub fn time_by(&mut self, clock: Clock) {
        self.clock = Some(clock);
        self.shards.iter_mut().for_each(|shard| shard.cost = Cost::new(self.clock));
    }

    /// Asks all policies of a batch; whatever is found is added to `events`. Labels wait for [`Detector::take_labels`].
    ///
    /// For records from the future to be told, [`Detector::advance`] must have been called with the time by the clock.
    pub fn observe(&mut self, batch: &FlowBatch, interfaces: &Interfaces, events: &mut Vec<Alert>) {
        let mut clocked = std::mem::take(&mut self.clocked);
        self.front.clock(batch, &mut clocked);
        let mut found = std::mem::take(&mut self.found);
        self.observe_here(batch, interfaces, &clocked, &mut found);
        put_in_order(&mut found, events);
        (self.clocked, self.found) = (clocked, found);
    }

    /// Identifies the sources of a batch and corrects the times of its rows, for the shards.
    pub fn clock(&mut self, batch: &FlowBatch) -> Clocked {
        let mut clocked = Clocked::default();
        self.front.clock(batch, &mut clocked);
        clocked
    }

    /// Asks the shards that are here.
    pub fn observe_here(
        &mut self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        clocked: &Clocked,
        found: &mut Found,
    ) {
        for shard in &mut self.shards {
            shard.observe(batch, interfaces, clocked, found);
        }
    }

    /// Labels that policies have written since the last call, in the order of the flows that caused them. The first shard
    /// has all policies that write any.
    pub fn take_labels(&mut self) -> impl Iterator<Item = LabelAction> + '_ {
        let labels = self.shards.first_mut().map(|shard| shard.labels.drain(..));
        labels.into_iter().flatten().map(|(_, label)| label)
    }

    /// Moves on to `now`, milliseconds since the epoch by the clock (by the capture, in a replay): ends incidents, tells of
    /// silence, forgets idle keys.
    pub fn advance(&mut self, now: u64, events: &mut Vec<Alert>) {
        let view = self.go_to(now);
        let mut found = std::mem::take(&mut self.found);
        self.advance_here(&view, &mut found);
        put_in_order(&mut found, events);
        self.found = found;
    }

    /// Moves the clock on, for shards to follow.
    pub fn go_to(&mut self, now: u64) -> View {
        self.front.sources.advance(now);
        self.front.sources.view_of_progress()
    }

    /// Lets the shards that are here follow the clock.
    pub fn advance_here(&mut self, sources: &View, found: &mut Found) {
        self.shards.iter_mut().for_each(|shard| shard.advance(sources, found));
    }

    /// Ends all incidents. All shards are here.
    pub fn finish(&mut self, now: u64, reason: EndReason, events: &mut Vec<Alert>) {
        let view = self.front.sources.view();
        for shard in &mut self.shards {
            shard.finish(now, reason, &view, &mut self.found);
        }
        put_in_order(&mut self.found, events);
    }

    /// Takes out all shards but the first.
    pub fn part(&mut self) -> Vec<Shard> {
        self.shards.split_off(self.shards.len().min(1))
    }

    /// Takes the shards back that were taken out.
    pub fn join(&mut self, shards: impl IntoIterator<Item = Shard>) {
        self.shards.extend(shards);
        self.shards.sort_by_key(|shard| shard.part);
    }

    /// Each policy with its counters and the number of keys that it watches, as far as their shards are here.
    pub fn counters(&self) -> impl Iterator<Item = (&Policy, Counters, usize)> {
        let mut watches: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| self.rules.parts[shard.part].places.iter().zip(&shard.watches))
            .collect();
        watches.sort_by_key(|(place, _)| **place);
        watches.into_iter().map(|(place, watch)| {
            let keys = watch.trackers.iter().map(Tracker::keys).sum();
            (&*self.rules.policies[*place], watch.counters, keys)
        })
    }

    /// Records that each policy was asked of, in the order of [`Detector::counters`].
    pub fn tested(&self) -> impl Iterator<Item = u64> {
        let mut since: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| self.rules.parts[shard.part].places.iter().zip(&shard.watches))
            .map(|(place, watch)| (*place, watch.since))
            .collect();
        since.sort_unstable();
        let records = self.front.records;
        since.into_iter().map(move |(_, since)| records.saturating_sub(since))
    }

    /// What has happened to records as such.
    pub fn clock_counters(&self) -> ClockCounters {
        let sources = &self.front.sources;
        ClockCounters { ahead: sources.ahead, set_back: sources.set_back }
    }

    /// Sources whose records have turned out to be older than any silence since the last call: their times count as younger.
    pub fn take_old_sources(&mut self) -> Vec<OldSource> {
        self.front.sources.take_old()
    }

    /// End of the newest record so far, as it counted; milliseconds since the epoch.
    pub fn latest(&self) -> u64 {
        self.front.sources.latest()
    }
}

/// Adds what shards have found to `events`, flow by flow, and for one flow in the order of policies.
pub fn put_in_order(found: &mut Found, events: &mut Vec<Alert>) {
    found.sort_by_key(|(place, _)| *place);
    events.extend(found.drain(..).map(|(_, event)| event));
}
