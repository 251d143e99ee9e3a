//! How many distinct values a window has seen: exactly up to [`EXACT`], then by a sketch.
//!
//! Values are words of 64 bits. IPv6 addresses are told apart by a hash of that length; everything else fits.

use super::{mix, sketch::Sketch};

/// Values that are counted one by one.
pub const EXACT: usize = 256;

/// Distinct values by the bucket in which each was seen last: open addressing with linear probing.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// A power of two of them, or none; at most three of four are in use.
    cells: Box<[Cell]>,
    used: u32,
    /// Everything older is gone.
    swept: i32,
    sketch: Option<Box<Sketch>>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    value: u64,
    /// [`NONE`] where there is no value.
    bucket: i32,
}

const NONE: i32 = i32::MIN;
const EMPTY: Cell = Cell { value: 0, bucket: NONE };

impl Distinct {
    /// Nothing, on a grid of which buckets from `oldest` on count.
    pub fn new(oldest: i32) -> Self {
        Self { swept: oldest, ..Self::default() }
    }

    /// Counts a value seen in a bucket, in a window that begins with the bucket `oldest`.
    #[inline]
    pub fn add(&mut self, value: u64, bucket: i32, oldest: i32) {
        let hash = mix(value);
        if let Some(sketch) = &mut self.sketch {
            sketch.add(hash, bucket, oldest);
            return;
        }
        if oldest > self.swept {
            self.sweep(oldest);
        }
        if (self.used as usize + 1) * 4 > self.cells.len() * 3 {
            self.resize((self.cells.len() * 2).max(4));
        }
        let cell = self.cell(value, hash);
        let known = cell.bucket != NONE;
        *cell = Cell { value, bucket: bucket.max(cell.bucket) };
        if !known {
            self.used += 1;
            if self.used as usize > EXACT {
                self.begin_sketch(oldest);
            }
        }
    }

    /// The cell of a value, or the free one where it would be. There is always a free one.
    #[inline(always)]
    fn cell(&mut self, value: u64, hash: u64) -> &mut Cell {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        while self.cells[at].bucket != NONE && self.cells[at].value != value {
            at = (at + 1) & mask;
        }
        &mut self.cells[at]
    }

    fn live(&self, oldest: i32) -> impl Iterator<Item = Cell> {
        let oldest = oldest.max(NONE + 1);
        self.cells.iter().filter(move |cell| cell.bucket >= oldest).copied()
    }

    #[cold]
    fn sweep(&mut self, oldest: i32) {
        self.swept = oldest;
        let live = self.live(oldest).count();
        if live < self.used as usize {
            self.resize((live * 2).next_power_of_two().max(4));
        }
    }

    /// Moves what is not older than what was swept to so many cells.
    #[cold]
    fn resize(&mut self, cells: usize) {
        let live: Vec<Cell> = self.live(self.swept).collect();
        self.used = live.len() as u32;
        self.cells = vec![EMPTY; cells].into();
        for cell in live {
            *self.cell(cell.value, mix(cell.value)) = cell;
        }
    }

    fn begin_sketch(&mut self, oldest: i32) {
        let mut sketch = Box::new(Sketch::new(oldest));
        for cell in self.live(oldest) {
            sketch.add(mix(cell.value), cell.bucket, oldest);
        }
        self.cells = Box::default();
        self.used = 0;
        self.sketch = Some(sketch);
    }

    /// Distinct values in a window that begins with the bucket `oldest`.
    #[inline]
    pub fn count(&self, oldest: i32) -> f64 {
        match &self.sketch {
            Some(sketch) => sketch.estimate(oldest),
            None if oldest <= self.swept => f64::from(self.used),
            None => self.live(oldest).count() as f64,
        }
    }

    /// Something that is read when a value is added; whoever reads it beforehand does not wait for memory then.
    #[inline(always)]
    pub fn touch(&self, value: u64) -> u64 {
        let hash = mix(value);
        match &self.sketch {
            Some(sketch) => sketch.touch(hash),
            None => {
                let at = hash as usize & self.cells.len().wrapping_sub(1);
                self.cells.get(at).map_or(0, |cell| cell.value)
            }
        }
    }

    /// The values, ascending; none once there were more than are counted one by one.
    pub fn values(&self) -> Vec<u64> {
        let mut values: Vec<u64> = self.live(self.swept).map(|cell| cell.value).collect();
        values.sort_unstable();
        values
    }
}
