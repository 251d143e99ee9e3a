//! Which rows of a chunk: one bit a row.

/// Rows that are evaluated at a time. Small enough that the masks of many tests stay in the cache, large enough that
/// what is done once per test and chunk does not count.
pub const CHUNK_ROWS: usize = 1024;

const WORDS: usize = CHUNK_ROWS / 64;

/// A set of rows of a chunk, numbered from its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(32))]
pub struct Mask(pub(super) [u64; WORDS]);

impl Mask {
    /// No row.
    pub const NONE: Self = Self([0; WORDS]);

    /// The rows below `rows`.
    pub fn first(rows: usize) -> Self {
        let mut mask = Self::NONE;
        for (at, word) in mask.0.iter_mut().enumerate() {
            *word = match rows.saturating_sub(at * 64) {
                0 => 0,
                rest @ 1..=63 => (1 << rest) - 1,
                _ => u64::MAX,
            };
        }
        mask
    }

    /// Adds a row.
    #[inline(always)]
    pub fn insert(&mut self, row: usize) {
        self.0[row / 64] |= 1 << (row % 64);
    }

    /// True without rows.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.iter().fold(0, |all, word| all | word) == 0
    }

    /// Number of rows.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// True when `row` is in the set.
    pub fn contains(&self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 != 0
    }

    /// The rows, in ascending order.
    #[inline(always)]
    pub fn rows(&self) -> Rows<'_> {
        let [first, others @ ..] = &self.0;
        Rows { rest: *first, others, row: 0 }
    }

    /// Those of the rows that pass. A loop of its own rather than [`Self::rows`]: what passes is collected in a register.
    #[inline(always)]
    pub(super) fn filter(&self, mut passes: impl FnMut(usize) -> bool) -> Self {
        let mut passing = Self::NONE;
        for (at, (word, passing)) in self.0.iter().zip(&mut passing.0).enumerate() {
            let (mut rest, mut found) = (*word, 0);
            while rest != 0 {
                let bit = rest.trailing_zeros() as usize;
                found |= u64::from(passes(at * 64 + bit)) << bit;
                rest &= rest - 1;
            }
            *passing = found;
        }
        passing
    }

    /// Takes out the rows that another does not have.
    #[inline(always)]
    pub fn retain(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    #[inline(always)]
    pub(super) fn remove(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= !other;
        }
    }

    /// Adds the rows of another, or none; without a branch, which would be a guess.
    #[inline(always)]
    pub(super) fn unite_if(&mut self, all: bool, other: &Self) {
        let kept = 0_u64.wrapping_sub(all.into());
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other & kept;
        }
    }

    /// Adds the rows of another.
    #[inline(always)]
    pub fn unite(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }
}

/// Rows of a set, in ascending order.
#[derive(Clone, Debug)]
pub struct Rows<'m> {
    /// Those of the word at hand that are left.
    rest: u64,
    /// The words behind it.
    others: &'m [u64],
    /// The row of the lowest bit of the word at hand.
    row: usize,
}

impl Iterator for Rows<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.rest == 0 {
            (self.rest, self.others) =
                self.others.split_first().map(|(word, rest)| (*word, rest))?;
            self.row += 64;
        }
        let bit = self.rest.trailing_zeros() as usize;
        self.rest &= self.rest - 1;
        Some(self.row + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows() {
        for rows in [0, 1, 63, 64, 65, 1000, CHUNK_ROWS] {
            let mask = Mask::first(rows);
            assert_eq!(mask.count(), rows);
            assert_eq!(mask.is_empty(), rows == 0);
            assert!(mask.rows().eq(0..rows));
        }
        assert!(Mask::first(64).contains(63) && !Mask::first(64).contains(64));
    }
}
