//! What policies count of their keys besides sums: distinct values, starts. It lies by slot beside the states of keys, so
//! that policies which count nothing of the kind have keys that take no room for it.

use super::{distinct::Distinct, starts::Starts};
use crate::flow::{pages, prefetch::prefetch};

/// What is counted of each key.
#[derive(Debug)]
pub struct Counted {
    /// Fields whose distinct values are counted.
    fields: usize,
    beacons: bool,
    /// By slot, and by field for each.
    distinct: Vec<Distinct>,
    starts: Vec<Starts>,
}

/// What has been counted of one key.
#[derive(Clone, Copy, Debug)]
pub struct OfKey<'c> {
    /// By field.
    pub distinct: &'c [Distinct],
    /// Where a policy asks for beacons.
    pub starts: Option<&'c Starts>,
}

impl Counted {
    /// Octets for each key, besides the tables of those with many values.
    pub fn octets_of_key(fields: usize, beacons: bool) -> usize {
        fields * size_of::<Distinct>() + usize::from(beacons) * size_of::<Starts>()
    }

    /// For distinct values of so many fields, and for the regularity of starts.
    pub fn new(fields: usize, beacons: bool) -> Self {
        Self { fields, beacons, distinct: Vec::new(), starts: Vec::new() }
    }

    /// Forgets what was counted of a key, on a grid of which buckets from `oldest` on count from now.
    pub fn begin(&mut self, slot: u32, oldest: i32) {
        let slot = slot as usize;
        if self.fields > 0 {
            let end = (slot + 1) * self.fields;
            if self.distinct.len() < end {
                while self.distinct.capacity() < end {
                    pages::grow(&mut self.distinct);
                }
                self.distinct.resize_with(end, Distinct::default);
            }
            self.distinct[end - self.fields..end].fill_with(|| Distinct::new(oldest));
        }
        if self.beacons {
            if self.starts.len() <= slot {
                self.starts.resize_with(slot + 1, Starts::default);
            }
            self.starts[slot] = Starts::new(oldest);
        }
    }

    /// Forgets what was counted of a key that is watched no more.
    pub fn forget(&mut self, slot: u32) {
        let first = slot as usize * self.fields;
        if let Some(distinct) = self.distinct.get_mut(first..first + self.fields) {
            distinct.fill_with(Distinct::default);
        }
        if let Some(starts) = self.starts.get_mut(slot as usize) {
            *starts = Starts::default();
        }
    }

    /// Whether starts are kept.
    #[inline(always)]
    pub fn beacons(&self) -> bool {
        self.beacons
    }

    /// The sets of values of a key, by field.
    #[inline(always)]
    pub fn distinct(&mut self, slot: u32) -> &mut [Distinct] {
        let first = slot as usize * self.fields;
        &mut self.distinct[first..first + self.fields]
    }

    /// The starts of a key, where a policy asks for beacons.
    #[inline(always)]
    pub fn starts(&mut self, slot: u32) -> Option<&mut Starts> {
        self.starts.get_mut(slot as usize)
    }

    /// What has been counted of a key.
    #[inline(always)]
    pub fn of(&self, slot: u32) -> OfKey<'_> {
        let first = slot as usize * self.fields;
        OfKey {
            // Of an expected key that was never heard of, nothing has been.
            distinct: self.distinct.get(first..first + self.fields).unwrap_or_default(),
            starts: self.starts.get(slot as usize),
        }
    }

    /// Asks for what is counted of a key.
    #[inline(always)]
    pub fn prefetch(&self, slot: u32) {
        for distinct in self.of(slot).distinct {
            prefetch(distinct);
        }
    }
}
