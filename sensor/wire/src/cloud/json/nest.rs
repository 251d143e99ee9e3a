//! Which brackets are open, in constant memory.

/// Levels that are told apart; what is nested deeper is no record.
pub const DEEPEST: u32 = 64;

/// What a bracket opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
}

/// The brackets that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nest {
    /// A bit for each level that is an array, the innermost lowest.
    arrays: u64,
    depth: u32,
    /// Levels beyond [`DEEPEST`], of which nothing else is known.
    beyond: u64,
    /// There have been such.
    too_deep: bool,
}

/// What a closing bracket did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nothing: no such bracket is open.
    Nothing,
    /// One level, or several whose own brackets are missing.
    Inner,
    /// The outermost.
    All,
}

impl Nest {
    /// Of open objects, one in the other.
    pub fn of_objects(depth: u32) -> Self {
        Self { depth, ..Self::default() }
    }

    /// Whether the innermost level is an array, and all around it are objects.
    pub fn is_array_of_objects(&self) -> bool {
        self.arrays == 1
    }

    /// A bracket opens.
    pub fn open(&mut self, kind: Kind) {
        if self.depth == DEEPEST {
            self.beyond += 1;
            self.too_deep = true;
        } else {
            self.arrays = self.arrays << 1 | u64::from(kind == Kind::Array);
            self.depth += 1;
        }
    }

    /// A bracket closes: that of the innermost level of its kind, since some real records lack one.
    pub fn close(&mut self, kind: Kind) -> Closed {
        if self.beyond > 0 {
            self.beyond -= 1;
            return Closed::Inner;
        }
        let open = u64::MAX.checked_shr(64 - self.depth).unwrap_or(0);
        let alike = open & if kind == Kind::Array { self.arrays } else { !self.arrays };
        if alike == 0 {
            return Closed::Nothing;
        }
        let levels = alike.trailing_zeros() + 1;
        self.arrays = self.arrays.checked_shr(levels).unwrap_or(0);
        self.depth -= levels;
        if self.depth == 0 { Closed::All } else { Closed::Inner }
    }

    /// Levels that are told apart.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// What the innermost bracket opened; none where nobody knows.
    pub fn innermost(&self) -> Option<Kind> {
        match self.arrays & 1 {
            _ if self.depth == 0 || self.beyond > 0 => None,
            0 => Some(Kind::Object),
            _ => Some(Kind::Array),
        }
    }

    /// Whether more than [`DEEPEST`] were open at once.
    pub fn is_too_deep(&self) -> bool {
        self.too_deep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_close_what_is_open() {
        use Kind::*;
        let mut nest = Nest::default();
        assert_eq!((nest.close(Object), nest.innermost()), (Closed::Nothing, None));
        nest.open(Object);
        assert_eq!(nest, Nest::of_objects(1));
        nest.open(Array);
        assert_eq!((nest.innermost(), nest.depth()), (Some(Array), 2));
        assert!(nest.is_array_of_objects());
        nest.open(Object);
        assert!(!nest.is_array_of_objects());
        assert_eq!((nest.close(Object), nest.innermost()), (Closed::Inner, Some(Array)));
        // The bracket of the array is missing.
        assert_eq!((nest.close(Object), nest.depth()), (Closed::All, 0));
        nest.open(Object);
        assert_eq!((nest.close(Array), nest.depth()), (Closed::Nothing, 1));
    }

    #[test]
    fn levels_beyond_the_deepest_are_counted() {
        for kind in [Kind::Object, Kind::Array] {
            let mut nest = Nest::default();
            (0..DEEPEST).for_each(|_| nest.open(kind));
            assert!(!nest.is_too_deep() && nest.innermost() == Some(kind));
            (0..10_000).for_each(|_| nest.open(kind));
            assert!(nest.is_too_deep() && nest.innermost().is_none());
            for _ in 0..10_000 + DEEPEST - 1 {
                assert_eq!(nest.close(kind), Closed::Inner);
            }
            assert_eq!(nest.close(kind), Closed::All);
        }
    }
}
