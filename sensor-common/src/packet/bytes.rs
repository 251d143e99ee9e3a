//! Where a parser's bytes come from: a slice here, the packet pointers of a program in the kernel.

/// A source of packet bytes with bounds-checked reads.
///
/// The eBPF programs implement it over `data`/`data_end`, so that each read carries the bounds check that the
/// verifier asks for; everything else uses the implementation for `[u8]`.
pub trait Bytes {
    /// The word at byte `offset` as it lies in memory (no byte order applied), or `None` past the end.
    ///
    /// Never read a single byte at a variable offset: the compiler turns `p + 1 > end` into `p >= end`, from which
    /// the verifier learns nothing. That is why no [`Word`] has one byte.
    fn read<T: Word>(&self, offset: usize) -> Option<T>;
}

/// A plain integer, or array of integers, that any bit pattern may fill.
pub trait Word: Copy {
    /// The word at the start of `bytes`, in native byte order; `None` when there are too few.
    fn from_slice(bytes: &[u8]) -> Option<Self>;
}

impl Bytes for [u8] {
    #[inline]
    fn read<T: Word>(&self, offset: usize) -> Option<T> {
        T::from_slice(self.get(offset..)?)
    }
}

impl Word for [u8; 2] {
    #[inline]
    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied()
    }
}

impl Word for u16 {
    #[inline]
    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self::from_ne_bytes)
    }
}

impl Word for u32 {
    #[inline]
    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self::from_ne_bytes)
    }
}

impl Word for u64 {
    #[inline]
    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self::from_ne_bytes)
    }
}

impl<T: Word, const N: usize> Word for Words<T, N> {
    #[inline]
    fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut words = [T::from_slice(bytes)?; N];
        let mut i = 1;
        while i < N {
            words[i] = T::from_slice(bytes.get(i * size_of::<T>()..)?)?;
            i += 1;
        }
        Some(Self(words))
    }
}

/// `N` words in a row.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Words<T, const N: usize>(pub [T; N]);

/// One word and then another, without padding between: one bounds check for both.
#[derive(Clone, Copy)]
#[repr(C, packed)]
pub struct Pair<A, B>(pub A, pub B);

impl<A: Word, B: Word> Word for Pair<A, B> {
    #[inline]
    fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(A::from_slice(bytes)?, B::from_slice(bytes.get(size_of::<A>()..)?)?))
    }
}
