//! What a policy keeps of its keys: windows where it has thresholds, else when each spoke last.

use super::{
    hits::HitTracker,
    prefetch::Step,
    scope::{Flow, TrackerScope},
    windows::WindowTracker,
};
use crate::policy::{
    alert::EndReason,
    keys::{Hash, Slot},
    model::Policy,
    values::{KEY_WORDS, KeyFields, Texts},
};

/// The keys of one alternative of a policy.
#[derive(Debug)]
pub enum Tracker {
    /// Of a policy without thresholds.
    Hits(HitTracker),
    /// Of a policy with thresholds.
    Windows(WindowTracker),
}

macro_rules! either {
    ($tracker:expr, $inner:ident => $do:expr) => {
        match $tracker {
            Tracker::Hits($inner) => $do,
            Tracker::Windows($inner) => $do,
        }
    };
}

impl Tracker {
    /// A tracker of keys of these fields; `since` so many records have come.
    pub fn new(
        policy: &Policy,
        fields: KeyFields,
        (seed, since): (u64, u64),
        context: &mut TrackerScope<'_>,
    ) -> Self {
        if policy.has_thresholds() {
            Self::Windows(WindowTracker::new(policy, fields, (seed, since), context))
        } else {
            Self::Hits(HitTracker::new(fields, seed, since))
        }
    }

    /// Number of keys.
    pub fn keys(&self) -> usize {
        either!(self, inner => inner.keys.len())
    }

    /// Reads the key of a flow; `None` where a part is missing.
    #[inline(always)]
    pub fn key(
        &self,
        flow: &Flow<'_>,
        texts: &mut Texts,
        key: &mut [u64; KEY_WORDS],
    ) -> Option<Hash> {
        either!(self, inner => {
            let key = inner.fields.read(flow.row, texts, key)?;
            Some(inner.keys.hash(key))
        })
    }

    /// Asks for the memory that looking for a key needs.
    #[inline(always)]
    pub fn prefetch_index(&self, hash: Hash) {
        either!(self, inner => inner.keys.prefetch(hash));
    }

    /// The slot that a key with this hash has, as good as always.
    #[inline(always)]
    pub fn guess(&self, hash: Hash) -> Option<Slot> {
        either!(self, inner => inner.keys.guess(hash))
    }

    /// Asks for the memory of the key in `slot`.
    #[inline(always)]
    pub fn prefetch(&self, slot: Slot) {
        match self {
            Self::Hits(inner) => inner.keys.prefetch_slot(slot),
            Self::Windows(inner) => inner.prefetch(slot),
        }
    }

    /// Asks for what a flow with the key in `slot` changes beside it.
    #[inline(always)]
    pub fn prefetch_more(&self, slot: Slot, flow: &Flow<'_>, texts: &mut Texts, step: Step) {
        if let Self::Windows(inner) = self {
            inner.prefetch_more(slot, flow, texts, step);
        }
    }

    /// Takes note of a matching flow with this key.
    #[inline(always)]
    pub fn observe(
        &mut self,
        policy: &Policy,
        flow: &Flow<'_>,
        key: (Hash, &[u64]),
        context: &mut TrackerScope<'_>,
    ) {
        either!(self, inner => inner.observe(policy, flow, key, context));
    }

    /// Goes on to what the sources have reached.
    pub fn advance(&mut self, policy: &Policy, context: &mut TrackerScope<'_>) {
        either!(self, inner => inner.advance(policy, context));
    }

    /// Ends incidents, or tells what is held back, of `most` keys at most. True once nothing is left.
    pub fn finish(
        &mut self,
        policy: &Policy,
        now: u64,
        reason: EndReason,
        most: usize,
        context: &mut TrackerScope<'_>,
    ) -> bool {
        match self {
            Self::Hits(inner) => inner.finish(policy, now, most, context),
            Self::Windows(inner) => inner.finish(policy, now, reason, most, context),
        }
    }
}
