//! Where the octets are that tell the structure of JSON, 64 octets at a time: a bit for each, the lowest for the first.
//!
//! The comparisons are written so that the compiler makes vector instructions of them on any processor.

/// Octets of a block.
pub const LENGTH: usize = 64;

/// What a block has where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// `"`
    pub quotes: u64,
    /// Brackets and braces, and a few octets that JSON has in strings alone: `Y`, `_`, `y`, DEL.
    pub brackets: u64,
}

/// These bits tell brackets and braces, which differ in the others, from most octets.
const ALIKE: u8 = 0x26;
const BRACKET: u8 = 0x7f;

impl Block {
    /// Looks at a block.
    #[inline(always)]
    pub fn of(octets: &[u8; LENGTH]) -> Self {
        Self {
            quotes: places(octets, |octet| octet == b'"'),
            brackets: places(octets, |octet| octet | ALIKE == BRACKET),
        }
    }
}

/// Where the octets are of which `is` is true.
#[inline(always)]
pub fn places(octets: &[u8; LENGTH], is: impl Fn(u8) -> bool) -> u64 {
    let found = octets.map(|octet| u8::from(is(octet)));
    let (words, _) = found.as_chunks::<8>();
    let mut places = 0;
    for (at, word) in words.iter().enumerate() {
        // Gathers the lowest bits of the octets in the highest octet.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        places |= bits << (at * 8);
    }
    places
}

/// Whether there is an octet of which `is` is true.
#[inline(always)]
pub fn has(octets: &[u8; LENGTH], is: impl Fn(u8) -> bool) -> bool {
    octets.iter().fold(0, |found, octet| found | u8::from(is(*octet))) != 0
}

/// For each bit whether an odd number of bits is set up to it, itself included: what is quoted, of quotes.
#[inline(always)]
pub fn parity(bits: u64) -> u64 {
    let mut parity = bits;
    for shift in [1, 2, 4, 8, 16, 32] {
        parity ^= parity << shift;
    }
    parity
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_octet_is_seen_where_it_is(all in any::<[u8; 32]>(), close in "[\"\\\\\n{}\\[\\]a\u{7f}]{32}") {
            let octets: [u8; LENGTH] =
                [&all[..], close.as_bytes()].concat().try_into().expect("64 octets");
            let naive = |wanted: &[u8]| {
                let one = |(at, octet)| u64::from(wanted.contains(octet)) << at;
                octets.iter().enumerate().map(one).sum::<u64>()
            };
            let expected = Block { quotes: naive(b"\""), brackets: naive(b"{}[]Y_y\x7f") };
            prop_assert_eq!(Block::of(&octets), expected);
            prop_assert_eq!(has(&octets, |octet| octet == b'\\'), naive(b"\\") != 0);
        }

        #[test]
        fn what_stands_between_quotes_is_quoted(bits in any::<u64>()) {
            for at in 0..64 {
                let up_to = bits & (u64::MAX >> (63 - at));
                prop_assert_eq!(parity(bits) >> at & 1, u64::from(up_to.count_ones() % 2));
            }
        }
    }
}
