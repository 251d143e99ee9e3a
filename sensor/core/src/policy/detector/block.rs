//! Matches that wait to be taken note of, a block of them at a time.
//!
//! A key costs several waits for memory, each of which depends on the one before. So the memory of all keys of a block is
//! asked for, step by step, and only then are the matches taken note of, in their order. A block has matches of all
//! policies: most have too few in a chunk of flows for the waits to overlap. Where there are few keys nobody waits, and
//! asking would take longer than all the rest.

use std::sync::Arc;

use super::{
    prefetch::Step,
    scope::{Flow, Found, Place, TrackerScope},
    tracker::Tracker,
    watch::Watch,
};
use crate::policy::{
    alert::LabelAction,
    keys::{Hash, Slot},
    model::Policy,
    sources::View,
    values::KEY_WORDS,
};

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
}

struct Match<'f> {
    policy: usize,
    /// Which of the alternative keys.
    tracker: usize,
    flow: Flow<'f>,
    /// `None` where a part of the key is missing.
    hash: Option<Hash>,
    /// Where the key is, as far as could be told without looking at it, and where its memory must be waited for.
    slot: Option<Slot>,
    far: bool,
}

impl<'f> Block<'f> {
    /// No matches yet.
    pub fn new() -> Self {
        Self { matches: Vec::with_capacity(MATCHES), keys: Box::new([[0; KEY_WORDS]; MATCHES]) }
    }

    /// Adds a match of a policy; takes note of all when the block is full.
    #[inline(always)]
    pub fn push(&mut self, policy: usize, flow: Flow<'f>, desk: &mut MatchSink<'_>) {
        for tracker in 0..desk.watches[policy].trackers.len() {
            if self.matches.len() == MATCHES {
                self.settle(desk);
            }
            let Watch { trackers, texts, .. } = &mut desk.watches[policy];
            let keys = &trackers[tracker];
            let hash = keys.key(&flow, texts, &mut self.keys[self.matches.len()]);
            let far = keys.keys() > AT_HAND;
            if let Some(hash) = hash.filter(|_| far) {
                keys.prefetch_index(hash);
            }
            self.matches.push(Match { policy, tracker, flow, hash, slot: None, far });
        }
    }

    /// Takes note of all matches.
    #[inline(never)]
    pub fn settle(&mut self, desk: &mut MatchSink<'_>) {
        for Match { policy, tracker, hash, slot, .. } in self.matches.iter_mut().filter(|m| m.far) {
            let tracker = &desk.watches[*policy].trackers[*tracker];
            *slot = hash.and_then(|hash| tracker.guess(hash));
            slot.iter().for_each(|slot| tracker.prefetch(*slot));
        }
        for step in [Step::Where, Step::There] {
            for Match { policy, tracker, flow, slot, .. } in &self.matches {
                let Watch { trackers, texts, .. } = &mut desk.watches[*policy];
                let tracker = &trackers[*tracker];
                slot.iter().for_each(|slot| tracker.prefetch_more(*slot, flow, texts, step));
            }
        }
        for (Match { policy, tracker, flow, hash, .. }, key) in self.matches.iter().zip(&*self.keys)
        {
            let (policy, trackers, mut context) = desk.of(*policy, flow.row.row);
            match hash {
                Some(hash) => {
                    trackers[*tracker].observe(policy, flow, (*hash, key), &mut context);
                }
                None => context.counters.untracked += 1,
            }
        }
        self.matches.clear();
    }
}
