//! A shard: some of the policies, their queries compiled into one graph, and the state of their keys.
//!
//! Policies share no state, so shards can process the same batch at the same time on different threads. Everything that they
//! find carries a [`Place`](super::scope::Place), by which the results of all shards are put in order.

use std::sync::Arc;

use super::{
    block::{Block, MatchSink},
    cost::{Cost, Timer},
    front::Clocked,
    rules::Compiled,
    scope::{Flow, Found, TrackerScope},
    tracker::Tracker,
    watch::Watch,
};
use crate::{
    flow::{
        batch::FlowBatch,
        fields::Row,
        interfaces::Interfaces,
        kept::{Keeper, RecentFrames},
    },
    nql::columns::{Rows, Scratch},
    policy::{
        alert::{EndReason, LabelAction},
        model::Policy,
        sources::View,
        window::series::Sample,
    },
};

/// The flows that match a policy in a chunk of a batch, without those that come too late for it.
pub(super) struct Flows<'f, 'm> {
    batch: &'f FlowBatch,
    interfaces: &'f Interfaces,
    keeper: &'f Keeper<'f>,
    clocked: &'m Clocked,
    /// The first row of the chunk.
    first: usize,
    rows: Rows<'m>,
    lateness: u64,
    has_thresholds: bool,
    /// Flows that came too late so far.
    late: u64,
}

impl<'f> Iterator for Flows<'f, '_> {
    type Item = Flow<'f>;

    #[inline(always)]
    fn next(&mut self) -> Option<Flow<'f>> {
        loop {
            let Self { batch, interfaces, keeper, clocked, .. } = *self;
            let row = self.first + self.rows.next()?;
            let (end, newest) = clocked.times[row];
            let is_late = end.saturating_add(self.lateness) < newest;
            // A window cannot take back what it has said; a forbidden connection is one whenever it becomes known.
            if is_late && self.has_thresholds {
                self.late += 1;
                continue;
            }
            let duration = batch.end[row].saturating_sub(batch.start[row]);
            return Some(Flow {
                row: Row { batch, row, interfaces },
                keeper,
                source: clocked.source(batch, row).number,
                sample: Sample {
                    start: end.saturating_sub(duration),
                    end,
                    values: [batch.octets[row], batch.packets[row]],
                },
                at: if is_late { newest } else { end },
                rate: batch.sample_rate.get(row).map_or(1, |rate| (*rate).max(1)),
            });
        }
    }
}

/// Some of the policies at work.
pub struct Shard {
    pub(super) rules: Arc<Compiled>,
    /// Which part of the rules it has.
    pub(super) part: usize,
    /// One for each program.
    pub(super) scratch: Vec<Scratch>,
    /// One for each policy of the part.
    pub(super) watches: Vec<Watch>,
    pub(super) labels: Vec<(usize, LabelAction)>,
    /// What flows of the last batches have in common, where they are kept.
    pub(super) interfaces: Arc<Interfaces>,
    pub(super) frames: RecentFrames,
    pub(super) cost: Cost,
}

impl Shard {
    /// Asks its policies of a batch; what is found is added to `found`.
    pub fn observe(
        &mut self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        clocked: &Clocked,
        found: &mut Found,
    ) {
        self.observe_by(batch, interfaces, clocked, found, |policy, flows, block, desk| {
            block.add(policy, flows, desk);
        });
    }

    /// The same; `add` gets a policy and flows that match it, and adds them to the matches that wait.
    #[inline(always)]
    pub(super) fn observe_by(
        &mut self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        clocked: &Clocked,
        found: &mut Found,
        mut add: impl for<'f> FnMut(usize, &mut Flows<'f, '_>, &mut Block<'f>, &mut MatchSink<'_>),
    ) {
        let Self { rules, part, scratch, watches, labels, interfaces: known, frames, cost } = self;
        // Flows that are kept share them, and they seldom change.
        if **known != *interfaces {
            *known = Arc::new(interfaces.clone());
        }
        let keeper = Keeper::new(batch, known, frames);
        let program = rules.program(batch.observed_by);
        let part = &rules.parts[*part];
        let policies = &*part.policies;
        let mut desk = MatchSink {
            policies,
            places: &part.places,
            watches,
            sources: &clocked.view,
            events: found,
            labels,
            timer: cost.next(),
        };
        let mut block = Block::new();
        part.programs[program].evaluate(batch, interfaces, &mut scratch[program], |matched| {
            let policy = matched.query;
            let mut flows = Flows {
                batch,
                interfaces,
                keeper: &keeper,
                clocked,
                first: matched.first,
                rows: matched.rows.rows(),
                lateness: policies[policy].lateness,
                has_thresholds: policies[policy].has_thresholds(),
                late: 0,
            };
            add(policy, &mut flows, &mut block, &mut desk);
            let late = flows.late;
            let counters = &mut desk.watches[policy].counters;
            counters.matched += matched.rows.count() as u64;
            counters.late += late;
        });
        block.settle(&mut desk);
        // They come policy by policy; a stable sort makes it flow by flow.
        labels.sort_by_key(|(row, _)| *row);
        labels.iter_mut().for_each(|(row, _)| *row = 0);
    }

    /// Lets time pass, as far as the sources have come.
    pub fn advance(&mut self, sources: &View, found: &mut Found) {
        self.for_each_tracker(sources, found, |policy, tracker, context| {
            tracker.advance(policy, context);
        });
    }

    /// Ends all incidents.
    pub(super) fn finish(
        &mut self,
        now: u64,
        reason: EndReason,
        sources: &View,
        found: &mut Found,
    ) {
        self.for_each_tracker(sources, found, |policy, tracker, context| {
            tracker.finish(policy, now, reason, usize::MAX, context);
        });
    }

    fn for_each_tracker(
        &mut self,
        sources: &View,
        events: &mut Found,
        mut work: impl FnMut(&Policy, &mut Tracker, &mut TrackerScope<'_>),
    ) {
        let Self { rules, part, watches, labels, .. } = self;
        let part = &rules.parts[*part];
        let places = &part.places;
        let (policies, timer) = (&*part.policies, Timer::default());
        let mut desk = MatchSink { policies, places, watches, sources, events, labels, timer };
        for policy in 0..desk.policies.len() {
            let (policy, trackers, mut context) = desk.of(policy, 0);
            trackers.iter_mut().for_each(|tracker| work(policy, tracker, &mut context));
        }
    }
}
