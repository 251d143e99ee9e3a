//! A test of a column of numbers against ranges, in the form that suits their count.
//!
//! Few ranges are compared with whole blocks of rows, in loops that the compiler turns into vector instructions. Many
//! small numbers become a bitmap, many large ones split arrays of lower and upper ends with an index of the first bits.
#![expect(
    unsafe_code,
    reason = "vector loads from byte arrays, and the instruction that packs them"
)]

use super::{
    integer::{Number, RowTest},
    mask::{CHUNK_ROWS, Mask},
    search::Search,
};

/// Rows per word of a mask.
const WORD: usize = 64;

/// Rows that are compared at a time: as many bytes as one vector register of every x86-64 holds. With more the compiler
/// loads what it has just stored in other pieces, which the processor is slow at.
const BLOCK: usize = 16;

/// Ranges up to which comparing a block with each is faster than looking rows up.
const COMPARED_RANGES: usize = 12;

/// Whether a number lies in one of some ranges.
#[derive(Debug)]
pub(super) enum NumberTest<T> {
    /// In none.
    Never,
    /// Is this one.
    Equal(T),
    /// In the range from the first number, so many wide.
    Range(T, T),
    /// In one of a few ranges: low end and width.
    Ranges(Box<[(T, T)]>),
    /// One bit for each number.
    Bitmap(Box<[u64]>),
    /// In one of many ranges.
    Search(Box<Search<T>>),
}

impl<T: Number> NumberTest<T> {
    /// A test for inclusive ranges, sorted and apart from each other.
    pub(super) fn new(ranges: &[(T, T)]) -> Self {
        match ranges {
            [] => Self::Never,
            &[(low, high)] if low == high => Self::Equal(low),
            &[(low, high)] => Self::Range(low, high.minus(low)),
            _ if ranges.len() <= COMPARED_RANGES => {
                Self::Ranges(ranges.iter().map(|&(low, high)| (low, high.minus(low))).collect())
            }
            _ if T::BITS <= 16 => Self::Bitmap(bitmap(ranges)),
            _ => Self::Search(Box::new(Search::new(ranges))),
        }
    }

    /// Whether `number` passes.
    #[inline(always)]
    pub(super) fn holds(&self, number: T) -> bool {
        match self {
            Self::Never => false,
            Self::Equal(own) => number == *own,
            Self::Range(low, span) => number.within(*low, *span),
            Self::Ranges(ranges) => ranges.iter().any(|&(low, span)| number.within(low, span)),
            Self::Bitmap(bits) => in_bitmap(bits, number),
            Self::Search(search) => search.contains(number),
        }
    }

    /// The rows of a column that pass.
    #[inline(always)]
    pub(super) fn rows(&self, column: &[T], out: &mut Mask) {
        match self {
            Self::Never => *out = Mask::NONE,
            Self::Equal(own) => rows(column, out, &Equal(*own)),
            Self::Range(low, span) => rows(column, out, &Within(*low, *span)),
            // Counts that the compiler knows: it unrolls the loop over the ranges, and no branch is mispredicted.
            Self::Ranges(ranges) => match ranges.len() {
                ..=2 => blocks(column, out, &OneOf::<T, 2>::new(ranges)),
                3 => blocks(column, out, &OneOf::<T, 3>::new(ranges)),
                4 => blocks(column, out, &OneOf::<T, 4>::new(ranges)),
                5 | 6 => blocks(column, out, &OneOf::<T, 6>::new(ranges)),
                7 | 8 => blocks(column, out, &OneOf::<T, 8>::new(ranges)),
                _ => blocks(column, out, &OneOf::<T, COMPARED_RANGES>::new(ranges)),
            },
            Self::Bitmap(bits) => rows(column, out, &InBitmap(bits)),
            Self::Search(search) => rows(column, out, &**search),
        }
    }

    /// The rows within `within` that pass, one by one: the form of the test is looked at once for all of them.
    #[inline(always)]
    pub(super) fn rows_within(&self, column: &[T], within: &Mask) -> Mask {
        match self {
            Self::Never => Mask::NONE,
            Self::Equal(own) => within.filter(|row| column[row] == *own),
            Self::Range(low, span) => within.filter(|row| column[row].within(*low, *span)),
            Self::Ranges(ranges) => within.filter(|row| {
                let number = column[row];
                ranges.iter().fold(false, |any, &(low, span)| any | number.within(low, span))
            }),
            Self::Bitmap(bits) => within.filter(|row| in_bitmap(bits, column[row])),
            Self::Search(search) => within.filter(|row| search.contains(column[row])),
        }
    }

    /// Roughly how long testing one row takes, in a block and alone.
    pub(super) fn cost(&self) -> Cost {
        let compared = match T::BITS {
            ..=16 => 0.035,
            32 => 0.06,
            64 => 0.17,
            _ => 1.0,
        };
        match self {
            Self::Never => Cost { in_block: 0.0, alone: 1.0 },
            Self::Equal(_) | Self::Range(..) => Cost { in_block: compared, alone: 2.5 },
            Self::Ranges(ranges) => {
                let count = ranges.len() as f64;
                Cost { in_block: compared * count, alone: 2.5 + 0.5 * count }
            }
            Self::Bitmap(_) => Cost { in_block: 0.8, alone: 3.0 },
            Self::Search(_) => Cost { in_block: 3.0, alone: 5.0 },
        }
    }
}

/// What a test costs, in nanoseconds per row on a processor of 2023.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Within a block of rows.
    pub(super) in_block: f64,
    /// For a row by itself.
    pub(super) alone: f64,
}

impl Cost {
    /// Rows below which testing them one by one is quicker than testing the whole chunk once for all of so many uses.
    pub(super) fn sparse_below(self, uses: u32) -> u32 {
        (self.in_block * CHUNK_ROWS as f64 / (self.alone * f64::from(uses.max(1)))) as u32
    }
}

fn bitmap<T: Number>(ranges: &[(T, T)]) -> Box<[u64]> {
    let mut bits = vec![0; (1 << T::BITS) / 64].into_boxed_slice();
    for &(low, high) in ranges {
        for number in low.index()..=high.index() {
            bits[number / 64] |= 1 << (number % 64);
        }
    }
    bits
}

#[inline(always)]
fn in_bitmap<T: Number>(bits: &[u64], number: T) -> bool {
    let number = number.index();
    bits.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 != 0)
}

/// A test of a block of numbers, which turns the bytes of those that pass to all ones.
trait BlockTest<T> {
    fn test(&self, block: &[T; BLOCK], bytes: &mut [u8; BLOCK]);
}

struct Equal<T>(T);

impl<T: Number> RowTest<T> for Equal<T> {
    #[inline(always)]
    fn passes(&self, number: T) -> bool {
        number == self.0
    }
}

struct Within<T>(T, T);

impl<T: Number> RowTest<T> for Within<T> {
    #[inline(always)]
    fn passes(&self, number: T) -> bool {
        number.within(self.0, self.1)
    }
}

struct InBitmap<'a>(&'a [u64]);

impl<T: Number> RowTest<T> for InBitmap<'_> {
    #[inline(always)]
    fn passes(&self, number: T) -> bool {
        in_bitmap(self.0, number)
    }
}

struct EachRow<'a, R>(&'a R);

impl<T: Number, R: RowTest<T>> BlockTest<T> for EachRow<'_, R> {
    #[inline(always)]
    fn test(&self, block: &[T; BLOCK], bytes: &mut [u8; BLOCK]) {
        for (byte, number) in bytes.iter_mut().zip(block) {
            *byte = all_ones(self.0.passes(*number));
        }
    }
}

/// Some ranges, the first one repeated where there are fewer.
struct OneOf<T, const RANGES: usize>([(T, T); RANGES]);

impl<T: Number, const RANGES: usize> OneOf<T, RANGES> {
    #[inline(always)]
    fn new(ranges: &[(T, T)]) -> Self {
        let mut own = [ranges[0]; RANGES];
        own[..ranges.len()].copy_from_slice(ranges);
        Self(own)
    }
}

impl<T: Number, const RANGES: usize> BlockTest<T> for OneOf<T, RANGES> {
    #[inline(always)]
    fn test(&self, block: &[T; BLOCK], bytes: &mut [u8; BLOCK]) {
        for (byte, number) in bytes.iter_mut().zip(block) {
            let mut passes = false;
            for &(low, span) in &self.0 {
                passes |= number.within(low, span);
            }
            *byte = all_ones(passes);
        }
    }
}

/// The rows whose number passes `test`.
#[inline(always)]
pub(super) fn rows<T: Number>(column: &[T], out: &mut Mask, test: &impl RowTest<T>) {
    blocks(column, out, &EachRow(test));
}

/// The rows that pass, block by block, the last ones filled up.
#[inline(always)]
fn blocks<T: Number>(column: &[T], out: &mut Mask, test: &impl BlockTest<T>) {
    let (words, rest) = column.as_chunks::<WORD>();
    let mut filled_up = [T::default(); WORD];
    filled_up[..rest.len()].copy_from_slice(rest);
    for (at, word) in out.0.iter_mut().enumerate() {
        let rows = match words.get(at) {
            Some(rows) => rows,
            None if at == words.len() && !rest.is_empty() => &filled_up,
            None => {
                *word = 0;
                continue;
            }
        };
        let mut bits = 0;
        for (at, block) in rows.as_chunks::<BLOCK>().0.iter().enumerate() {
            let mut bytes = [0; BLOCK];
            test.test(block, &mut bytes);
            bits |= pack(&bytes) << (at * BLOCK);
        }
        *word = bits;
    }
    if let Some(word) = out.0.get_mut(words.len()) {
        *word &= (1 << rest.len()) - 1;
    }
}

#[inline(always)]
fn all_ones(passes: bool) -> u8 {
    0_u8.wrapping_sub(passes.into())
}

/// The highest bit of each byte.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn pack(bytes: &[u8; BLOCK]) -> u64 {
    use std::arch::x86_64::{_mm_loadu_si128, _mm_movemask_epi8};
    // SAFETY: an unaligned load of 16 bytes from an array of 16. SSE2 is part of every x86-64.
    let bits = unsafe { _mm_movemask_epi8(_mm_loadu_si128(bytes.as_ptr().cast())) };
    u64::from(bits as u16)
}

/// The highest bit of each byte.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn pack(bytes: &[u8; BLOCK]) -> u64 {
    let mut bits = 0;
    for (at, half) in bytes.as_chunks::<8>().0.iter().enumerate() {
        // The product collects one bit of each byte in the highest byte.
        let ones = u64::from_le_bytes(*half) & 0x0101_0101_0101_0101;
        bits |= (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (at * 8);
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<T: Number + std::fmt::Debug>(mut ends: Vec<T>, column: &[T]) {
        ends.sort_unstable();
        ends.dedup();
        let ranges: Vec<_> = ends.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let test = NumberTest::new(&ranges);
        let mut out = Mask::first(1024);
        test.rows(column, &mut out);
        for (row, &number) in column.iter().enumerate() {
            let expected = ranges.iter().any(|&(low, high)| low <= number && number <= high);
            assert_eq!(test.holds(number), expected, "{number:?} {test:?}");
            assert_eq!(out.contains(row), expected, "row {row}");
        }
        assert!(out.rows().all(|row| row < column.len()));
    }

    proptest! {
        #[test]
        fn all_widths_and_counts(
            small in prop::collection::vec(any::<u8>(), 0..60),
            ports in prop::collection::vec(any::<u16>(), 0..60),
            near in prop::collection::vec(0x0a00_0000_u32..0x0a00_0400, 0..300),
            far in prop::collection::vec(any::<u32>(), 0..100),
            long in prop::collection::vec(any::<u64>(), 0..60),
            longest in prop::collection::vec(any::<u128>(), 0..60),
            rows in prop::collection::vec(any::<u128>(), 0..200),
        ) {
            check(small, &rows.iter().map(|&row| row as u8).collect::<Vec<_>>());
            let edges: Vec<_> = ports.iter().flat_map(|&port| [port, port.wrapping_add(1)]).collect();
            check(ports, &edges);
            check(near, &(0x09ff_fff0..0x0a00_03e0).step_by(1).collect::<Vec<u32>>());
            let edges: Vec<_> = far.iter().flat_map(|&end| [end, end.wrapping_sub(1), end.wrapping_add(1)]).collect();
            check(far, &edges);
            check(long.clone(), &long);
            let edges: Vec<_> = longest.iter().map(|&end| end.wrapping_add(1)).collect();
            check(longest, &edges);
        }
    }
}
