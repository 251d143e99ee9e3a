//! Values that a page names by number, the numbers in runs of few bits: read straight into the type of a column, from any row on.

use bytes::Bytes;
use sensor_wire::cloud::columnar::runs::{self, Numbers, bits};

/// The numbers of a page.
#[derive(Debug, Default)]
pub(super) struct Packed {
    octets: Bytes,
    /// Bits of a number, 32 at most.
    width: usize,
    runs: Vec<Run>,
    /// The run that was read last.
    cursor: usize,
}

/// Numbers that stand side by side.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The first of them, and the one behind the last.
    first: usize,
    end: usize,
    numbers: Numbers,
}

/// Numbers that are unpacked at once: a whole number of words, whatever the width.
const BLOCK: usize = 32;

impl Packed {
    /// Finds the runs of `count` numbers of `width` bits; nothing where there are fewer.
    pub(super) fn open(&mut self, octets: Bytes, width: usize, count: usize) -> Option<()> {
        self.runs.clear();
        self.cursor = 0;
        self.octets = octets;
        self.width = width;
        if width > 32 {
            return None;
        }
        let (mut at, mut first) = (0, 0);
        while first < count {
            let run = runs::Run::first(self.octets.get(at..)?, width)?;
            let end = count.min(first.saturating_add(run.count));
            let numbers = match run.numbers {
                Numbers::Packed(behind) => Numbers::Packed(at + behind),
                repeated => repeated,
            };
            self.runs.push(Run { first, end, numbers });
            (at, first) = (at + run.octets, end);
        }
        Some(())
    }

    /// The run of a number that there is.
    #[inline]
    fn run(&mut self, number: usize) -> Option<Run> {
        if self.runs.get(self.cursor)?.first > number {
            self.cursor = 0;
        }
        while self.runs.get(self.cursor)?.end <= number {
            self.cursor += 1;
        }
        Some(self.runs[self.cursor])
    }

    /// Appends the values of `count` numbers from `from` on; nothing where the dictionary lacks one.
    pub(super) fn append<T: Copy + Default>(
        &mut self,
        from: usize,
        count: usize,
        dictionary: &[T],
        out: &mut Vec<T>,
    ) -> Option<()> {
        let (mut at, end) = (from, from + count);
        while at < end {
            let Run { first, end: behind, numbers } = self.run(at)?;
            let stop = end.min(behind);
            match numbers {
                Numbers::Repeated(number) => {
                    out.resize(out.len() + stop - at, *dictionary.get(number as usize)?);
                }
                Numbers::Packed(begin) => {
                    let octets = &self.octets[begin..];
                    unpack(octets, self.width, at - first, stop - at, dictionary, out)?;
                }
            }
            at = stop;
        }
        Some(())
    }

    /// The value of one number.
    #[inline]
    pub(super) fn get<T: Copy>(&mut self, number: usize, dictionary: &[T]) -> Option<T> {
        let Run { first, numbers, .. } = self.run(number)?;
        let place = match numbers {
            Numbers::Repeated(place) => place,
            Numbers::Packed(begin) => bits(&self.octets[begin..], self.width, number - first),
        };
        dictionary.get(place as usize).copied()
    }
}

/// Appends the values of packed numbers.
fn unpack<T: Copy + Default>(
    octets: &[u8],
    width: usize,
    from: usize,
    count: usize,
    dictionary: &[T],
    out: &mut Vec<T>,
) -> Option<()> {
    let end = from + count;
    let begin = from.next_multiple_of(BLOCK).min(end);
    for number in from..begin {
        out.push(*dictionary.get(bits(octets, width, number) as usize)?);
    }
    let first = begin / BLOCK * width * 4;
    let there = octets.len().saturating_sub(first) / (width * 4);
    let blocks = ((end - begin) / BLOCK).min(there);
    if blocks > 0 {
        let octets = &octets[first..first + blocks * width * 4];
        whole_blocks(octets, width, dictionary, out)?;
    }
    for number in begin + blocks * BLOCK..end {
        out.push(*dictionary.get(bits(octets, width, number) as usize)?);
    }
    Some(())
}

macro_rules! widths {
    ($width:expr, $($own:literal)*) => {
        match $width {
            $($own => blocks::<T, $own>,)*
            _ => return None,
        }
    };
}

/// A width is known at a time: so is where each number of a block lies.
fn whole_blocks<T: Copy + Default>(
    octets: &[u8],
    width: usize,
    dictionary: &[T],
    out: &mut Vec<T>,
) -> Option<()> {
    let blocks = widths!(width, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    blocks(octets, dictionary, out)
}

fn blocks<T: Copy + Default, const WIDTH: usize>(
    octets: &[u8],
    dictionary: &[T],
    out: &mut Vec<T>,
) -> Option<()> {
    let count = octets.len() / (WIDTH * 4);
    let first = out.len();
    out.resize(first + count * BLOCK, T::default());
    let (rows, _) = out[first..].as_chunks_mut::<BLOCK>();
    let mask = u32::MAX >> (32 - WIDTH);
    let mut most = 0;
    for (block, rows) in octets.chunks_exact(WIDTH * 4).zip(rows) {
        let mut words = [0_u32; 33];
        for (word, octets) in words.iter_mut().zip(block.as_chunks().0) {
            *word = u32::from_le_bytes(*octets);
        }
        let mut numbers = [0_u32; BLOCK];
        for (number, place) in numbers.iter_mut().enumerate() {
            let bit = number * WIDTH;
            let two = u64::from(words[bit / 32]) | u64::from(words[bit / 32 + 1]) << 32;
            *place = (two >> (bit % 32)) as u32 & mask;
        }
        for (row, number) in rows.iter_mut().zip(numbers) {
            most = most.max(number);
            *row = dictionary.get(number as usize).copied().unwrap_or_default();
        }
    }
    ((most as usize) < dictionary.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode;

    proptest! {
        /// Every part of a page has its values, in blocks and one by one.
        #[test]
        fn any_part_is_read(
            lengths in proptest::collection::vec((any::<u32>(), 1..90_usize), 1..20),
            width in 1..33_usize,
            parts in proptest::collection::vec(any::<prop::sample::Index>(), 1..6),
        ) {
            let most = (u32::MAX >> (32 - width)).min(5000);
            let numbers: Vec<u32> = lengths
                .iter()
                .enumerate()
                .flat_map(|(at, (number, count))| {
                    let one = |step: usize| number.wrapping_add((step * (at % 2)) as u32) % (most + 1);
                    (0..*count).map(one).collect::<Vec<_>>()
                })
                .collect();
            let dictionary: Vec<u64> = (0..=most).map(|number| u64::from(number) * 3).collect();
            let mut octets = Vec::new();
            encode::runs::write(&numbers, width as u32, &mut octets);
            let mut packed = Packed::default();
            prop_assert_eq!(packed.open(octets.into(), width, numbers.len()), Some(()));
            for part in parts {
                let from = part.index(numbers.len());
                let count = part.index(numbers.len() - from) + 1;
                let mut found = Vec::new();
                prop_assert_eq!(packed.append(from, count, &dictionary, &mut found), Some(()));
                let expected: Vec<u64> = numbers[from..from + count].iter().map(|own| u64::from(*own) * 3).collect();
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(packed.get(from, &dictionary), Some(expected[0]));
                // A dictionary that lacks the greatest of them.
                let greatest = numbers[from..from + count].iter().max().copied().unwrap_or(0);
                let short = &dictionary[..greatest as usize];
                prop_assert_eq!(packed.append(from, count, short, &mut Vec::new()), None);
            }
        }

        #[test]
        fn any_octets_are_runs_or_not(octets in proptest::collection::vec(any::<u8>(), 0..60), width in 0..40_usize, count in 0..300_usize) {
            let mut packed = Packed::default();
            let mut found = Vec::new();
            if packed.open(octets.into(), width, count).is_some() {
                let read = packed.append(0, count, &[7_u8; 16], &mut found);
                prop_assert!(read.is_none() || found.len() == count);
            }
        }
    }
}
