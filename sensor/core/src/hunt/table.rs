//! A hash table of fixed records, each a few words: millions of groups in two allocations.

use std::hash::{BuildHasher as _, Hasher as _};

use hashbrown::DefaultHashBuilder;

use crate::flow::prefetch::{prefetch, prefetch_ends};

/// Records of words, found by the first of them.
pub(super) struct Table {
    hasher: DefaultHashBuilder,
    /// Words of a key.
    pub(super) key: usize,
    /// Words of a record.
    stride: usize,
    records: Vec<u64>,
    /// Upper half: the hash; lower half: the number of the record, from 1. 0 is free.
    slots: Vec<u64>,
}

/// Whether two keys are equal, word by word: they have a few words, and a call of memcmp costs more than comparing them.
#[inline(always)]
pub(super) fn is_same(left: &[u64], right: &[u64]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left == right)
}

impl Table {
    pub(super) fn new(key: usize, stride: usize) -> Self {
        let hasher = DefaultHashBuilder::default();
        Self { hasher, key, stride, records: Vec::new(), slots: vec![0; 1024] }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len() / self.stride
    }

    /// The numbers of all records.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.len() as u32
    }

    /// A record.
    #[inline(always)]
    pub(super) fn record(&self, number: u32) -> &[u64] {
        let first = number as usize * self.stride;
        &self.records[first..first + self.stride]
    }

    /// A record, to be changed.
    #[inline(always)]
    pub(super) fn record_mut(&mut self, number: u32) -> &mut [u64] {
        let first = number as usize * self.stride;
        &mut self.records[first..first + self.stride]
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &[u64]> {
        self.records.chunks_exact(self.stride)
    }

    #[inline(always)]
    pub(super) fn hash(&self, key: &[u64]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        key.iter().for_each(|word| hasher.write_u64(*word));
        (hasher.finish() >> 32) as u32
    }

    #[inline(always)]
    fn slot(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    pub(super) fn prefetch_slot(&self, hash: u32) {
        prefetch(&self.slots[self.slot(hash)]);
    }

    /// Asks for the record that the first slot of a hash names.
    #[inline(always)]
    pub(super) fn prefetch_record(&self, hash: u32) {
        let number = self.slots[self.slot(hash)] as u32 as usize;
        if number != 0 {
            let first = (number - 1) * self.stride;
            prefetch_ends(&self.records[first..first + self.stride]);
        }
    }

    /// The number of the record of a key, if there is one.
    pub(super) fn find(&self, key: &[u64], hash: u32) -> Option<u32> {
        let mut slot = self.slot(hash);
        while self.slots[slot] != 0 {
            let entry = self.slots[slot];
            let number = entry as u32 - 1;
            if (entry >> 32) as u32 == hash && is_same(&self.record(number)[..self.key], key) {
                return Some(number);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// The number of the record of a key, and whether it is a new one because there was none; `None` where there is none and are
    /// `most` others.
    #[inline(always)]
    pub(super) fn find_or_insert(
        &mut self,
        key: &[u64],
        hash: u32,
        most: usize,
    ) -> Option<(u32, bool)> {
        let mask = self.slots.len() - 1;
        let mut slot = self.slot(hash);
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                return self.insert(key, hash, slot, most).map(|number| (number, true));
            }
            if (entry >> 32) as u32 == hash {
                let first = (entry as u32 as usize - 1) * self.stride;
                if is_same(&self.records[first..first + self.key], key) {
                    return Some((entry as u32 - 1, false));
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, key: &[u64], hash: u32, mut slot: usize, most: usize) -> Option<u32> {
        let number = self.len();
        // The number of a record has 32 bits.
        if number >= most.min(u32::MAX as usize - 1) {
            return None;
        }
        if (number + 1) * 2 > self.slots.len() {
            self.grow();
            slot = self.free_slot(hash);
        }
        self.slots[slot] = u64::from(hash) << 32 | (number as u64 + 1);
        let first = self.records.len();
        self.records.extend_from_slice(key);
        self.records.resize(first + self.stride, 0);
        Some(number as u32)
    }

    fn free_slot(&self, hash: u32) -> usize {
        let mut slot = self.slot(hash);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    fn grow(&mut self) {
        let twice = vec![0; self.slots.len() * 2];
        let entries = std::mem::replace(&mut self.slots, twice);
        for entry in entries.into_iter().filter(|entry| *entry != 0) {
            let slot = self.free_slot((entry >> 32) as u32);
            self.slots[slot] = entry;
        }
    }
}
