//! What becomes of a super-packet on the wire.
//!
//! The kernel moves TCP segments and UDP datagrams of one flow through the stack in one buffer and has them cut late, by
//! the NIC, or joins them early. Records count what the wire carries, so the packets that a buffer stands for and the
//! headers that each of them repeats are added here.

/// What the kernel says of a frame beside its bytes; zeros for an ordinary one. `struct __sk_buff` has the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gso {
    /// Wire packets that it stands for; 0 where the kernel does not know, as of super-packets that a virtual machine
    /// handed over.
    pub segments: u32,
    /// Payload octets of each of them.
    pub size: u32,
    /// Octets of all frames that it will be cut into, as the kernel counts them for the queues of a device; no more than
    /// the frame itself where it has not done so.
    pub wire_length: u32,
}

impl Gso {
    /// True for a super-packet.
    #[inline(always)]
    pub fn is_super_packet(&self) -> bool {
        self.size != 0
    }

    /// Octets of headers that each segment of a frame of `frame_length` repeats, where the kernel has counted them: those
    /// of all layers, also of the packet in a tunnel.
    #[inline(always)]
    pub fn headers(&self, frame_length: u32) -> Option<u32> {
        let repeats = self.segments.saturating_sub(1);
        let added = self.wire_length.saturating_sub(frame_length);
        if added == 0 { None } else { added.checked_div(repeats) }
    }
}

/// The wire packets of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// Packets, at least 1.
    pub packets: u32,
    /// Octets that they have beyond those of the frame.
    pub added: u32,
}

impl Segments {
    /// An ordinary frame.
    pub const ONE: Self = Self { packets: 1, added: 0 };

    /// The segments of a frame of `frame_length` octets, of which each repeats the first `headers` but `dropped` octets
    /// that no segment carries.
    #[inline(always)]
    pub fn new(gso: &Gso, frame_length: u32, headers: u32, dropped: u32) -> Self {
        let packets = if gso.segments != 0 {
            gso.segments
        } else if gso.size != 0 {
            frame_length.saturating_sub(headers).div_ceil(gso.size).max(1)
        } else {
            1
        };
        if packets == 1 {
            return Self::ONE;
        }
        let added = (packets - 1).wrapping_mul(headers);
        Self { packets, added: added.wrapping_sub(packets.wrapping_mul(dropped)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_frame_is_itself() {
        assert_eq!(Segments::new(&Gso::default(), 1_514, 54, 0), Segments::ONE);
        let gso = Gso { segments: 1, ..Gso::default() };
        assert_eq!(Segments::new(&gso, 1_514, 54, 0), Segments::ONE);
    }

    #[test]
    fn each_segment_but_the_first_adds_its_headers() {
        let gso = Gso { segments: 3, size: 1_000, wire_length: 0 };
        let segments = Segments::new(&gso, 54 + 3_000, 54, 0);
        assert_eq!(segments, Segments { packets: 3, added: 2 * 54 });
    }

    #[test]
    fn segments_that_nobody_counted_follow_from_their_size() {
        for (size, packets) in [(1_000, 3), (999, 4), (3_000, 1), (0, 1)] {
            let gso = Gso { segments: 0, size, wire_length: 0 };
            assert_eq!(Segments::new(&gso, 54 + 3_000, 54, 0).packets, packets, "{size}");
        }
        let gso = Gso { segments: 0, size: 1_000, wire_length: 0 };
        assert_eq!(Segments::new(&gso, 40, 54, 0), Segments::ONE, "shorter than its headers");
    }

    #[test]
    fn what_no_segment_carries_is_taken_off_all_of_them() {
        let gso = Gso { segments: 3, size: 1_000, wire_length: 0 };
        let segments = Segments::new(&gso, 82 + 3_000, 82, 8);
        assert_eq!(82 + 3_000 + segments.added, 3 * 74 + 3_000);
    }

    #[test]
    fn the_kernels_count_tells_the_headers() {
        let gso = Gso { segments: 5, size: 1_000, wire_length: 5_104 + 4 * 104 };
        assert_eq!(gso.headers(5_104), Some(104));
        for gso in [
            Gso { wire_length: 5_104, ..gso },
            Gso { wire_length: 0, ..gso },
            Gso { segments: 0, ..gso },
            Gso { segments: 1, ..gso },
        ] {
            assert_eq!(gso.headers(5_104), None, "{gso:?}");
        }
    }
}
