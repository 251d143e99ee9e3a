//! A slot of the flow tables, and how it absorbs a packet.
//!
//! A table is a set-associative array: the hash of a key names a set, and a key may lie in any of [`WAYS`]
//! neighbouring slots of it. Only the CPU that owns a slot writes to it (see `layout`), so plain stores do.

use core::hint::cold_path;

use crate::{
    key::{V4_WORDS, V6_WORDS},
    packet::Headers,
    segments::Segments,
    tcp,
};

/// Slots that a key may lie in.
pub const WAYS: u32 = 4;

/// One flow's counters of one generation on one CPU; free while `packets` is 0.
///
/// Aligned to a cache line, of which an IPv4 slot takes one and an IPv6 slot two.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Slot<const N: usize> {
    /// Packed key, see [`crate::key`].
    pub key: [u64; N],
    /// Octets of the IP packets.
    pub octets: u64,
    /// Packets as they are on the wire (segments of a super-packet counted one by one).
    pub packets: u32,
    /// Octets of the frames that are not IP: link headers and padding. Beside `packets`, with which it is one word.
    pub overhead: u32,
    /// Jiffies (low 32 bits) of the first packet.
    pub first: u32,
    /// Jiffies (low 32 bits) of the last packet.
    pub last: u32,
    /// Destination and source MAC address of the first packet, as in [`Headers::macs`].
    pub macs: [u32; 3],
    /// TCP flags, as in [`crate::tcp`]: of all packets, OR-ed, and SYN and ACK of the first packet.
    pub tcp_flags: u16,
    /// Lowest time to live.
    pub ttl_min: u8,
    /// Highest time to live.
    pub ttl_max: u8,
}

/// Slot of the IPv4 table.
pub type SlotV4 = Slot<V4_WORDS>;
/// Slot of the IPv6 table.
pub type SlotV6 = Slot<V6_WORDS>;

const _: () = assert!(size_of::<SlotV4>() == 64);
const _: () = assert!(size_of::<SlotV6>() == 128);

impl<const N: usize> Slot<N> {
    /// A free slot.
    pub const FREE: Self = Self {
        key: [0; N],
        octets: 0,
        packets: 0,
        overhead: 0,
        first: 0,
        last: 0,
        macs: [0; 3],
        tcp_flags: 0,
        ttl_min: 0,
        ttl_max: 0,
    };
}

/// Packets and overhead as one word, which takes one addition, one load and one store.
#[inline(always)]
const fn pair(packets: u32, overhead: u32) -> u64 {
    packets as u64 | (overhead as u64) << 32
}

/// The highest bit of either half of a [`pair`]. While neither is set, what one packet adds (far less than 2^31) carries
/// out of no half.
const FULL: u64 = pair(1 << 31, 1 << 31);

/// What one packet, or one super-packet, adds to its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Increment {
    /// Octets of the IP packets.
    pub octets: u32,
    /// Octets of the frames beyond the IP packets.
    pub overhead: u32,
    /// Packets on the wire.
    pub packets: u32,
    /// TCP flags.
    pub tcp_flags: u16,
    /// Time to live.
    pub ttl: u8,
}

impl Increment {
    /// The increment of a frame of `frame_length` octets that goes out as `segments`.
    #[inline(always)]
    pub fn new(headers: &Headers, frame_length: u32, segments: &Segments) -> Self {
        let link = (segments.packets - 1) * headers.link_length;
        Self {
            octets: headers.octets + segments.added - link,
            overhead: frame_length.wrapping_sub(headers.octets) + link,
            packets: segments.packets,
            tcp_flags: headers.tcp_flags,
            ttl: headers.ttl,
        }
    }
}

/// What became of a packet at one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The slot held the flow and has counted the packet.
    Updated,
    /// The slot was free and now holds the flow.
    Inserted,
    /// The slot holds another flow, or this one with a counter that is half full: try the next way.
    Occupied,
}

impl<const N: usize> Slot<N> {
    /// Counts a packet seen at `now` (jiffies) if this slot holds `key` or is free. Only a new flow asks for `macs`
    /// (as in [`Headers::macs`]).
    #[inline(always)]
    pub fn absorb(
        &mut self,
        key: &[u64; N],
        packet: &Increment,
        macs: impl FnOnce() -> [u32; 3],
        now: u32,
    ) -> Outcome {
        let counted = pair(self.packets, self.overhead);
        if self.packets == 0 {
            cold_path();
            *self = Self {
                key: *key,
                octets: packet.octets as u64,
                packets: packet.packets,
                overhead: packet.overhead,
                first: now,
                last: now,
                macs: macs(),
                tcp_flags: tcp::of_first(packet.tcp_flags),
                ttl_min: packet.ttl,
                ttl_max: packet.ttl,
            };
            return Outcome::Inserted;
        }
        let mut different = 0;
        let mut i = 0;
        while i < N {
            different |= self.key[i] ^ key[i];
            i += 1;
        }
        if different != 0 {
            return Outcome::Occupied;
        }
        if counted & FULL != 0 {
            return Outcome::Occupied;
        }
        let counted = counted + pair(packet.packets, packet.overhead);
        self.octets += packet.octets as u64;
        self.packets = counted as u32;
        self.overhead = (counted >> 32) as u32;
        self.last = now;
        self.tcp_flags |= packet.tcp_flags;
        if packet.ttl < self.ttl_min {
            self.ttl_min = packet.ttl;
        }
        if packet.ttl > self.ttl_max {
            self.ttl_max = packet.ttl;
        }
        Outcome::Updated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Increment =
        Increment { octets: 100, overhead: 14, packets: 1, tcp_flags: 0x02, ttl: 64 };

    #[test]
    fn a_free_slot_takes_the_flow_and_then_counts_it() {
        let mut slot = SlotV4::FREE;
        assert_eq!(slot.absorb(&[1, 2, 3], &PACKET, || [1, 2, 3], 7), Outcome::Inserted);
        let second = Increment { octets: 50, tcp_flags: 0x10, ttl: 63, ..PACKET };
        assert_eq!(slot.absorb(&[1, 2, 3], &second, || [9; 3], 9), Outcome::Updated);
        assert_eq!((slot.octets, slot.packets, slot.overhead), (150, 2, 28));
        assert_eq!((slot.first, slot.last), (7, 9));
        assert_eq!((tcp::all(slot.tcp_flags), slot.ttl_min, slot.ttl_max), (0x12, 63, 64));
        assert_eq!(tcp::first(slot.tcp_flags), tcp::SYN, "the first packet's");
        assert_eq!(slot.macs, [1, 2, 3], "the first packet's");
    }

    #[test]
    fn another_flow_is_sent_to_the_next_way() {
        let mut slot = SlotV6::FREE;
        slot.absorb(&[1; 6], &PACKET, || [0; 3], 0);
        for word in 0..6 {
            let mut key = [1; 6];
            key[word] = 1 << 63 | 1;
            assert_eq!(
                slot.absorb(&key, &PACKET, || [0; 3], 0),
                Outcome::Occupied,
                "word {word} is compared"
            );
        }
        assert_eq!(slot.packets, 1);
    }

    #[test]
    fn a_counter_at_its_end_sends_the_flow_to_the_next_way() {
        for full in [
            SlotV4 { overhead: 1 << 31, packets: 1, ..SlotV4::FREE },
            SlotV4 { packets: 1 << 31, ..SlotV4::FREE },
        ] {
            let mut slot = full;
            assert_eq!(slot.absorb(&[0; 3], &PACKET, || [0; 3], 1), Outcome::Occupied);
            assert_eq!((slot.overhead, slot.packets), (full.overhead, full.packets));
        }
    }

    #[test]
    fn a_super_packet_counts_as_the_wire_will_see_it() {
        let headers = crate::packet::parse(&SUPER_PACKET[..], 54 + 4_000).unwrap();
        let segments = Segments { packets: 4, added: 3 * 54 };
        let increment = Increment::new(&headers, 54 + 4_000, &segments);
        assert_eq!(increment.packets, 4);
        assert_eq!(increment.octets, 4 * 40 + 4_000);
        assert_eq!(increment.overhead, 4 * 14);
    }

    /// Ethernet, IPv4 (total length 4,040), TCP without options.
    const SUPER_PACKET: [u8; 54] = {
        let mut frame = [0; 54];
        (frame[12], frame[14], frame[23], frame[46]) = (0x08, 0x45, 6, 0x50);
        [frame[16], frame[17]] = 4_040u16.to_be_bytes();
        frame
    };
}
