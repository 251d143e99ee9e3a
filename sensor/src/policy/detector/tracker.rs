//! What a policy keeps of its keys: windows where it has thresholds, else when each spoke last.

use super::{
    context::{Context, Flow},
    hits::HitTracker,
    windows::WindowTracker,
};
use crate::policy::{
    event::EndReason,
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
    /// A tracker of keys of these fields.
    pub fn new(policy: &Policy, fields: KeyFields, seed: u64, context: &mut Context<'_>) -> Self {
        if policy.has_thresholds() {
            Self::Windows(WindowTracker::new(policy, fields, seed, context))
        } else {
            Self::Hits(HitTracker::new(fields, seed))
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

    /// Something that is read when a key is looked for; whoever reads it beforehand does not wait for memory then.
    #[inline(always)]
    pub fn touch_index(&self, hash: Hash) -> u64 {
        either!(self, inner => inner.keys.touch(hash))
    }

    /// The slot that a key with this hash has, as good as always.
    #[inline(always)]
    pub fn guess(&self, hash: Hash) -> Option<Slot> {
        either!(self, inner => inner.keys.guess(hash))
    }

    /// Something of each place that a flow with the key in `slot` changes.
    #[inline(always)]
    pub fn touch(&self, slot: Slot, flow: &Flow<'_>, texts: &mut Texts) -> u64 {
        match self {
            Self::Hits(inner) => inner.keys.touch_slot(slot),
            Self::Windows(inner) => inner.keys.touch_slot(slot) ^ inner.touch(slot, flow, texts),
        }
    }

    /// Takes note of a matching flow with this key.
    #[inline(always)]
    pub fn observe(
        &mut self,
        policy: &Policy,
        flow: &Flow<'_>,
        key: (Hash, &[u64]),
        context: &mut Context<'_>,
    ) {
        either!(self, inner => inner.observe(policy, flow, key, context));
    }

    /// Goes on to what the sources have reached.
    pub fn advance(&mut self, policy: &Policy, context: &mut Context<'_>) {
        either!(self, inner => inner.advance(policy, context));
    }

    /// Ends all incidents, and tells what is held back.
    pub fn finish(
        &mut self,
        policy: &Policy,
        now: u64,
        reason: EndReason,
        context: &mut Context<'_>,
    ) {
        match self {
            Self::Hits(inner) => inner.finish(policy, now, context),
            Self::Windows(inner) => inner.finish(policy, now, reason, context),
        }
    }
}
