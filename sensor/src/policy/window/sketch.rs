//! HyperLogLog with a window: one set of registers a bucket, and their union.
//!
//! 1,024 registers; the standard error is 1.04 / sqrt(1024) = 3.3 %. The estimate is the improved raw estimator of Ertl
//! (arXiv 1702.01284, algorithm 6), which needs no correction for small numbers. It depends on the values and their
//! buckets only, not on the order.

use std::f64::consts::LN_2;

/// Bits of a hash that choose the register.
const BITS: u32 = 10;
const REGISTERS: usize = 1 << BITS;
/// Highest value of a register.
const HIGHEST: usize = (64 - BITS) as usize + 1;

type Registers = [u8; REGISTERS];

/// A sketch.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// Ascending by number.
    buckets: Vec<(i32, Box<Registers>)>,
    swept: i32,
    union: Union,
}

#[derive(Clone, Debug)]
struct Union {
    registers: Registers,
    /// How many registers have each value.
    histogram: [u16; HIGHEST + 1],
    estimate: f64,
}

impl Union {
    fn new() -> Self {
        let mut histogram = [0; HIGHEST + 1];
        histogram[0] = REGISTERS as u16;
        Self { registers: [0; REGISTERS], histogram, estimate: 0.0 }
    }

    fn of<'b>(buckets: impl Iterator<Item = &'b Registers>) -> Self {
        let mut union = Self::new();
        for bucket in buckets {
            for (own, other) in union.registers.iter_mut().zip(bucket) {
                *own = (*own).max(*other);
            }
        }
        union.histogram = [0; HIGHEST + 1];
        for register in union.registers {
            union.histogram[usize::from(register)] += 1;
        }
        union.estimate = estimate(&union.histogram);
        union
    }

    fn raise(&mut self, register: usize, rank: u8) {
        let own = &mut self.registers[register];
        if rank > *own {
            self.histogram[usize::from(*own)] -= 1;
            self.histogram[usize::from(rank)] += 1;
            *own = rank;
            self.estimate = estimate(&self.histogram);
        }
    }
}

impl Sketch {
    /// Nothing, on a grid of which buckets from `oldest` on count.
    pub fn new(oldest: i32) -> Self {
        Self { buckets: Vec::new(), swept: oldest, union: Union::new() }
    }

    /// Counts a hash seen in a bucket, in a window that begins with the bucket `oldest`.
    pub fn add(&mut self, hash: u64, bucket: i32, oldest: i32) {
        if oldest > self.swept {
            self.swept = oldest;
            let before = self.buckets.len();
            self.buckets.retain(|(number, _)| *number >= oldest);
            if self.buckets.len() < before {
                self.union = Union::of(self.buckets.iter().map(|(_, registers)| &**registers));
            }
        }
        let register = (hash >> (64 - BITS)) as usize;
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        let after = self.buckets.iter().rposition(|(number, _)| *number <= bucket);
        let at = match after {
            Some(at) if self.buckets[at].0 == bucket => at,
            _ => {
                let at = after.map_or(0, |at| at + 1);
                self.buckets.insert(at, (bucket, Box::new([0; REGISTERS])));
                at
            }
        };
        let own = &mut self.buckets[at].1[register];
        *own = rank.max(*own);
        self.union.raise(register, rank);
    }

    /// Distinct hashes in a window that begins with the bucket `oldest`.
    pub fn estimate(&self, oldest: i32) -> f64 {
        if oldest <= self.swept {
            return self.union.estimate;
        }
        let live = self.buckets.iter().filter(|(number, _)| *number >= oldest);
        Union::of(live.map(|(_, registers)| &**registers)).estimate
    }
}

fn estimate(histogram: &[u16; HIGHEST + 1]) -> f64 {
    let all = REGISTERS as f64;
    let share = |value: usize| f64::from(histogram[value]) / all;
    let mut z = all * tau(1.0 - share(HIGHEST));
    for value in (1..HIGHEST).rev() {
        z = 0.5 * (z + f64::from(histogram[value]));
    }
    z += all * sigma(share(0));
    (all * all / (2.0 * LN_2 * z)).round()
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
