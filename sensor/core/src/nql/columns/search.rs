//! Many ranges of numbers, such as lists of prefixes: where a look-up is a step into an index, and one or two more.

use super::integer::{Number, RowTest};

/// Ranges in split arrays, with an index of where those begin that numbers with the same first bits can lie in.
#[derive(Debug)]
pub(super) struct Search<T> {
    lows: Box<[T]>,
    highs: Box<[T]>,
    /// For the value of the indexed bits: how many ranges end below it.
    first: Box<[u32]>,
    /// Bits that all ranges begin with, and how many after them are indexed.
    skip: u32,
    bits: u32,
}

impl<T: Number> Search<T> {
    /// An index of ranges, at least two, sorted and apart from each other.
    pub(super) fn new(ranges: &[(T, T)]) -> Self {
        let lows: Box<[T]> = ranges.iter().map(|&(low, _)| low).collect();
        let highs: Box<[T]> = ranges.iter().map(|&(_, high)| high).collect();
        let skip = lows[0].common_bits(highs[highs.len() - 1]);
        let bits = (ranges.len().ilog2() + 4).min(16).min(T::BITS - skip);
        let bucket = |number: T| number.bits(skip, bits);
        let mut first = vec![0; (1 << bits) + 1].into_boxed_slice();
        let mut at = 0;
        for (value, start) in first.iter_mut().enumerate() {
            while at < highs.len() && bucket(highs[at]) < value {
                at += 1;
            }
            *start = u32::try_from(at).unwrap_or(u32::MAX);
        }
        Self { lows, highs, first, skip, bits }
    }

    /// Whether `number` lies in one of them.
    #[inline(always)]
    pub(super) fn contains(&self, number: T) -> bool {
        // Within the bits that all ranges share the index says nothing; outside of them no range is.
        if number < self.lows[0] || number > self.highs[self.highs.len() - 1] {
            return false;
        }
        let bucket = number.bits(self.skip, self.bits);
        let (start, end) = (self.first[bucket] as usize, self.first[bucket + 1] as usize);
        // The range that may hold the number is the first that does not end below it. Ranges of the bucket end in it,
        // but for the last, which may reach beyond.
        let at = match end - start {
            0 => start,
            1 => start + usize::from(self.highs[start] < number),
            _ => start + self.highs[start..end].partition_point(|&high| high < number),
        };
        self.lows.get(at).is_some_and(|&low| low <= number)
    }
}

impl<T: Number> RowTest<T> for Search<T> {
    #[inline(always)]
    fn passes(&self, number: T) -> bool {
        self.contains(number)
    }
}
