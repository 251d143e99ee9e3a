//! Reading numbers from the front of octets, without ever reading past their end.

/// Octets that are taken from the front. All numbers are in network order.
#[derive(Clone, Copy, Debug)]
pub struct Octets<'a>(pub &'a [u8]);

impl<'a> Octets<'a> {
    /// Octets that are left.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when none is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `length` octets; none, and nothing taken, when there are fewer.
    #[inline]
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next octet.
    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[octet]| octet)
    }

    /// The next two octets.
    #[inline]
    pub fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_be_bytes)
    }

    /// The next four octets.
    #[inline]
    pub fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    /// The next eight octets.
    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_be_bytes)
    }

    /// The next `N` octets.
    #[inline]
    pub fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*chunk)
    }

    /// The length of a variable-length value (RFC 7011 section 7): one octet, or 255 and two more.
    #[inline]
    pub fn length(&mut self) -> Option<usize> {
        match self.u8()? {
            u8::MAX => self.u16().map(usize::from),
            short => Some(short.into()),
        }
    }
}

/// True when all `octets` are 0.
#[inline]
pub fn are_zero(octets: &[u8]) -> bool {
    let (words, rest) = octets.as_chunks();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|octet| *octet == 0)
}

/// A number of at most eight octets in network order; of more octets, the lowest eight.
pub fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}
