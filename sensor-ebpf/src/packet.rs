//! The packet's bytes between the two pointers that the kernel gives a program.

#![expect(unsafe_code, reason = "packet memory is only known by pointers")]

use core::cell::Cell;

use sensor_common::packet::{Bytes, Word, Words};

use crate::hook::Start;

/// Packet bytes that can be read directly: all of a short frame, the start of one in several buffers.
pub struct Packet {
    // Pointers, not addresses: the compiler may move terms of an integer comparison to the side of the end, and the
    // verifier allows no arithmetic on that.
    start: *const u8,
    end: *const u8,
    /// A read went past the end.
    fell_short: Cell<bool>,
}

impl Packet {
    /// The bytes from `data` to `data_end` of a program's context.
    #[inline(always)]
    pub fn new(data: usize, data_end: usize) -> Self {
        Self { start: data as *const u8, end: data_end as *const u8, fell_short: Cell::new(false) }
    }

    /// Octets that can be read.
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.end as usize - self.start as usize
    }

    /// True when the parser asked for bytes behind the end.
    #[inline(always)]
    pub const fn fell_short(&self) -> bool {
        self.fell_short.get()
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
            self.fell_short.set(true);
            return None;
        }
        // SAFETY: the bytes from `at` lie before `data_end`, as just checked (and as the verifier checks again);
        // any bit pattern is a `Word`.
        Some(unsafe { at.cast::<T>().read_unaligned() })
    }
}
