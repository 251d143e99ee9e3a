//! Finds slots by hashes: open addressing with linear probing, one cell a key, so that most look-ups wait for memory once. The
//! flow cache finds its flows by it, and each policy its keys.
//!
//! A cell holds 32 bits of the hash, from which its place follows, and the slot. Removal moves later cells back, so that no
//! marks of the dead are left behind.

use super::{pages, prefetch::prefetch};

/// Slots by hash.
#[derive(Debug, Default)]
pub struct Index {
    /// Hash above, one more than the slot below; 0 for none. A power of two of them, or none.
    cells: Vec<u64>,
    used: usize,
}

impl Index {
    /// Octets that `count` slots take.
    pub fn octets(count: usize) -> usize {
        let cells = count.saturating_mul(4).div_ceil(3).checked_next_power_of_two();
        cells.map_or(usize::MAX, |cells| cells.max(8).saturating_mul(size_of::<u64>()))
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Asks for the memory that looking for a hash needs.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        if let Some(cell) = self.cells.get(hash as usize & self.cells.len().wrapping_sub(1)) {
            prefetch(cell);
        }
    }

    /// The slot with this hash for which `is` holds.
    #[inline(always)]
    pub fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.cells.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let cell = self.cells[at];
            if cell == 0 {
                return None;
            }
            if (cell >> 32) as u32 == hash && is(cell as u32 - 1) {
                return Some(cell as u32 - 1);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a slot that is not there.
    pub fn insert(&mut self, hash: u32, slot: u32) {
        if (self.used + 1) * 4 > self.cells.len() * 3 {
            let room = (self.cells.len() * 2).max(8);
            let cells = vec![0; room];
            pages::prefer_large(&cells);
            let old = std::mem::replace(&mut self.cells, cells);
            old.into_iter().filter(|cell| *cell != 0).for_each(|cell| self.put(cell));
        }
        self.put(u64::from(hash) << 32 | (u64::from(slot) + 1));
        self.used += 1;
    }

    fn put(&mut self, cell: u64) {
        let mask = self.cells.len() - 1;
        let mut at = (cell >> 32) as usize & mask;
        while self.cells[at] != 0 {
            at = (at + 1) & mask;
        }
        self.cells[at] = cell;
    }

    /// Takes out a slot that is there.
    pub fn remove(&mut self, hash: u32, slot: u32) {
        let Some(mask) = self.cells.len().checked_sub(1) else { return };
        let wanted = u64::from(hash) << 32 | (u64::from(slot) + 1);
        let mut gap = hash as usize & mask;
        while self.cells[gap] != wanted {
            if self.cells[gap] == 0 {
                return;
            }
            gap = (gap + 1) & mask;
        }
        self.used -= 1;
        let mut at = gap;
        loop {
            self.cells[gap] = 0;
            loop {
                at = (at + 1) & mask;
                let cell = self.cells[at];
                if cell == 0 {
                    return;
                }
                // A cell may move back unless that would put it before the place its hash leads to.
                let home = (cell >> 32) as usize & mask;
                if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                    self.cells[gap] = cell;
                    gap = at;
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_octets_are_told_beforehand() {
        assert_eq!(Index::octets(0), 64);
        for count in [1_u32, 6, 7, 12, 13, 100, 3072, 3073] {
            let mut index = Index::default();
            (0..count).for_each(|slot| index.insert(slot.wrapping_mul(0x9e37_79b9), slot));
            assert_eq!(Index::octets(count as usize), index.cells.len() * 8, "{count}");
        }
        assert_eq!(Index::octets(usize::MAX), usize::MAX);
    }

    proptest! {
        #[test]
        fn as_a_map(steps in proptest::collection::vec((any::<bool>(), 0..40_u32), 0..300)) {
            let hash = |slot: u32| (slot % 7).wrapping_mul(0x4000_0001);
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            for (insert, slot) in steps {
                if !insert {
                    index.remove(hash(slot), slot);
                    map.remove(&slot);
                } else if map.insert(slot, ()).is_none() {
                    index.insert(hash(slot), slot);
                }
                prop_assert_eq!(index.len(), map.len());
                for slot in 0..40 {
                    let found = index.find(hash(slot), |found| found == slot);
                    prop_assert_eq!(found.is_some(), map.contains_key(&slot));
                }
            }
        }
    }
}
