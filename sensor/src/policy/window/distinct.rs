//! How many distinct values a window has seen: exactly up to [`EXACT`], then by a sketch.
//!
//! Values are words of 64 bits. IPv6 addresses are told apart by a hash of that length; everything else fits.

use hashbrown::{HashTable, hash_table::Entry};

use super::{mix, sketch::Sketch};

/// Values that are counted one by one.
pub const EXACT: usize = 256;

/// Distinct values by the bucket in which each was seen last.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    values: HashTable<(u64, i32)>,
    /// Everything older is gone.
    swept: i32,
    sketch: Option<Box<Sketch>>,
}

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
            self.swept = oldest;
            self.values.retain(|(_, seen)| *seen >= oldest);
        }
        match self.values.entry(hash, |(own, _)| *own == value, |(own, _)| mix(*own)) {
            Entry::Occupied(mut found) => {
                let seen = &mut found.get_mut().1;
                *seen = bucket.max(*seen);
            }
            Entry::Vacant(free) => {
                free.insert((value, bucket));
                if self.values.len() > EXACT {
                    self.begin_sketch(oldest);
                }
            }
        }
    }

    fn begin_sketch(&mut self, oldest: i32) {
        let mut sketch = Box::new(Sketch::new(oldest));
        for (value, bucket) in self.values.drain() {
            sketch.add(mix(value), bucket, oldest);
        }
        self.values = HashTable::new();
        self.sketch = Some(sketch);
    }

    /// Distinct values in a window that begins with the bucket `oldest`.
    #[inline]
    pub fn count(&self, oldest: i32) -> f64 {
        match &self.sketch {
            Some(sketch) => sketch.estimate(oldest),
            None if oldest <= self.swept => self.values.len() as f64,
            None => self.values.iter().filter(|(_, seen)| *seen >= oldest).count() as f64,
        }
    }

    /// The values, ascending; none once there were more than are counted one by one.
    pub fn values(&self) -> Vec<u64> {
        let mut values: Vec<u64> = self.values.iter().map(|(value, _)| *value).collect();
        values.sort_unstable();
        values
    }
}
