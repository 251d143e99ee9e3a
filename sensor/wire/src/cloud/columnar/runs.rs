//! Numbers of few bits in runs, repeated or bit-packed: levels, and indexes into dictionaries.

use bytes::Bytes;

use super::delta::varint;

/// Runs under way.
#[derive(Debug)]
pub struct Runs {
    octets: Bytes,
    /// Bits of a number.
    width: usize,
    run: Run,
}

#[derive(Debug)]
enum Run {
    /// So many of one number.
    Repeated(u32, usize),
    /// So many, which begin with this bit of the octets.
    Packed(usize, usize),
}

impl Runs {
    /// Of numbers of `width` bits, 32 at most.
    pub fn new(octets: Bytes, width: usize) -> Self {
        Self { octets, width: width.min(32), run: Run::Repeated(0, 0) }
    }

    /// Appends the next `count` numbers; nothing where there are fewer.
    #[inline]
    pub fn read(&mut self, mut count: usize, into: &mut Vec<u32>) -> Option<()> {
        while count > 0 {
            match &mut self.run {
                Run::Repeated(_, 0) | Run::Packed(_, 0) => self.next()?,
                Run::Repeated(number, left) => {
                    let taken = count.min(*left);
                    into.resize(into.len() + taken, *number);
                    (count, *left) = (count - taken, *left - taken);
                }
                Run::Packed(at, left) => {
                    let taken = count.min(*left);
                    let (octets, width) = (&self.octets[..], self.width);
                    into.extend((0..taken).map(|number| bits(octets, *at + number * width, width)));
                    *at += taken * width;
                    (count, *left) = (count - taken, *left - taken);
                }
            }
        }
        Some(())
    }

    /// Begins the next run.
    fn next(&mut self) -> Option<()> {
        // What a run of bits took is behind it.
        if let Run::Packed(at, _) = self.run {
            let taken = at.div_ceil(8).min(self.octets.len());
            self.octets = self.octets.slice(taken..);
        }
        let mut rest = &self.octets[..];
        let header = varint(&mut rest)?;
        let length = usize::try_from(header >> 1).ok().filter(|length| *length > 0)?;
        let begin = self.octets.len() - rest.len();
        self.run = if header & 1 == 0 {
            let (number, _) = rest.split_at_checked(self.width.div_ceil(8))?;
            let mut word = [0; 4];
            word[..number.len()].copy_from_slice(number);
            self.octets = self.octets.slice(begin + number.len()..);
            Run::Repeated(u32::from_le_bytes(word), length)
        } else {
            // Groups of eight; some writers leave out what nobody reads of the last one.
            let most = (rest.len() * 8).checked_div(self.width).unwrap_or(usize::MAX);
            let there = length.saturating_mul(8).min(most);
            self.octets = self.octets.slice(begin..);
            if there == 0 {
                return None;
            }
            Run::Packed(0, there)
        };
        Some(())
    }
}

/// `width` bits, 32 at most, from the bit `at` on.
#[inline(always)]
fn bits(octets: &[u8], at: usize, width: usize) -> u32 {
    let behind = &octets[(at / 8).min(octets.len())..];
    let word = match behind.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let mut word = [0; 8];
            word[..behind.len()].copy_from_slice(behind);
            u64::from_le_bytes(word)
        }
    };
    ((word >> (at % 8)) & ((1 << width) - 1)) as u32
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
