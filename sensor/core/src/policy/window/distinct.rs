//! How many distinct values a window has seen: exactly up to [`EXACT`], then by a sketch.
//!
//! Values are words of 64 bits. IPv6 addresses are told apart by a hash of that length; everything else fits. The first
//! few lie in the set itself, which is as large as a line of the cache: most keys never have more.

use thin_vec::{ThinVec, thin_vec};

use super::{mix, sketch::Sketch};
use crate::flow::prefetch::{prefetch, prefetch_line};

/// Values that are counted one by one.
pub const EXACT: usize = 256;

/// Values that need no table.
const FEW: usize = 3;

/// Distinct values by the bucket in which each was seen last.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Distinct {
    /// Those in use come first. Nothing is here once there are more than a few.
    values: [u64; FEW],
    buckets: [i32; FEW],
    /// Values here, or in the table.
    used: u32,
    /// Everything older is gone.
    swept: i32,
    /// Length of the table, so that it is known before the table is.
    cells: u32,
    /// All values once there are more than a few, by open addressing with linear probing: a power of two of cells, at most
    /// three of four in use.
    table: ThinVec<Cell>,
    /// What is left of the values once they are too many for a table.
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
        if let Some(sketch) = &mut self.sketch {
            sketch.add(mix(value), bucket, oldest);
            return;
        }
        if oldest > self.swept {
            self.sweep(oldest);
        }
        if !self.table.is_empty() {
            self.add_to_table(value, bucket);
            if self.used as usize > EXACT {
                self.begin_sketch(oldest);
            }
        } else if !self.add_to_few(value, bucket) {
            self.move_to(FEW + 1, NONE);
            self.add_to_table(value, bucket);
        }
    }

    /// False where there is no room.
    #[inline(always)]
    fn add_to_few(&mut self, value: u64, bucket: i32) -> bool {
        let used = self.used as usize;
        if let Some(at) = self.values[..used].iter().position(|own| *own == value) {
            self.buckets[at] = self.buckets[at].max(bucket);
        } else if used < FEW {
            (self.values[used], self.buckets[used]) = (value, bucket);
            self.used += 1;
        } else {
            return false;
        }
        true
    }

    #[inline(always)]
    fn add_to_table(&mut self, value: u64, bucket: i32) {
        if (self.used as usize + 1) * 4 > self.table.len() * 3 {
            self.move_to(self.table.len(), NONE);
        }
        let cell = cell(&mut self.table, value);
        self.used += u32::from(cell.bucket == NONE);
        *cell = Cell { value, bucket: bucket.max(cell.bucket) };
    }

    #[cold]
    fn begin_sketch(&mut self, oldest: i32) {
        let mut sketch = Sketch::new(oldest);
        self.live(oldest).for_each(|(value, bucket)| sketch.add(mix(value), bucket, oldest));
        *self = Self { sketch: Some(Box::new(sketch)), ..Self::new(oldest) };
    }

    /// Forgets what was last seen before the bucket `oldest`.
    #[cold]
    fn sweep(&mut self, oldest: i32) {
        let live = self.live(oldest).count();
        if live <= FEW {
            let mut kept = Self::new(oldest);
            for (value, bucket) in self.live(oldest) {
                kept.add_to_few(value, bucket);
            }
            *self = kept;
        } else if live < self.used as usize {
            self.move_to(live, oldest);
        }
        self.swept = oldest;
    }

    /// Moves the values since the bucket `oldest` to a table with room for twice as many as `values`.
    #[cold]
    fn move_to(&mut self, values: usize, oldest: i32) {
        let mut table = thin_vec![EMPTY; (values * 2).next_power_of_two()];
        let mut used = 0;
        for (value, bucket) in self.live(oldest) {
            *cell(&mut table, value) = Cell { value, bucket };
            used += 1;
        }
        self.cells = table.len() as u32;
        (self.table, self.used) = (table, used);
    }

    /// Values since the bucket `oldest`; none once there is a sketch.
    fn live(&self, oldest: i32) -> impl Iterator<Item = (u64, i32)> {
        let oldest = oldest.max(NONE + 1);
        let few = if self.table.is_empty() { self.used as usize } else { 0 };
        let few = self.values[..few].iter().copied().zip(self.buckets);
        let all = few.chain(self.table.iter().map(|cell| (cell.value, cell.bucket)));
        all.filter(move |(_, bucket)| *bucket >= oldest)
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

    /// The values, ascending; none once there were more than are counted one by one.
    pub fn values(&self) -> Vec<u64> {
        let mut values: Vec<u64> = self.live(self.swept).map(|(value, _)| value).collect();
        values.sort_unstable();
        values
    }
}

/// What a value needs beside the set itself is asked for in two steps, since of a sketch the first says where the second is.
impl Distinct {
    /// Whether a value needs anything beside the set itself.
    #[inline(always)]
    pub fn is_large(&self) -> bool {
        self.cells != 0 || self.sketch.is_some()
    }

    /// Asks for the place of a value in a table, or for the sketch. True where that says where its place is.
    #[inline(always)]
    pub fn prefetch(&self, value: u64) -> bool {
        if let Some(sketch) = &self.sketch {
            prefetch(&**sketch);
        } else if self.cells != 0 {
            let cells = self.table.as_ptr();
            // Their number lies before them.
            prefetch_line(cells.cast::<u8>().wrapping_sub(1));
            prefetch_line(cells.wrapping_add(place(value, self.cells as usize)).cast());
        }
        self.sketch.is_some()
    }

    /// Asks for the place of a value in a sketch.
    #[inline(always)]
    pub fn prefetch_register(&self, value: u64) {
        if let Some(sketch) = &self.sketch {
            sketch.prefetch(mix(value));
        }
    }
}

/// Where a value belongs in a table.
#[inline(always)]
fn place(value: u64, cells: usize) -> usize {
    mix(value) as usize & cells.wrapping_sub(1)
}

/// The cell of a value, or the free one where it would be. There is always a free one.
#[inline(always)]
fn cell(table: &mut [Cell], value: u64) -> &mut Cell {
    let mut at = place(value, table.len());
    while table[at].bucket != NONE && table[at].value != value {
        at = (at + 1) & (table.len() - 1);
    }
    &mut table[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_one_line_of_the_cache() {
        assert_eq!(size_of::<Distinct>(), 64);
    }
}
