//! Memory that will be needed soon, asked for before anybody waits for it.
//!
//! A load that misses the cache holds up everything behind it once the processor's window is full; a prefetch does not, so
//! many of them are under way at a time.
#![expect(unsafe_code, reason = "the instruction takes a pointer")]

/// Octets of a line of the cache.
const LINE: usize = 64;

/// Asks for the lines of the cache in which `place` lies.
#[inline(always)]
pub fn prefetch<T: ?Sized>(place: &T) {
    let first = std::ptr::from_ref(place).cast::<u8>();
    // Of a type that begins with a line, the number of lines is known here.
    let before = if align_of_val(place) >= LINE { 0 } else { first.addr() % LINE };
    prefetch_octets(first.wrapping_sub(before), before + size_of_val(place));
}

/// Asks for the lines of the cache in which the first and the last octet of some numbers lie: for all, where they take no
/// more room than a line.
#[inline(always)]
pub fn prefetch_ends(numbers: &[u64]) {
    let ends = numbers.as_ptr_range();
    prefetch_line(ends.start.cast());
    prefetch_line(ends.end.cast::<u8>().wrapping_sub(1));
}

/// Asks for the lines of the cache in which so many octets lie; they begin with a line.
#[inline(always)]
pub fn prefetch_octets(first: *const u8, octets: usize) {
    for offset in (0..octets).step_by(LINE) {
        prefetch_line(first.wrapping_add(offset));
    }
}

/// Asks for the line of the cache in which an address lies.
#[inline(always)]
pub fn prefetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, and it neither reads nor faults, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
