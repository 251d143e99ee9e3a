//! The packet's bytes: between the two pointers that the kernel gives a program, or wherever a socket buffer has them.
//!
//! A socket buffer holds the start of a packet in one piece; the rest, and headers too, may lie in pages and in further
//! buffers, which no pointer reaches. The kernel would move octets to the front on request (`bpf_skb_pull_data`), but
//! that changes the buffer's layout, which segmentation relies on: of an SCTP super-packet it makes one that stops the
//! kernel. A program that only counts has no business to do so. [`Scattered`] has the kernel copy the octets out.

#![expect(unsafe_code, reason = "packet memory is only known by pointers")]

#[cfg(target_arch = "bpf")]
use core::arch::asm;
use core::{hint::cold_path, ptr};

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_skb_load_bytes, bpf_skb_load_bytes_relative},
    programs::TcContext,
};
use sensor_common::packet::{
    Bytes, OFFSET_LIMIT, Pair, Word, Words, ethertype, ip::protocol, tunnel,
};

use crate::{
    frame::{Frame, Start},
    maps::{SCRATCH, SCRATCH_WORDS},
};

/// Where the parser and the record of a packet get their bytes.
pub trait Source: Bytes {
    /// The MAC addresses, read once more for the first packet of a flow rather than kept for each packet.
    #[inline(always)]
    fn macs(&self, start: Start) -> [u32; 3] {
        // In scalars: LLVM 22 copies only the last octets of an array into a place that is aligned to 16.
        match (start, self.read(0)) {
            (Start::Ethernet, Some(Pair(low, high))) => {
                let low: u64 = low;
                [low as u32, (low >> 32) as u32, high]
            }
            _ => [0; 3],
        }
    }

    /// [`tunnel::headers_length`] of a super-packet.
    fn tunnel_headers(&self, protocol: u8, start: u32, end: u32) -> u32;

    /// Octets of the header that no segment of the IPv6 super-packet at `at` carries, see [`tunnel::is_big_tcp`].
    fn big_tcp_header(&self, at: u32) -> u32;
}

/// Reads on in a super-packet, in a function of its own: its headers are few, and each segment's share is less.
#[cold]
#[inline(never)]
fn tunnel_headers(skb: *mut __sk_buff, protocol: u8, start: u32, end: u32) -> u32 {
    Scattered::new(&TcContext::new(skb)).map_or(0, |packet| {
        let start = start as usize & (OFFSET_LIMIT - 1);
        tunnel::headers_length(&packet, protocol, start, end as usize) as u32
    })
}

/// As [`tunnel_headers`].
#[cold]
#[inline(never)]
fn big_tcp_header(skb: *mut __sk_buff, at: u32) -> u32 {
    let packet = Scattered::new(&TcContext::new(skb));
    if packet.is_some_and(|packet| tunnel::is_big_tcp(&packet, at as usize)) { 8 } else { 0 }
}

/// Packet bytes that can be read directly: all of a short frame, the start of one in several buffers.
pub struct Packet {
    // Pointers, not addresses: the compiler may move terms of an integer comparison to the side of the end, and the
    // verifier allows no arithmetic on that.
    start: *const u8,
    end: *const u8,
    /// The socket buffer that they are in; none under XDP, which has no super-packets.
    skb: *mut __sk_buff,
}

impl Packet {
    /// The bytes from `data` to `data_end` of an XDP program's context.
    #[inline(always)]
    pub fn new(data: usize, data_end: usize) -> Self {
        Self { start: data as *const u8, end: data_end as *const u8, skb: ptr::null_mut() }
    }

    /// The bytes of a socket buffer that can be read directly.
    #[inline(always)]
    pub fn of_skb(context: &TcContext) -> Self {
        // SAFETY: the kernel called the program with this context.
        let skb = unsafe { &*context.skb.skb };
        Self { skb: context.skb.skb, ..Self::new(skb.data as usize, skb.data_end as usize) }
    }

    /// Octets that can be read.
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.end as usize - self.start as usize
    }

    /// True when all that the parser will read of `frame` lies between the pointers: of a frame in several pieces, only
    /// where its first octets say that no option, tag or extension header moves the transport header further back. And
    /// when nothing but an IP packet begins where one is expected.
    #[inline(always)]
    pub fn holds_headers(&self, frame: &Frame) -> bool {
        let length = self.length();
        let whole = length >= frame.length as usize;
        let (ethertype, at) = match frame.start {
            Start::Ethernet if whole => return true,
            Start::Ethernet => match self.read::<u16>(ETHERNET - 2) {
                Some(ethertype) => (u16::from_be(ethertype), ETHERNET),
                None => return false,
            },
            Start::Ip(ethertype, _) => {
                if !self.is_packet(ethertype, frame.length) {
                    return false;
                }
                (ethertype, 0)
            }
        };
        if whole {
            return true;
        }
        match ethertype {
            ethertype::IPV4 => {
                let first = self.read::<[u8; 2]>(at);
                first.is_some_and(|[first, _]| first == IPV4_WITHOUT_OPTIONS)
                    && length >= at + IPV4 + TRANSPORT
            }
            ethertype::IPV6 => {
                let next = self.read::<[u8; 2]>(at + IPV6_NEXT_HEADER);
                next.is_some_and(|[next, _]| matches!(next, protocol::TCP | protocol::UDP))
                    && length >= at + IPV6 + TRANSPORT
            }
            _ => false,
        }
    }

    /// True when the frame, of a device without Ethernet headers, is an IP packet from its first octet on. The outer
    /// header of GRE looks like one as well, and is that of the device where no remote end is set.
    #[inline(always)]
    fn is_packet(&self, ethertype: u16, frame_length: u32) -> bool {
        let Some(Pair(Words([first, second]), third)) = self.read::<Pair<Words<u32, 2>, u32>>(0)
        else {
            return false;
        };
        let (first, second, third): (u32, u32, u32) =
            (u32::from_be(first), u32::from_be(second), u32::from_be(third));
        match ethertype {
            ethertype::IPV4 => {
                first >> 28 == 4
                    && first & 0xffff == frame_length
                    && (third >> 16) as u8 != protocol::GRE
            }
            ethertype::IPV6 => {
                let next = (second >> 8) as u8;
                first >> 28 == 6
                    && (second >> 16) + IPV6 as u32 == frame_length
                    && matches!(next, protocol::TCP | protocol::UDP | protocol::ICMPV6)
            }
            _ => false,
        }
    }
}

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV4_WITHOUT_OPTIONS: u8 = 0x45;
const IPV6: usize = 40;
const IPV6_NEXT_HEADER: usize = 6;
/// Up to the TCP flags.
const TRANSPORT: usize = 14;

impl Source for Packet {
    #[inline(always)]
    fn tunnel_headers(&self, protocol: u8, start: u32, end: u32) -> u32 {
        tunnel_headers(self.skb, protocol, start, end)
    }

    #[inline(always)]
    fn big_tcp_header(&self, at: u32) -> u32 {
        big_tcp_header(self.skb, at)
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

    /// The difference of two packet pointers: to the verifier, any number.
    #[inline(always)]
    fn forget(&self, offset: usize) -> usize {
        difference(self.start.wrapping_add(offset), self.start) & (OFFSET_LIMIT - 1)
    }
}

/// `to - from`, of which the compiler knows no more than the verifier. In registers, where
/// [`core::hint::black_box`] goes through memory.
#[inline(always)]
fn difference(to: *const u8, from: *const u8) -> usize {
    #[cfg(target_arch = "bpf")]
    {
        let mut difference = to as usize;
        // SAFETY: a subtraction.
        unsafe {
            asm!("{0} -= {1}", inout(reg) difference, in(reg) from as usize, options(pure, nomem, nostack));
        }
        difference
    }
    #[cfg(not(target_arch = "bpf"))]
    core::hint::black_box(to as usize - from as usize)
}

/// All bytes of a socket buffer, wherever they lie: the kernel copies out each word that is asked for.
///
/// Costs a helper call for each word, and so is for buffers of which [`Packet`] does not hold the headers.
pub struct Scattered {
    skb: *mut __sk_buff,
    /// Takes the word. A map's, since on the stack the verifier wants each part of a word aligned.
    scratch: *mut [u64; SCRATCH_WORDS],
    /// What the verifier's knowledge is shed with.
    linear: Packet,
}

/// `BPF_HDR_START_NET` of include/uapi/linux/bpf.h.
const NETWORK_HEADER: u32 = 1;

/// Longest header of a device that is looked for: GRE over IPv6 with all its fields and an option has 64 octets.
const LONGEST_DEVICE_HEADER: usize = 64;

impl Scattered {
    /// The bytes of a tc program's packet. Always there: the map has an element for each CPU.
    #[inline(always)]
    pub fn new(context: &TcContext) -> Option<Self> {
        let scratch = SCRATCH.get_ptr_mut(0)?;
        Some(Self { skb: context.skb.skb, scratch, linear: Packet::of_skb(context) })
    }

    /// Octets before the network header: those of a device with a header of its own that is not Ethernet's. The kernel
    /// knows where it is, but only reads from there; so its first octets are looked for.
    #[inline(always)]
    pub fn network_offset(&self) -> usize {
        let (skb, scratch) = (self.skb.cast(), self.scratch.cast());
        let length = size_of::<Words<u64, 2>>() as u32;
        // SAFETY: as in `read`.
        let network = unsafe {
            if bpf_skb_load_bytes_relative(skb, 0, scratch, length, NETWORK_HEADER) != 0 {
                return 0;
            }
            self.scratch.cast::<Words<u64, 2>>().read_unaligned()
        };
        let mut offset = 0;
        while offset <= LONGEST_DEVICE_HEADER {
            if self.read::<Words<u64, 2>>(offset).is_some_and(|words| words.0 == network.0) {
                return offset;
            }
            offset += 2;
        }
        0
    }
}

impl Bytes for Scattered {
    #[inline(always)]
    fn read<T: Word>(&self, offset: usize) -> Option<T> {
        const { assert!(size_of::<T>() <= SCRATCH_WORDS * size_of::<u64>()) };
        let (skb, scratch) = (self.skb.cast(), self.scratch.cast());
        // SAFETY: the context that the kernel called the program with, and room for `T` as just asserted. Nothing else
        // uses this CPU's scratch meanwhile: no program interrupts another.
        unsafe {
            if bpf_skb_load_bytes(skb, offset as u32, scratch, size_of::<T>() as u32) != 0 {
                return None;
            }
            // SAFETY: filled by the helper; any bit pattern is a `Word`.
            Some(self.scratch.cast::<T>().read_unaligned())
        }
    }

    #[inline(always)]
    fn forget(&self, offset: usize) -> usize {
        self.linear.forget(offset)
    }
}

impl Source for Scattered {
    #[inline(always)]
    fn tunnel_headers(&self, protocol: u8, start: u32, end: u32) -> u32 {
        tunnel_headers(self.skb, protocol, start, end)
    }

    #[inline(always)]
    fn big_tcp_header(&self, at: u32) -> u32 {
        big_tcp_header(self.skb, at)
    }
}
