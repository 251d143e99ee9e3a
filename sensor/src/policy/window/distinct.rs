//! How many distinct values a window has seen: exactly up to [`EXACT`], then by a sketch.
//!
//! Values are words of 64 bits. IPv6 addresses are told apart by a hash of that length; everything else fits. The first
//! few lie in the set itself, which is as large as a line of the cache: most keys never have more.

use super::{mix, sketch::Sketch};
use crate::policy::prefetch::prefetch;

/// Values that are counted one by one.
pub const EXACT: usize = 256;

/// Values that need no table.
const FEW: usize = 4;

/// Distinct values by the bucket in which each was seen last.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// Those in use come first.
    values: [u64; FEW],
    buckets: [i32; FEW],
    used: u32,
    /// Everything older is gone.
    swept: i32,
    /// Where all values are, once there are more than a few.
    many: Option<Box<Many>>,
}

#[derive(Clone, Debug)]
enum Many {
    Table(Table),
    Sketch(Sketch),
}

impl Distinct {
    /// Nothing, on a grid of which buckets from `oldest` on count.
    pub fn new(oldest: i32) -> Self {
        Self { swept: oldest, ..Self::default() }
    }

    /// Counts a value seen in a bucket, in a window that begins with the bucket `oldest`.
    #[inline]
    pub fn add(&mut self, value: u64, bucket: i32, oldest: i32) {
        if oldest > self.swept {
            self.sweep(oldest);
        }
        match self.many.as_deref_mut() {
            None => self.add_to_few(value, bucket),
            Some(Many::Sketch(sketch)) => sketch.add(mix(value), bucket, oldest),
            Some(Many::Table(table)) => {
                table.add(value, bucket);
                if table.used > EXACT {
                    self.begin_sketch(oldest);
                }
            }
        }
    }

    #[inline(always)]
    fn add_to_few(&mut self, value: u64, bucket: i32) {
        let used = self.used as usize;
        if let Some(at) = self.values[..used].iter().position(|own| *own == value) {
            self.buckets[at] = self.buckets[at].max(bucket);
        } else if used < FEW {
            (self.values[used], self.buckets[used]) = (value, bucket);
            self.used += 1;
        } else {
            self.begin_table(value, bucket);
        }
    }

    #[cold]
    fn begin_table(&mut self, value: u64, bucket: i32) {
        let mut table = Table::with_room_for(FEW + 1);
        self.few().for_each(|(value, bucket)| table.add(value, bucket));
        table.add(value, bucket);
        self.many = Some(Box::new(Many::Table(table)));
    }

    #[cold]
    fn begin_sketch(&mut self, oldest: i32) {
        let mut sketch = Sketch::new(oldest);
        self.live(oldest).for_each(|(value, bucket)| sketch.add(mix(value), bucket, oldest));
        self.many = Some(Box::new(Many::Sketch(sketch)));
    }

    /// Forgets what was last seen before the bucket `oldest`.
    #[cold]
    fn sweep(&mut self, oldest: i32) {
        self.swept = oldest;
        match self.many.as_deref_mut() {
            None => self.keep(oldest),
            Some(Many::Table(table)) => {
                let live = table.live(oldest).count();
                if live <= FEW {
                    self.keep(oldest);
                } else if live < table.used {
                    *table = table.moved(live, oldest);
                }
            }
            // It sweeps when something is added.
            Some(Many::Sketch(_)) => {}
        }
    }

    /// Goes back to a few values, those since the bucket `oldest`.
    fn keep(&mut self, oldest: i32) {
        let mut kept = Self::new(oldest);
        self.live(oldest).for_each(|(value, bucket)| kept.add_to_few(value, bucket));
        *self = kept;
    }

    fn few(&self) -> impl Iterator<Item = (u64, i32)> {
        let used = if self.many.is_some() { 0 } else { self.used as usize };
        self.values[..used].iter().copied().zip(self.buckets)
    }

    /// Values since the bucket `oldest`; none once there is a sketch.
    fn live(&self, oldest: i32) -> impl Iterator<Item = (u64, i32)> {
        let table = match self.many.as_deref() {
            Some(Many::Table(table)) => Some(table),
            _ => None,
        };
        let few = self.few().filter(move |(_, bucket)| *bucket >= oldest);
        few.chain(table.into_iter().flat_map(move |table| table.live(oldest)))
    }

    /// Distinct values in a window that begins with the bucket `oldest`.
    #[inline]
    pub fn count(&self, oldest: i32) -> f64 {
        match self.many.as_deref() {
            None if oldest <= self.swept => f64::from(self.used),
            Some(Many::Table(table)) if oldest <= self.swept => table.used as f64,
            Some(Many::Sketch(sketch)) => sketch.estimate(oldest),
            _ => self.live(oldest).count() as f64,
        }
    }

    /// Asks for what says where a value is, once there are many.
    #[inline(always)]
    pub fn prefetch(&self) {
        if let Some(many) = self.many.as_deref() {
            prefetch(many);
        }
    }

    /// Asks for the place of a value among many.
    #[inline(always)]
    pub fn prefetch_value(&self, value: u64) {
        match self.many.as_deref() {
            None => {}
            Some(Many::Table(table)) => table.prefetch(value),
            Some(Many::Sketch(sketch)) => sketch.prefetch(mix(value)),
        }
    }

    /// The values, ascending; none once there were more than are counted one by one.
    pub fn values(&self) -> Vec<u64> {
        let mut values: Vec<u64> = self.live(self.swept).map(|(value, _)| value).collect();
        values.sort_unstable();
        values
    }
}

/// Values by open addressing with linear probing.
#[derive(Clone, Debug)]
struct Table {
    /// A power of two of them; at most three of four are in use.
    cells: Box<[Cell]>,
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    value: u64,
    /// [`NONE`] where there is no value.
    bucket: i32,
}

const NONE: i32 = i32::MIN;
const EMPTY: Cell = Cell { value: 0, bucket: NONE };

impl Table {
    fn with_room_for(values: usize) -> Self {
        Self { cells: vec![EMPTY; (values * 2).next_power_of_two()].into(), used: 0 }
    }

    #[inline(always)]
    fn add(&mut self, value: u64, bucket: i32) {
        if (self.used + 1) * 4 > self.cells.len() * 3 {
            *self = self.moved(self.cells.len(), NONE);
        }
        let cell = self.cell(value);
        let known = cell.bucket != NONE;
        *cell = Cell { value, bucket: bucket.max(cell.bucket) };
        self.used += usize::from(!known);
    }

    /// The cell of a value, or the free one where it would be. There is always a free one.
    #[inline(always)]
    fn cell(&mut self, value: u64) -> &mut Cell {
        let mask = self.cells.len() - 1;
        let mut at = mix(value) as usize & mask;
        while self.cells[at].bucket != NONE && self.cells[at].value != value {
            at = (at + 1) & mask;
        }
        &mut self.cells[at]
    }

    /// The values since the bucket `oldest`, in a table with room for so many.
    #[cold]
    fn moved(&self, room: usize, oldest: i32) -> Self {
        let mut moved = Self::with_room_for(room);
        for (value, bucket) in self.live(oldest) {
            *moved.cell(value) = Cell { value, bucket };
            moved.used += 1;
        }
        moved
    }

    fn live(&self, oldest: i32) -> impl Iterator<Item = (u64, i32)> {
        let oldest = oldest.max(NONE + 1);
        let live = self.cells.iter().filter(move |cell| cell.bucket >= oldest);
        live.map(|cell| (cell.value, cell.bucket))
    }

    #[inline(always)]
    fn prefetch(&self, value: u64) {
        prefetch(&self.cells[mix(value) as usize & (self.cells.len() - 1)]);
    }
}
