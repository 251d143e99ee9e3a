//! What is kept for one policy: its keys, its counters, and the numbers of the texts in its keys.

use super::{
    scope::{Counters, Place, TrackerScope},
    tracker::Tracker,
};
use crate::policy::{
    model::Policy,
    sources::View,
    values::{KeyFields, Texts},
};

/// The state of one policy.
pub struct Watch {
    /// One for each alternative key.
    pub(super) trackers: Vec<Tracker>,
    pub(super) counters: Counters,
    pub(super) texts: Texts,
    /// Records that had come before it was asked of any.
    pub(super) since: u64,
}

impl Watch {
    /// Nothing seen so far; `since` so many records have come.
    pub(super) fn new(policy: &Policy, seed: u64, sources: &View, since: u64) -> Self {
        let (mut counters, mut texts) = (Counters::default(), Texts::default());
        // No key that is expected is told of before time passes.
        let (mut events, mut labels) = (Vec::new(), Vec::new());
        let mut context = TrackerScope {
            texts: &mut texts,
            sources,
            counters: &mut counters,
            at: Place::default(),
            events: &mut events,
            labels: &mut labels,
        };
        let keys = policy.track_by.iter().map(|key| KeyFields::new(key));
        let trackers =
            keys.map(|key| Tracker::new(policy, key, (seed, since), &mut context)).collect();
        Self { trackers, counters, texts, since }
    }
}
