//! A hash table of fixed records, each a few words, for millions of groups.
//!
//! Its cost is misses of the cache, so a record that fits into a line lies in one.
#![expect(unsafe_code, reason = "lines as words")]

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

use crate::flow::prefetch::{prefetch, prefetch_ends};

/// Words of a line of the cache.
const LINE: usize = 8;

/// A line of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; LINE]);

/// Records that are allocated together: nothing moves when there are more, and next to nothing is allocated ahead.
const CHUNK: usize = 1024;

/// Lines as words.
#[inline(always)]
fn words(lines: &[Line]) -> &[u64] {
    // SAFETY: a line is so many words and nothing else.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LINE) }
}

/// The same, to be changed.
#[inline(always)]
fn words_mut(lines: &mut [Line]) -> &mut [u64] {
    // SAFETY: as above; they are borrowed as the lines are.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LINE) }
}

/// Records of words, found by the first of them.
pub(super) struct Table {
    /// Nobody knows them who could choose keys that have one hash.
    seeds: [u64; 2],
    /// Words of a key.
    pub(super) key: usize,
    /// Words of a record.
    width: usize,
    /// Words from one to the next: a whole line, where more than half of one is taken.
    stride: usize,
    /// [`CHUNK`] of them each.
    chunks: Vec<Box<[Line]>>,
    count: usize,
    /// Upper half: the hash; lower half: the number of the record, from 1. 0 is free.
    slots: Vec<u64>,
}

/// Whether two keys are equal, word by word: they have a few words, and a call of memcmp costs more than comparing them.
#[inline(always)]
pub(super) fn is_same(left: &[u64], right: &[u64]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left == right)
}

impl Table {
    pub(super) fn new(key: usize, width: usize) -> Self {
        let stride = if (LINE / 2 + 1..=LINE).contains(&width) { LINE } else { width };
        let seeds = DefaultHashBuilder::default();
        // The second is multiplied by.
        let seeds = [seeds.hash_one(1_u8), seeds.hash_one(2_u8) | 1];
        let (chunks, slots) = (Vec::new(), vec![0; 1024]);
        Self { seeds, key, width, stride, chunks, count: 0, slots }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The numbers of all records.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.len() as u32
    }

    /// The chunk of a record, and its first word there.
    #[inline(always)]
    fn place(&self, number: usize) -> (usize, usize) {
        (number / CHUNK, number % CHUNK * self.stride)
    }

    /// A record.
    #[inline(always)]
    pub(super) fn record(&self, number: u32) -> &[u64] {
        let (chunk, first) = self.place(number as usize);
        &words(&self.chunks[chunk])[first..first + self.width]
    }

    /// A record, to be changed.
    #[inline(always)]
    pub(super) fn record_mut(&mut self, number: u32) -> &mut [u64] {
        let (chunk, first) = self.place(number as usize);
        &mut words_mut(&mut self.chunks[chunk])[first..first + self.width]
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &[u64]> {
        self.numbers().map(|number| self.record(number))
    }

    #[inline(always)]
    pub(super) fn hash(&self, key: &[u64]) -> u32 {
        // A multiplication a word: hashers that take any octets take several times as long.
        let [mut hash, by] = self.seeds;
        for word in key {
            let product = u128::from(hash ^ word) * u128::from(by);
            hash = product as u64 ^ (product >> 64) as u64;
        }
        (hash >> 32) as u32
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
            prefetch_ends(self.record(number as u32 - 1));
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
                let number = entry as u32 - 1;
                if is_same(&self.record(number)[..self.key], key) {
                    return Some((number, false));
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
        if number.is_multiple_of(CHUNK) {
            let lines = (CHUNK * self.stride).div_ceil(LINE);
            self.chunks.push(vec![Line([0; LINE]); lines].into());
        }
        self.count += 1;
        self.record_mut(number as u32)[..key.len()].copy_from_slice(key);
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
