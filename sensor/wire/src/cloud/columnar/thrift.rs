//! Structures in the compact protocol of Thrift, as metadata and headers of pages are: whether they can be read in as many steps as
//! they have octets.
//!
//! To the crate `parquet`, whoever skips a list of booleans skips nothing but their number: seven octets ask for two thousand million steps.
//! It also takes the members that it knows for what they should be, whatever the octets say that they are, and then reads other
//! members than are there. So known members must be of their [`Shape`].

use super::delta::{varint, zigzag};

/// How deep values may lie in others.
pub const DEEPEST: u32 = 64;
/// Values of collections that may take no octets. No structure of Parquet has such a collection.
const EMPTY: u32 = 256;

/// Kinds of values, as their headers have them.
const TRUTH: [u8; 2] = [1, 2];
const BYTE: u8 = 3;
const NUMBER: [u8; 3] = [4, 5, 6];
const DOUBLE: u8 = 7;
const OCTETS: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCTURE: u8 = 12;
const UUID: u8 = 13;

/// What a known member is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// True or false.
    Truth,
    /// A number of one octet.
    Byte,
    /// A number of any other size.
    Number,
    /// A fraction.
    Double,
    /// Octets, or text.
    Octets,
    /// Any number of these.
    List(&'static Self),
    /// These members.
    Structure(Members),
}

/// The members of a structure that are known, by number.
pub type Members = &'static [(i16, Shape)];

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

/// Whether `octets` begin with a structure that can be read, and what is known of it is as it should be.
pub fn find(octets: &[u8], known: Members) -> Found {
    Walk::new(octets).structure(known, DEEPEST).err().unwrap_or(Found::Whole)
}

/// Octets under way.
pub struct Walk<'o> {
    rest: &'o [u8],
    empty: u32,
}

impl<'o> Walk<'o> {
    /// From the beginning of `octets`.
    pub fn new(octets: &'o [u8]) -> Self {
        Self { rest: octets, empty: EMPTY }
    }

    /// Octets that are still to come.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Passes over so many octets.
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

    /// The next number, without a sign.
    ///
    /// # Errors
    /// There is none.
    pub fn number(&mut self) -> Result<u64, Found> {
        varint(&mut self.rest).ok_or(if self.rest.is_empty() { Found::Cut } else { Found::Wrong })
    }

    /// Passes over text or other octets, and says how many.
    ///
    /// # Errors
    /// They are not there.
    pub fn octets(&mut self) -> Result<u64, Found> {
        let length = self.number()?;
        self.skip(length)?;
        Ok(length)
    }

    /// How many values a list has, and of which kind.
    ///
    /// # Errors
    /// There is none.
    pub fn list(&mut self) -> Result<(u64, u8), Found> {
        let header = self.octet()?;
        let count = match header >> 4 {
            15 => self.number()?,
            few => few.into(),
        };
        // Some writers say of an empty list nothing else.
        Ok(if header == 0 { (0, STRUCTURE) } else { (count, header & 0xf) })
    }

    /// Goes through the members of a structure: their numbers and kinds. `member` passes over the value.
    ///
    /// # Errors
    /// What `member` says, or that there is no structure.
    pub fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, i16, u8) -> Result<(), Found>,
    ) -> Result<(), Found> {
        let mut number = 0_i16;
        loop {
            let header = self.octet()?;
            if header & 0xf == 0 {
                return Ok(());
            }
            number = match header >> 4 {
                0 => zigzag(self.number()?) as i16,
                more => number.checked_add(more.into()).ok_or(Found::Wrong)?,
            };
            member(self, number, header & 0xf)?;
        }
    }

    fn structure(&mut self, known: Members, depth: u32) -> Result<(), Found> {
        self.members(|walk, number, kind| match known.iter().find(|(known, _)| *known == number) {
            Some((_, shape)) => walk.shaped(*shape, kind, depth),
            None => walk.value(kind, depth),
        })
    }

    /// Passes over a value that is known.
    fn shaped(&mut self, shape: Shape, kind: u8, depth: u32) -> Result<(), Found> {
        match shape {
            Shape::Truth if TRUTH.contains(&kind) => Ok(()),
            Shape::Byte if kind == BYTE => self.value(kind, depth),
            Shape::Number if NUMBER.contains(&kind) => self.value(kind, depth),
            Shape::Double if kind == DOUBLE => self.value(kind, depth),
            Shape::Octets if kind == OCTETS => self.value(kind, depth),
            Shape::Structure(known) if kind == STRUCTURE => self.structure(known, depth),
            Shape::List(shape) if kind == LIST => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.shaped(*shape, kind, depth))
            }
            _ => Err(Found::Wrong),
        }
    }

    /// Passes over a value of this kind.
    ///
    /// # Errors
    /// There is none, or it takes more steps than octets.
    pub fn value(&mut self, kind: u8, depth: u32) -> Result<(), Found> {
        let depth = depth.checked_sub(1).ok_or(Found::Wrong)?;
        match kind {
            _ if TRUTH.contains(&kind) => Ok(()),
            BYTE => self.skip(1),
            _ if NUMBER.contains(&kind) => self.number().map(drop),
            DOUBLE => self.skip(8),
            OCTETS => self.octets().map(drop),
            LIST | SET => {
                let (count, kind) = self.list()?;
                self.values(count, &[kind], depth)
            }
            MAP => match self.number()? {
                0 => Ok(()),
                count => {
                    let kinds = self.octet()?;
                    self.values(count, &[kinds >> 4, kinds & 0xf], depth)
                }
            },
            STRUCTURE => self.structure(&[], depth),
            UUID => self.skip(16),
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
        assert_eq!(find(&octets, &[]), Found::Whole);
        for length in 0..octets.len() {
            assert_eq!(find(&octets[..length], &[]), Found::Cut, "{length}");
        }
        assert_eq!(find(&[0x1f, 0], &[]), Found::Wrong);
        assert_eq!(find(&[0x1c; 100], &[]), Found::Wrong);
    }

    #[test]
    fn collections_that_take_no_octets_are_wrong_where_they_have_many_values() {
        // A list of booleans, and a map of them.
        let most = [0xff, 0xff, 0xff, 0xff, 0x07];
        let list = [&[0x19, 0xf1][..], &most, &[0]].concat();
        let map = [&[0x1b][..], &most, &[0x11, 0]].concat();
        for octets in [&list, &map] {
            assert_eq!(find(octets, &[]), Found::Wrong);
        }
        assert_eq!(find(&[0x19, 0x31, 0], &[]), Found::Whole);
        // Many short ones are as long as a long one.
        let many = [0x19, 0xe1].repeat(1000);
        assert_eq!(find(&[&many[..], &[0]].concat(), &[]), Found::Wrong);
    }

    proptest! {
        #[test]
        fn any_octets_end(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            find(&octets, &[]);
        }
    }
}
