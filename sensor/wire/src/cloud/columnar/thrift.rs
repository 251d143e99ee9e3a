//! Structures in the compact protocol of Thrift, as metadata and headers of pages are: whether they can be read in as many steps as
//! they have octets.
//!
//! To the crate `parquet`, whoever skips a list of booleans skips nothing but their number: seven octets ask for two thousand million steps.

use super::delta::varint;

/// How deep values may lie in others.
const DEEPEST: u32 = 64;
/// Values of collections that may take no octets. No structure of Parquet has such a collection.
const EMPTY: u32 = 256;

/// What octets begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A structure.
    Whole,
    /// The beginning of one.
    Cut,
    /// Something else, or a structure that takes more steps than it has octets.
    Wrong,
}

/// Whether `octets` begin with a structure that can be read.
pub fn find(octets: &[u8]) -> Found {
    let mut walk = Walk { rest: octets, empty: EMPTY };
    walk.structure(DEEPEST).err().unwrap_or(Found::Whole)
}

struct Walk<'o> {
    rest: &'o [u8],
    empty: u32,
}

impl Walk<'_> {
    fn skip(&mut self, octets: u64) -> Result<(), Found> {
        let octets = usize::try_from(octets).map_err(|_| Found::Wrong)?;
        self.rest = self.rest.get(octets..).ok_or(Found::Cut)?;
        Ok(())
    }

    fn octet(&mut self) -> Result<u8, Found> {
        let (first, rest) = self.rest.split_first().ok_or(Found::Cut)?;
        self.rest = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, Found> {
        varint(&mut self.rest).ok_or(if self.rest.is_empty() { Found::Cut } else { Found::Wrong })
    }

    fn structure(&mut self, depth: u32) -> Result<(), Found> {
        loop {
            let field = self.octet()?;
            if field & 0xf == 0 {
                return Ok(());
            }
            if field >> 4 == 0 {
                self.number()?;
            }
            self.value(field & 0xf, depth)?;
        }
    }

    fn value(&mut self, kind: u8, depth: u32) -> Result<(), Found> {
        let depth = depth.checked_sub(1).ok_or(Found::Wrong)?;
        match kind {
            1 | 2 => Ok(()),
            3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.number()?;
                self.skip(length)
            }
            9 | 10 => {
                let header = self.octet()?;
                let count = match header >> 4 {
                    15 => self.number()?,
                    few => few.into(),
                };
                self.values(if header == 0 { 0 } else { count }, &[header & 0xf], depth)
            }
            11 => match self.number()? {
                0 => Ok(()),
                count => {
                    let kinds = self.octet()?;
                    self.values(count, &[kinds >> 4, kinds & 0xf], depth)
                }
            },
            12 => self.structure(depth),
            13 => self.skip(16),
            _ => Err(Found::Wrong),
        }
    }

    /// So many values of each of these kinds.
    fn values(&mut self, count: u64, kinds: &[u8], depth: u32) -> Result<(), Found> {
        for _ in 0..count {
            let before = self.rest.len();
            for kind in kinds {
                self.value(*kind, depth)?;
            }
            if self.rest.len() == before {
                self.empty = self.empty.checked_sub(1).ok_or(Found::Wrong)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn structures_are_whole_cut_or_wrong() {
        // A number, a text, a list of two numbers, a structure with a boolean, a map, a list of lists.
        let octets = [
            0x15, 0x02, 0x18, 0x01, b'a', 0x19, 0x25, 0x02, 0x04, 0x1c, 0x11, 0x00, 0x1b, 0x01,
            0x88, 0x01, b'k', 0x01, b'v', 0x19, 0x29, 0x00, 0x00, 0x00,
        ];
        assert_eq!(find(&octets), Found::Whole);
        for length in 0..octets.len() {
            assert_eq!(find(&octets[..length]), Found::Cut, "{length}");
        }
        assert_eq!(find(&[0x1f, 0]), Found::Wrong);
        assert_eq!(find(&[0x1c; 100]), Found::Wrong);
    }

    #[test]
    fn collections_that_take_no_octets_are_wrong_where_they_have_many_values() {
        // A list of booleans, and a map of them.
        let most = [0xff, 0xff, 0xff, 0xff, 0x07];
        let list = [&[0x19, 0xf1][..], &most, &[0]].concat();
        let map = [&[0x1b][..], &most, &[0x11, 0]].concat();
        for octets in [&list, &map] {
            assert_eq!(find(octets), Found::Wrong);
        }
        assert_eq!(find(&[0x19, 0x31, 0]), Found::Whole);
        // Many short ones are as long as a long one.
        let many = [0x19, 0xe1].repeat(1000);
        assert_eq!(find(&[&many[..], &[0]].concat()), Found::Wrong);
    }

    proptest! {
        #[test]
        fn any_octets_end(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            find(&octets);
        }
    }
}
