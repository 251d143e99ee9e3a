//! Memory that will be needed soon, asked for before anybody waits for it.
//!
//! A load that misses the cache holds up everything behind it once the processor's window is full; a prefetch does not, so
//! many of them are under way at a time.
#![expect(unsafe_code, reason = "the instruction takes a pointer")]

/// Asks for the lines of the cache in which `place` lies.
#[inline(always)]
pub fn prefetch<T: ?Sized>(place: &T) {
    const LINE: usize = 64;
    let first = std::ptr::from_ref(place).cast::<i8>();
    for offset in (0..size_of_val(place)).step_by(LINE) {
        line(first.wrapping_add(offset));
    }
}

#[inline(always)]
fn line(address: *const i8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, and it neither reads nor faults, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
