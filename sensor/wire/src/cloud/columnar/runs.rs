//! Numbers of few bits in runs, repeated or bit-packed: levels, and indexes into dictionaries.

use bytes::Bytes;

use super::delta::varint;

/// Numbers that stand side by side, as octets begin with them.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// How many.
    pub count: usize,
    /// Which.
    pub numbers: Numbers,
    /// Octets of the run.
    pub octets: usize,
}

/// The numbers of a run.
#[derive(Clone, Copy, Debug)]
pub enum Numbers {
    /// One, again and again.
    Repeated(u32),
    /// They stand behind so many octets, bit by bit.
    Packed(usize),
}

impl Run {
    /// The run with which octets begin, of numbers of `width` bits, 32 at most; nothing where they begin with none.
    #[inline]
    pub fn first(octets: &[u8], width: usize) -> Option<Self> {
        let mut rest = octets;
        let header = varint(&mut rest)?;
        let begin = octets.len() - rest.len();
        let length = usize::try_from(header >> 1).ok().filter(|length| *length > 0)?;
        let (count, numbers, taken) = if header & 1 == 0 {
            let number = rest.get(..width.div_ceil(8))?;
            let mut word = [0; 4];
            word.get_mut(..number.len())?.copy_from_slice(number);
            (length, Numbers::Repeated(u32::from_le_bytes(word)), number.len())
        } else {
            // Groups of eight; some writers leave out what nobody reads of the last one.
            let most = (rest.len() * 8).checked_div(width).unwrap_or(usize::MAX);
            let there = length.saturating_mul(8).min(most);
            let taken = there.saturating_mul(width).div_ceil(8);
            let numbers = if width == 0 { Numbers::Repeated(0) } else { Numbers::Packed(begin) };
            (there, numbers, taken)
        };
        (count > 0).then_some(Self { count, numbers, octets: begin + taken })
    }
}

/// Runs under way.
#[derive(Debug)]
pub struct Runs {
    octets: Bytes,
    /// Bits of a number.
    width: usize,
    /// The run under way, which the octets begin with, and how many of its numbers were read.
    run: Option<(Run, usize)>,
}

impl Runs {
    /// Of numbers of `width` bits, 32 at most.
    pub fn new(octets: Bytes, width: usize) -> Self {
        Self { octets, width: width.min(32), run: None }
    }

    /// Appends the next `count` numbers; nothing where there are fewer.
    #[inline]
    pub fn read(&mut self, mut count: usize, into: &mut Vec<u32>) -> Option<()> {
        while count > 0 {
            let (run, read) = match &mut self.run {
                Some((run, read)) if *read < run.count => (*run, read),
                _ => {
                    self.next()?;
                    continue;
                }
            };
            let taken = count.min(run.count - *read);
            match run.numbers {
                Numbers::Repeated(number) => into.resize(into.len() + taken, number),
                Numbers::Packed(begin) => {
                    let (octets, width) = (&self.octets[begin..], self.width);
                    into.extend((*read..*read + taken).map(|number| bits(octets, width, number)));
                }
            }
            *read += taken;
            count -= taken;
        }
        Some(())
    }

    /// Begins the next run.
    fn next(&mut self) -> Option<()> {
        if let Some((run, _)) = self.run.take() {
            self.octets = self.octets.slice(run.octets..);
        }
        self.run = Some((Run::first(&self.octets, self.width)?, 0));
        Some(())
    }
}

/// One of some numbers of `width` bits, 32 at most, that stand side by side.
#[inline(always)]
pub fn bits(octets: &[u8], width: usize, number: usize) -> u32 {
    let bit = number * width;
    let behind = &octets[(bit / 8).min(octets.len())..];
    let word = match behind.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let mut word = [0; 8];
            word[..behind.len()].copy_from_slice(behind);
            u64::from_le_bytes(word)
        }
    };
    ((word >> (bit % 8)) & ((1 << width) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_are_read_as_the_format_describes_them() {
        // The format's own example: 0 to 7 of three bits; before it a run of five sevens, behind it one of three ones.
        let octets = [0b1010, 7, 0b11, 0x88, 0xc6, 0xfa, 0b110, 1];
        for step in 1..16 {
            let (mut runs, mut found) = (Runs::new(octets.to_vec().into(), 3), Vec::new());
            for at in (0..16).step_by(step) {
                runs.read(step.min(16 - at), &mut found).expect("as many");
            }
            assert_eq!(found, [7, 7, 7, 7, 7, 0, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1]);
            assert_eq!(runs.read(1, &mut found), None);
        }
        // Numbers of no bits need no octets.
        let mut found = Vec::new();
        assert_eq!(Runs::new(vec![0b10100].into(), 0).read(10, &mut found), Some(()));
        assert_eq!(found, [0; 10]);
    }

    proptest! {
        #[test]
        fn any_octets_are_runs_or_not(octets in proptest::collection::vec(any::<u8>(), 0..40), width in 0..33_usize, count in 0..300_usize) {
            let mut found = Vec::new();
            let read = Runs::new(octets.into(), width).read(count, &mut found);
            prop_assert!(found.len() <= count && (read.is_none() || found.len() == count));
        }
    }
}
