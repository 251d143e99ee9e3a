//! The integers that columns are made of, of any width, and what a test of one of them is.

/// Numbers that columns are made of.
pub(super) trait Number: Copy + Ord + Default {
    /// Width in bits.
    const BITS: u32;
    /// The highest number.
    const HIGHEST: Self;
    /// `self - low <= span`, without overflow: whether it lies in the range that starts at `low`.
    fn within(self, low: Self, span: Self) -> bool;
    /// `self - low`.
    fn minus(self, low: Self) -> Self;
    /// The highest `bits` bits below the first `skip` ones.
    fn bits(self, skip: u32, bits: u32) -> usize;
    /// The number of bits that both start with.
    fn common_bits(self, other: Self) -> u32;
    /// As an index, for numbers of at most 16 bits.
    fn index(self) -> usize;
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Number for $number {
            const BITS: u32 = Self::BITS;
            const HIGHEST: Self = Self::MAX;

            #[inline(always)]
            fn within(self, low: Self, span: Self) -> bool {
                self.wrapping_sub(low) <= span
            }

            fn minus(self, low: Self) -> Self {
                self.wrapping_sub(low)
            }

            #[inline(always)]
            fn bits(self, skip: u32, bits: u32) -> usize {
                // Shifts of the whole width happen where all bits are skipped: one bucket.
                let rest = self.checked_shl(skip).unwrap_or(0);
                rest.checked_shr(Self::BITS - bits).unwrap_or(0) as usize
            }

            fn common_bits(self, other: Self) -> u32 {
                (self ^ other).leading_zeros()
            }

            #[inline(always)]
            fn index(self) -> usize {
                self as usize
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128);

/// A test of one number. These are types and no closures, because a method can be told to be inlined: only there it is
/// compiled for the instructions of its caller.
pub(super) trait RowTest<T> {
    /// Whether the number passes.
    fn passes(&self, number: T) -> bool;
}
