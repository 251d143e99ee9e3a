//! Matches that wait to be taken note of, a block of them at a time.
//!
//! A key costs several waits for memory, each of which depends on the one before. So the memory of all keys of a block is
//! asked for, step by step, and only then are the matches taken note of, in their order. A block has matches of all
//! policies: most have too few in a chunk of flows for the waits to overlap. Where there are few keys nobody waits, and
//! asking would take longer than all the rest.

use std::{iter, ops::Range, sync::Arc};

use super::{
    cost::Timer,
    matches::Match,
    prefetch::Step,
    scope::{Flow, Found, Place, TrackerScope},
    tracker::Tracker,
    watch::Watch,
};
use crate::policy::{alert::LabelAction, model::Policy, sources::View, values::KEY_WORDS};

/// Matches of a block.
const MATCHES: usize = 32;

/// So many keys of a tracker are in the cache anyway.
const AT_HAND: usize = 256;

/// All that taking note of matches changes.
pub struct MatchSink<'d> {
    pub(super) policies: &'d [Arc<Policy>],
    /// The place of each among the policies of all shards.
    pub(super) places: &'d [usize],
    /// One for each policy.
    pub(super) watches: &'d mut [Watch],
    pub(super) sources: &'d View,
    pub(super) events: &'d mut Found,
    pub(super) labels: &'d mut Vec<(usize, LabelAction)>,
    pub(super) timer: Timer,
}

impl MatchSink<'_> {
    /// A policy with its trackers, and what these work with; it is about a row of the batch, or 0.
    #[inline(always)]
    pub(super) fn of(
        &mut self,
        policy: usize,
        row: usize,
    ) -> (&Policy, &mut [Tracker], TrackerScope<'_>) {
        let Watch { trackers, counters, texts, .. } = &mut self.watches[policy];
        let context = TrackerScope {
            texts,
            sources: self.sources,
            counters,
            at: Place { row, policy: self.places[policy] },
            events: self.events,
            labels: self.labels,
        };
        (&self.policies[policy], trackers, context)
    }
}

/// Some matches, in the order in which they will be taken note of.
pub struct Block<'f> {
    matches: Vec<Match<'f>>,
    /// The key of each.
    keys: Box<[[u64; KEY_WORDS]; MATCHES]>,
    /// All of them in stretches of one tracker: what hangs on the tracker is looked at once for a stretch.
    stretches: Vec<Stretch>,
}

/// Matches of one tracker that follow each other.
struct Stretch {
    policy: usize,
    /// Which of the alternative keys.
    tracker: usize,
    matches: Range<usize>,
    /// Whether the memory of its keys must be waited for.
    far: bool,
    /// Keys that the tracker had removed when it said where the keys are.
    removed: u32,
}

impl<'f> Block<'f> {
    /// No matches yet.
    pub fn new() -> Self {
        Self {
            matches: Vec::with_capacity(MATCHES),
            keys: Box::new([[0; KEY_WORDS]; MATCHES]),
            stretches: Vec::with_capacity(MATCHES),
        }
    }

    /// Adds matches of a policy; takes note of all whenever the block is full.
    #[inline(always)]
    pub fn add(
        &mut self,
        policy: usize,
        flows: &mut impl Iterator<Item = Flow<'f>>,
        desk: &mut MatchSink<'_>,
    ) {
        match desk.watches[policy].trackers.len() {
            1 => while self.add_to(policy, 0, flows, desk) {},
            trackers => {
                for flow in flows {
                    for tracker in 0..trackers {
                        self.add_to(policy, tracker, &mut iter::once(flow), desk);
                    }
                }
            }
        }
    }

    /// Adds as many matches of a tracker as there is room for, at least one. True where there may be more of them.
    #[inline(always)]
    fn add_to(
        &mut self,
        policy: usize,
        tracker: usize,
        flows: &mut impl Iterator<Item = Flow<'f>>,
        desk: &mut MatchSink<'_>,
    ) -> bool {
        let first = self.matches.len();
        let Watch { trackers, texts, .. } = &mut desk.watches[policy];
        let keys = &trackers[tracker];
        let far = keys.keys() > AT_HAND;
        keys.read(flows, far, texts, &mut self.matches, &mut self.keys[first..]);
        let matches = first..self.matches.len();
        if matches.is_empty() {
            return false;
        }
        let is_full = matches.end == MATCHES;
        self.stretches.push(Stretch { policy, tracker, matches, far, removed: 0 });
        if is_full {
            self.settle(desk);
        }
        is_full
    }

    /// Takes note of all matches.
    #[inline(never)]
    pub fn settle(&mut self, desk: &mut MatchSink<'_>) {
        let Self { matches, keys, stretches } = self;
        for Stretch { policy, tracker, matches: own, removed, .. } in
            stretches.iter_mut().filter(|stretch| stretch.far)
        {
            let tracker = &desk.watches[*policy].trackers[*tracker];
            *removed = tracker.guess(&mut matches[own.clone()]);
        }
        for step in [Step::Where, Step::There] {
            for Stretch { policy, tracker, matches: own, .. } in
                stretches.iter().filter(|stretch| stretch.far)
            {
                let Watch { trackers, texts, .. } = &mut desk.watches[*policy];
                trackers[*tracker].prefetch_more(&mut matches[own.clone()], texts, step);
            }
        }
        for Stretch { policy, tracker, matches: own, removed, .. } in stretches.drain(..) {
            let spent = desk.timer.of(|| {
                let (policy, trackers, mut context) = desk.of(policy, 0);
                let keyed = matches[own.clone()].iter().zip(&keys[own]);
                trackers[tracker].observe(policy, keyed, removed, &mut context);
            });
            desk.watches[policy].counters.nanoseconds += spent;
        }
        matches.clear();
    }
}
