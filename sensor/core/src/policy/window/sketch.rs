//! HyperLogLog with a window: one set of registers a bucket, and their union.
//!
//! 1,024 registers; the standard error is 1.04 / sqrt(1024) = 3.3 %. The estimate is the improved raw estimator of Ertl
//! (arXiv 1702.01284, algorithm 6), which needs no correction for small numbers. It depends on the values and their
//! buckets only, not on the order.

use std::{
    f64::consts::LN_2,
    mem,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::flow::prefetch::prefetch;

/// Bits of a hash that choose the register.
const BITS: u32 = 10;
const REGISTERS: usize = 1 << BITS;
/// Highest value of a register.
const HIGHEST: usize = (64 - BITS) as usize + 1;

type Registers = [u8; REGISTERS];

/// A sketch.
#[derive(Debug)]
pub struct Sketch {
    /// The bucket that almost every hash goes to.
    newest: Bucket,
    /// Those before it, ascending by number.
    older: Vec<Bucket>,
    swept: i32,
    /// Of all buckets; none since one was forgotten, until somebody has asked for an estimate again. Most keys are never
    /// asked, since their policy wants more of them than distinct values.
    union: Option<Box<Union>>,
    /// Noted by whoever asks, who changes nothing else.
    asked: AtomicBool,
}

#[derive(Debug)]
struct Bucket {
    number: i32,
    registers: Box<Registers>,
}

impl Bucket {
    fn new(number: i32) -> Self {
        Self { number, registers: Box::new([0; REGISTERS]) }
    }
}

/// The union of some registers, with what the estimate needs of them.
#[derive(Clone, Debug)]
struct Union {
    registers: Registers,
    /// Registers that are 0, and at their highest.
    empty: usize,
    full: usize,
    /// Sum of 2^-value over all others, in units of 2^-54.
    sum: u64,
}

impl Union {
    fn of<'b>(buckets: impl Iterator<Item = &'b Registers>) -> Self {
        let mut all = [0; REGISTERS];
        for bucket in buckets {
            for (own, other) in all.iter_mut().zip(bucket) {
                *own = (*own).max(*other);
            }
        }
        // Registers by value: far quicker than to raise one after the other.
        let mut count = [0_u64; HIGHEST + 1];
        all.iter().for_each(|rank| count[usize::from(*rank)] += 1);
        let between = count[1..HIGHEST].iter().zip(1..);
        Self {
            registers: all,
            empty: count[0] as usize,
            full: count[HIGHEST] as usize,
            sum: between.map(|(count, value)| count * part(value)).sum(),
        }
    }

    #[inline(always)]
    fn raise(&mut self, register: usize, rank: u8) {
        let own = self.registers[register];
        if rank > own {
            self.registers[register] = rank;
            self.sum = self.sum - part(own) + part(rank);
            self.empty -= usize::from(own == 0);
            self.full += usize::from(usize::from(rank) == HIGHEST);
        }
    }

    fn estimate(&self) -> f64 {
        let all = REGISTERS as f64;
        let highest = all * tau(1.0 - self.full as f64 / all) * 0.5_f64.powi(HIGHEST as i32 - 1);
        let z = highest + self.sum as f64 / ONE as f64 + all * SIGMA[self.empty];
        (all * all / (2.0 * LN_2 * z)).round()
    }
}

/// 1 in the units of [`Union::sum`].
const ONE: u64 = 1 << (HIGHEST - 1);

/// What a register adds to the sum.
#[inline(always)]
fn part(value: u8) -> u64 {
    if value == 0 || usize::from(value) == HIGHEST { 0 } else { ONE >> value }
}

/// The function sigma of the estimator, by the number of empty registers.
static SIGMA: LazyLock<[f64; REGISTERS + 1]> =
    LazyLock::new(|| std::array::from_fn(|empty| sigma(empty as f64 / REGISTERS as f64)));

impl Sketch {
    /// Nothing, on a grid of which buckets from `oldest` on count.
    pub fn new(oldest: i32) -> Self {
        Self {
            newest: Bucket::new(oldest),
            older: Vec::new(),
            swept: oldest,
            union: None,
            asked: AtomicBool::new(false),
        }
    }

    /// Counts a hash seen in a bucket, in a window that begins with the bucket `oldest`.
    pub fn add(&mut self, hash: u64, bucket: i32, oldest: i32) {
        if oldest > self.swept {
            self.forget(oldest);
        }
        let register = (hash >> (64 - BITS)) as usize;
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        let own = &mut self.bucket(bucket).registers[register];
        *own = rank.max(*own);
        match &mut self.union {
            Some(union) => union.raise(register, rank),
            None if *self.asked.get_mut() => {
                self.asked = AtomicBool::new(false);
                self.union = Some(Box::new(self.unite(self.swept)));
            }
            None => {}
        }
    }

    #[cold]
    fn forget(&mut self, oldest: i32) {
        self.swept = oldest;
        let before = self.older.len();
        self.older.retain(|bucket| bucket.number >= oldest);
        if self.newest.number < oldest {
            self.newest = Bucket::new(oldest);
            self.union = None;
        } else if self.older.len() < before {
            self.union = None;
        }
    }

    #[inline(always)]
    fn bucket(&mut self, number: i32) -> &mut Bucket {
        if number == self.newest.number { &mut self.newest } else { self.place(number) }
    }

    /// A bucket that was not the newest so far; a new one if there is none.
    #[cold]
    fn place(&mut self, number: i32) -> &mut Bucket {
        if number > self.newest.number {
            let before = mem::replace(&mut self.newest, Bucket::new(number));
            // The first is only there so that there is one.
            if before.registers.iter().any(|rank| *rank > 0) {
                self.older.push(before);
            }
            return &mut self.newest;
        }
        let after = self.older.iter().rposition(|bucket| bucket.number <= number);
        let at = match after {
            Some(at) if self.older[at].number == number => at,
            _ => {
                let at = after.map_or(0, |at| at + 1);
                self.older.insert(at, Bucket::new(number));
                at
            }
        };
        &mut self.older[at]
    }

    fn unite(&self, oldest: i32) -> Union {
        let all = self.older.iter().chain([&self.newest]);
        let live = all.filter(|bucket| bucket.number >= oldest);
        Union::of(live.map(|bucket| &*bucket.registers))
    }

    /// Distinct hashes in a window that begins with the bucket `oldest`.
    pub fn estimate(&self, oldest: i32) -> f64 {
        if oldest > self.swept {
            return self.unite(oldest).estimate();
        }
        match &self.union {
            Some(union) => union.estimate(),
            None => {
                self.asked.store(true, Ordering::Relaxed);
                self.unite(oldest).estimate()
            }
        }
    }

    /// Asks for the register of a hash.
    #[inline(always)]
    pub fn prefetch(&self, hash: u64) {
        let register = (hash >> (64 - BITS)) as usize;
        prefetch(&self.newest.registers[register]);
        if let Some(union) = &self.union {
            prefetch(&union.registers[register]);
        }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
