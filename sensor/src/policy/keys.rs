//! The keys that one policy watches: a table from words to states, bounded; the key that was idle longest goes first.
//!
//! Every state has an entry in a heap with a time at which it was not idle yet. States are touched far more often than
//! keys leave, so the entry is only brought up to date when it comes to the top.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use hashbrown::HashTable;

use super::window::mix;

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
    words: Vec<u64>,
    states: Vec<S>,
    table: HashTable<Slot>,
    free: Vec<Slot>,
    idle: BinaryHeap<Reverse<(u64, Slot)>>,
    seed: u64,
}

impl<S: State> Keys<S> {
    /// No keys yet, each to be of `stride` words. The seed protects against keys made to collide; nothing that can be seen
    /// depends on it.
    pub fn new(stride: usize, seed: u64) -> Self {
        Self {
            stride,
            words: Vec::new(),
            states: Vec::new(),
            table: HashTable::new(),
            free: Vec::new(),
            idle: BinaryHeap::new(),
            seed,
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// The slot of a key that is watched.
    #[inline(always)]
    pub fn find(&self, key: &[u64]) -> Option<Slot> {
        let hash = hash(self.seed, key);
        self.table.find(hash, |slot| self.key(*slot) == key).copied()
    }

    /// Adds a key that is not watched yet, with a fresh state. A pinned one never counts as idle.
    pub fn insert(&mut self, key: &[u64], now: u64, pinned: bool) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.words[slot as usize * self.stride..][..self.stride].copy_from_slice(key);
                slot
            }
            None => {
                self.words.extend_from_slice(key);
                self.states.push(S::default());
                (self.states.len() - 1) as Slot
            }
        };
        let Self { table, words, stride, seed, .. } = self;
        let own = |slot: &Slot| hash(*seed, &words[*slot as usize * *stride..][..*stride]);
        table.insert_unique(hash(*seed, key), slot, own);
        if !pinned {
            self.idle.push(Reverse((now, slot)));
        }
        slot
    }

    /// The key that was idle longest, pinned ones aside; of several, the one with the lowest slot.
    pub fn most_idle(&mut self) -> Option<Slot> {
        loop {
            let mut top = self.idle.peek_mut()?;
            let Reverse((known, slot)) = *top;
            let newest = self.states[slot as usize].newest();
            if newest <= known {
                drop(top);
                return Some(slot);
            }
            *top = Reverse((newest, slot));
        }
    }

    /// Takes the key that was idle longest out of the table, the one that [`Keys::most_idle`] has named.
    pub fn remove_most_idle(&mut self) {
        let Some(top) = self.idle.peek_mut() else { return };
        let Reverse((_, slot)) = PeekMut::pop(top);
        let key = hash(self.seed, self.key(slot));
        if let Ok(entry) = self.table.find_entry(key, |own| *own == slot) {
            entry.remove();
        }
        self.states[slot as usize] = S::default();
        self.free.push(slot);
    }

    /// The words of a key.
    #[inline(always)]
    pub fn key(&self, slot: Slot) -> &[u64] {
        &self.words[slot as usize * self.stride..][..self.stride]
    }

    /// The state of a key.
    #[inline(always)]
    pub fn state(&mut self, slot: Slot) -> &mut S {
        &mut self.states[slot as usize]
    }

    /// The state of a key.
    #[inline(always)]
    pub fn peek(&self, slot: Slot) -> &S {
        &self.states[slot as usize]
    }
}

#[inline(always)]
fn hash(seed: u64, key: &[u64]) -> u64 {
    key.iter().fold(seed, |hash, word| mix(hash ^ word))
}
