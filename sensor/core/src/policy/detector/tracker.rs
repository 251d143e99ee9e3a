//! What a policy keeps of its keys: windows where it has thresholds, else when each spoke last.

use super::{
    hits::HitTracker,
    matches::Match,
    prefetch::Step,
    scope::{Flow, TrackerScope},
    windows::WindowTracker,
};
use crate::policy::{
    alert::EndReason,
    keys::{Hash, Keys, State},
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
    /// Octets that a tracker of `count` keys of these fields takes.
    pub fn octets(policy: &Policy, fields: &KeyFields, count: usize) -> usize {
        match policy.has_thresholds() {
            true => WindowTracker::octets(policy, fields, count),
            false => HitTracker::octets(fields, count),
        }
    }

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
        either!(self, inner => key_of(&inner.fields, &inner.keys, flow, texts, key))
    }

    /// Reads the keys of as many flows as `words` has room for, and adds them to `matches`. Of keys that are `far`, asks for
    /// the memory that looking for them needs.
    #[inline(always)]
    pub fn read<'f>(
        &self,
        flows: &mut impl Iterator<Item = Flow<'f>>,
        far: bool,
        texts: &mut Texts,
        matches: &mut Vec<Match<'f>>,
        words: &mut [[u64; KEY_WORDS]],
    ) {
        either!(self, inner => {
            // No `zip`: it hands each flow on through memory.
            for words in words {
                let Some(flow) = flows.next() else { break };
                let hash = key_of(&inner.fields, &inner.keys, &flow, texts, words);
                if let Some(hash) = hash.filter(|_| far) {
                    inner.keys.prefetch(hash);
                }
                matches.push(Match { flow, hash, slot: None, goes_on: false });
            }
        });
    }

    /// Finds the slots that the keys have, as good as always, and asks for their memory. Returns how many keys have been
    /// removed so far.
    #[inline(always)]
    pub fn guess(&self, matches: &mut [Match<'_>]) -> u32 {
        either!(self, inner => {
            for Match { hash, slot, .. } in matches {
                *slot = hash.and_then(|hash| inner.keys.guess(hash));
                if let Some(slot) = *slot {
                    inner.prefetch(slot);
                }
            }
            inner.keys.removed()
        })
    }

    /// Asks for what flows change beside the states of their keys.
    #[inline(always)]
    pub fn prefetch_more(&self, matches: &mut [Match<'_>], texts: &mut Texts, step: Step) {
        if let Self::Windows(inner) = self {
            inner.prefetch_more(matches, texts, step);
        }
    }

    /// Takes note of matching flows with their keys. `removed` is as of when their slots were found.
    #[inline(always)]
    pub fn observe<'m, 'f: 'm>(
        &mut self,
        policy: &Policy,
        matches: impl Iterator<Item = (&'m Match<'f>, &'m [u64; KEY_WORDS])>,
        removed: u32,
        context: &mut TrackerScope<'_>,
    ) {
        either!(self, inner => {
            for (Match { flow, hash, slot, .. }, key) in matches {
                context.at.row = flow.row.row;
                match hash {
                    Some(hash) => {
                        let slot = inner.keys.find_again((*slot, removed), *hash, key);
                        inner.observe(policy, flow, (slot, key), context);
                    }
                    None => context.counters.untracked += 1,
                }
            }
        });
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

/// Reads the key of a flow.
#[inline(always)]
fn key_of<S: State>(
    fields: &KeyFields,
    keys: &Keys<S>,
    flow: &Flow<'_>,
    texts: &mut Texts,
    words: &mut [u64; KEY_WORDS],
) -> Option<Hash> {
    let key = fields.read(flow.row, texts, words)?;
    Some(keys.hash(key))
}
