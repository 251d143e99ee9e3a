//! Values that few rows differ in, by number: a batch holds one number a row, and whoever asks about a value does so once per
//! number.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use hashbrown::HashTable;

use crate::sync::Unpoisoned as _;

/// Values by number. Number 0 is the default value, of which nothing is known.
///
/// A table only grows, and may grow while others read it: whoever gives out a number has entered its value before.
/// So a batch can hold the table of the rows to come, and whoever has judged the first values of a table need
/// only look at those behind them.
#[derive(Debug)]
pub struct Interned<T> {
    /// Of doubling size, so that values never move.
    blocks: [OnceLock<Block<T>>; BLOCKS],
    count: AtomicU32,
    /// The numbers, by the hash of their value; whoever adds one holds the lock.
    numbers: Mutex<HashTable<u32>>,
    hasher: RandomState,
    /// What numbers stand for that were not given out.
    unknown: Arc<T>,
}

/// Places, filled in their order.
type Block<T> = Box<[OnceLock<Arc<T>>]>;

/// Values in the first block, as a power of two.
const FIRST_BLOCK: u32 = 6;
/// Enough for all numbers of 32 bits less those that the last place needs.
const BLOCKS: usize = 32 - FIRST_BLOCK as usize;

impl<T: Hash + Eq + Default> Default for Interned<T> {
    fn default() -> Self {
        let values = Self {
            blocks: [const { OnceLock::new() }; BLOCKS],
            count: AtomicU32::new(0),
            numbers: Mutex::default(),
            hasher: RandomState::new(),
            unknown: Arc::default(),
        };
        values.intern(T::default());
        values
    }
}

impl<T: Hash + Eq> Interned<T> {
    /// The number of `value`, a new one if it has none yet.
    pub fn intern(&self, value: T) -> u32 {
        let hash = self.hasher.hash_one(&value);
        let mut numbers = self.numbers.lock().unpoisoned();
        if let Some(&number) = numbers.find(hash, |&number| *self.get(number) == value) {
            return number;
        }
        let number = self.count.load(Ordering::Relaxed);
        let Some((block, place)) = place(number).filter(|(block, _)| *block < BLOCKS) else {
            return 0;
        };
        let size = 1 << (block as u32 + FIRST_BLOCK);
        let block = self.blocks[block].get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        // The place is free: numbers are given out once, under the lock.
        let _ = block[place].set(Arc::new(value));
        self.count.store(number + 1, Ordering::Release);
        numbers.insert_unique(hash, number, |&number| self.hasher.hash_one(self.get(number)));
        number
    }
}

impl<T> Interned<T> {
    /// The value with this number; the unknown one where there is none.
    pub fn get(&self, number: u32) -> &T {
        self.shared(number)
    }

    /// As [`Self::get`], to be kept.
    pub fn shared(&self, number: u32) -> &Arc<T> {
        let find = || {
            let (block, place) = place(number)?;
            self.blocks.get(block)?.get()?.get(place)?.get()
        };
        find().unwrap_or(&self.unknown)
    }

    /// How many there are; at least one.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Those with the numbers from `first` on, in their order.
    pub fn starting_at(&self, first: u32) -> impl Iterator<Item = &T> {
        (first..self.count()).map(|number| self.get(number))
    }
}

/// The block that holds a number, and its place there.
fn place(number: u32) -> Option<(usize, usize)> {
    let shifted = number.checked_add(1 << FIRST_BLOCK)?;
    let level = shifted.ilog2();
    Some(((level - FIRST_BLOCK) as usize, (shifted - (1 << level)) as usize))
}
