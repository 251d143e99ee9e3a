//! The packet's bytes between the two pointers that the kernel gives a program.

#![expect(unsafe_code, reason = "packet memory is only known by pointers")]

use core::cell::Cell;

use sensor_common::packet::{Bytes, Word, Words};

use crate::hook::Link;

/// Packet bytes that can be read directly: all of a short frame, the start of one in several buffers.
pub struct Packet {
    start: usize,
    end: usize,
    /// A read went past the end.
    fell_short: Cell<bool>,
}

impl Packet {
    /// The bytes from `data` to `data_end` of a program's context.
    #[inline(always)]
    pub const fn new(data: usize, data_end: usize) -> Self {
        Self { start: data, end: data_end, fell_short: Cell::new(false) }
    }

    /// Octets that can be read.
    #[inline(always)]
    pub const fn length(&self) -> u32 {
        (self.end - self.start) as u32
    }

    /// True when the parser asked for bytes behind the end.
    #[inline(always)]
    pub const fn fell_short(&self) -> bool {
        self.fell_short.get()
    }

    /// The MAC addresses, read once more for the first packet of a flow rather than kept for each packet.
    #[inline(always)]
    pub fn macs(&self, link: Link) -> [u32; 3] {
        match (link, self.read(0)) {
            (Link::Ethernet, Some(Words(macs))) => macs,
            _ => [0; 3],
        }
    }
}

impl Bytes for Packet {
    #[inline(always)]
    fn read<T: Word>(&self, offset: usize) -> Option<T> {
        let at = self.start + offset;
        if at + size_of::<T>() > self.end {
            self.fell_short.set(true);
            return None;
        }
        // SAFETY: the bytes from `at` lie before `data_end`, as just checked (and as the verifier checks again);
        // any bit pattern is a `Word`.
        Some(unsafe { (at as *const T).read_unaligned() })
    }
}
