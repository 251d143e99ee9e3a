//! The packet's bytes between the two pointers that the kernel gives a program.

#![expect(unsafe_code, reason = "packet memory is only known by pointers")]

use core::hint::{black_box, cold_path};

use sensor_common::packet::{Bytes, MAX_LINK_HEADER, Word, Words};

use crate::hook::Start;

/// Packet bytes that can be read directly: all of a short frame, the start of one in several buffers.
pub struct Packet {
    // Pointers, not addresses: the compiler may move terms of an integer comparison to the side of the end, and the
    // verifier allows no arithmetic on that.
    start: *const u8,
    end: *const u8,
}

impl Packet {
    /// The bytes from `data` to `data_end` of a program's context.
    #[inline(always)]
    pub fn new(data: usize, data_end: usize) -> Self {
        Self { start: data as *const u8, end: data_end as *const u8 }
    }

    /// Octets that can be read.
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.end as usize - self.start as usize
    }

    /// The link header length `offset`, as a number of which the verifier knows only the range: the difference of two
    /// packet pointers.
    ///
    /// Otherwise it follows each of the seven link header lengths through all that comes after.
    #[inline(always)]
    pub fn forget(&self, offset: usize) -> usize {
        const MASK: usize = MAX_LINK_HEADER.next_power_of_two() - 1;
        let at = black_box(self.start.wrapping_add(offset));
        (at as usize - self.start as usize) & MASK
    }

    /// The MAC addresses, read once more for the first packet of a flow rather than kept for each packet.
    #[inline(always)]
    pub fn macs(&self, start: Start) -> [u32; 3] {
        match (start, self.read(0)) {
            (Start::Ethernet, Some(Words(macs))) => macs,
            _ => [0; 3],
        }
    }
}

impl Bytes for Packet {
    #[inline(always)]
    fn read<T: Word>(&self, offset: usize) -> Option<T> {
        let at = self.start.wrapping_add(offset);
        if at.wrapping_add(size_of::<T>()) > self.end {
            cold_path();
            return None;
        }
        // SAFETY: the bytes from `at` lie before `data_end`, as just checked (and as the verifier checks again);
        // any bit pattern is a `Word`.
        Some(unsafe { at.cast::<T>().read_unaligned() })
    }
}
