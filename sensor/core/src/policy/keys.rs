//! The keys that one policy watches: from words to states, bounded; the key that was idle longest goes first.
//!
//! Every state has an entry in a heap with a time at which it was not idle yet. States are touched far more often than
//! keys leave, so the entry is only brought up to date when it comes to the top.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use super::window::mix;
use crate::flow::{
    index::Index,
    pages,
    prefetch::{prefetch, prefetch_ends},
};

/// Odd constants without a pattern: the fractions of the golden and of the silver ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const SILVER: u64 = 0x6a09_e667_f3bc_c909;

/// Both halves of a product, as one.
#[inline(always)]
fn fold(one: u64, other: u64) -> u64 {
    let wide = u128::from(one) * u128::from(other);
    wide as u64 ^ (wide >> 64) as u64
}

/// The number of a key as long as it is watched.
pub type Slot = u32;

/// What a key has.
pub trait State: Default {
    /// Time of the newest record, milliseconds since the epoch.
    fn newest(&self) -> u64;
}

/// Keys and their states.
#[derive(Debug)]
pub struct Keys<S> {
    /// Words of a key.
    stride: usize,
    /// By slot, so many words each.
    words: Vec<u64>,
    /// By slot.
    states: Vec<S>,
    index: Index,
    free: Vec<Slot>,
    idle: BinaryHeap<Reverse<(u64, Slot)>>,
    seeds: [u64; 2],
    /// Keys that have been removed so far; may run over.
    removed: u32,
}

/// A hash of a key, good for the keys that gave it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hash(u32);

impl<S: State> Keys<S> {
    /// Octets that `count` keys of `stride` words take, besides what their states point to.
    pub fn octets(stride: usize, count: usize) -> usize {
        let each = size_of::<S>() + stride * size_of::<u64>() + size_of::<Reverse<(u64, Slot)>>();
        count.saturating_mul(each).saturating_add(Index::octets(count))
    }

    /// No keys yet, each to be of `stride` words. The seed protects against keys made to collide; nothing that can be seen
    /// depends on it.
    pub fn new(stride: usize, seed: u64) -> Self {
        // A product with 0 is 0, whatever the other factor. High words of IPv4 addresses are 0, so the first may not be 0; and
        // nobody may know the second, who could send addresses whose low word it is.
        let seeds = [mix(seed ^ GOLDEN) | 1, mix(seed ^ SILVER)];
        Self {
            stride,
            words: Vec::new(),
            states: Vec::new(),
            index: Index::default(),
            free: Vec::new(),
            idle: BinaryHeap::new(),
            seeds,
            removed: 0,
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// The hash of a key, of whose words only as many count as the keys have; so everywhere here.
    #[inline(always)]
    pub fn hash(&self, key: &[u64]) -> Hash {
        // One wide multiplication for two words, folded: most keys are two addresses, and their high words mostly the same.
        // Mixing each word thoroughly would take longer than comparing the key.
        let (pairs, rest) = key[..self.stride].as_chunks();
        let pairs = pairs.iter().map(|[high, low]| (*high, *low));
        let all = pairs.chain(rest.iter().map(|word| (0, *word)));
        let [seed, other] = self.seeds;
        let hash = all.fold(seed, |hash, (high, low)| fold(high ^ hash, low ^ other));
        Hash(fold(hash ^ GOLDEN, SILVER) as u32)
    }

    /// Asks for the memory that looking for a key needs.
    #[inline(always)]
    pub fn prefetch(&self, hash: Hash) {
        self.index.prefetch(hash.0);
    }

    /// Asks for the memory of a key and its state.
    #[inline(always)]
    pub fn prefetch_slot(&self, slot: Slot) {
        prefetch_ends(self.key(slot));
        prefetch(self.peek(slot));
    }

    /// The slot that a key with this hash has, if there is one: as good as always, and found without looking at the key.
    #[inline(always)]
    pub fn guess(&self, hash: Hash) -> Option<Slot> {
        self.index.find(hash.0, |_| true)
    }

    /// The slot of a key that is watched.
    #[inline(always)]
    pub fn find(&self, hash: Hash, key: &[u64]) -> Option<Slot> {
        self.index.find(hash.0, |slot| self.is(slot, key))
    }

    /// [`Self::find`], where `guess` was the slot when so many keys had been removed: as long as no key is, none has another.
    #[inline(always)]
    pub fn find_again(
        &self,
        (guess, removed): (Option<Slot>, u32),
        hash: Hash,
        key: &[u64],
    ) -> Option<Slot> {
        match guess {
            Some(slot) if removed == self.removed && self.is(slot, key) => guess,
            _ => self.find(hash, key),
        }
    }

    /// Keys that have been removed so far.
    #[inline(always)]
    pub fn removed(&self) -> u32 {
        self.removed
    }

    /// Whether a slot has this key. Keys are a few words: a loop is quicker than a call.
    #[inline(always)]
    pub fn is(&self, slot: Slot, key: &[u64]) -> bool {
        self.key(slot).iter().zip(key).all(|(own, other)| own == other)
    }

    /// Adds a key that is not watched yet, with a fresh state. A pinned one never counts as idle.
    pub fn insert(&mut self, key: &[u64], now: u64, pinned: bool) -> Slot {
        let key = &key[..self.stride];
        let slot = match self.free.pop() {
            Some(slot) => {
                let first = slot as usize * self.stride;
                self.words[first..first + self.stride].copy_from_slice(key);
                slot
            }
            None => {
                if self.words.capacity() - self.words.len() < self.stride {
                    pages::grow(&mut self.words);
                }
                self.words.extend_from_slice(key);
                if self.states.len() == self.states.capacity() {
                    pages::grow(&mut self.states);
                }
                self.states.push(S::default());
                (self.states.len() - 1) as Slot
            }
        };
        self.index.insert(self.hash(key).0, slot);
        if !pinned {
            self.idle.push(Reverse((now, slot)));
        }
        slot
    }

    /// The key that was idle longest, pinned ones aside, if it was so since before `time`; of several, the one with the
    /// lowest slot.
    pub fn idle_since(&mut self, time: u64) -> Option<Slot> {
        loop {
            let mut top = self.idle.peek_mut()?;
            let Reverse((known, slot)) = *top;
            if known >= time {
                return None;
            }
            let newest = self.states[slot as usize].newest();
            if newest <= known {
                return Some(slot);
            }
            *top = Reverse((newest, slot));
        }
    }

    /// The key that was idle longest, pinned ones aside; of several, the one with the lowest slot.
    pub fn most_idle(&mut self) -> Option<Slot> {
        self.idle_since(u64::MAX)
    }

    /// Forgets the key that was idle longest, the one that was just named. Returns its slot.
    pub fn remove_most_idle(&mut self) -> Option<Slot> {
        let top = self.idle.peek_mut()?;
        let Reverse((_, slot)) = PeekMut::pop(top);
        let hash = self.hash(self.key(slot));
        self.index.remove(hash.0, slot);
        self.removed = self.removed.wrapping_add(1);
        self.states[slot as usize] = S::default();
        self.free.push(slot);
        Some(slot)
    }

    /// The words of a key.
    #[inline(always)]
    pub fn key(&self, slot: Slot) -> &[u64] {
        let first = slot as usize * self.stride;
        &self.words[first..first + self.stride]
    }

    /// The state of a key.
    #[inline(always)]
    pub fn state(&mut self, slot: Slot) -> &mut S {
        &mut self.states[slot as usize]
    }

    /// All states, those of slots that no key has included.
    pub fn states(&mut self) -> impl Iterator<Item = &mut S> {
        self.states.iter_mut()
    }

    /// The state of a key.
    #[inline(always)]
    pub fn peek(&self, slot: Slot) -> &S {
        &self.states[slot as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[derive(Default)]
    struct Nothing;

    impl State for Nothing {
        fn newest(&self) -> u64 {
            0
        }
    }

    /// Whether keys have hashes of their own, but for a few, where each number gives one.
    fn are_spread<const N: usize>(seed: u64, key: impl Fn(u64) -> [u64; N]) -> bool {
        const KEYS: u64 = 20_000;
        let keys = Keys::<Nothing>::new(N, seed);
        let hashes: HashSet<u32> = (0..KEYS).map(|number| keys.hash(&key(number)).0).collect();
        hashes.len() as u64 > KEYS - 10
    }

    #[test]
    fn keys_of_every_length_are_spread_with_every_seed() {
        // The last two are seeds of which [`mix`] would make 0.
        for seed in [0, 1, GOLDEN ^ SILVER, u64::MAX, GOLDEN, SILVER] {
            assert!(are_spread(seed, |number| [number]), "a port, {seed:x}");
            assert!(are_spread(seed, |number| [0, 0x0a00_0000 | number]), "an address, {seed:x}");
            let pair = |number: u64| [0, 0x0a00_0000 + number / 100, 0, 0xc0a8_0000 + number % 100];
            assert!(are_spread(seed, pair), "two addresses, {seed:x}");
            assert!(are_spread(seed, |number| [0, 0x0a00_0001, number]), "and a port, {seed:x}");
            // Constants that everybody can read spoil nothing.
            for low in [1, GOLDEN, SILVER] {
                let network = |number| [0x2001_0db8_0000_0000 | number, low];
                assert!(are_spread(seed, network), "networks of one host {low:x}, {seed:x}");
            }
        }
    }
}
