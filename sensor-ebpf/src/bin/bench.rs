//! Programs that the product is measured against, and the product's path made to see many flows in one packet.
//!
//! `BPF_PROG_TEST_RUN` repeats one packet, so [`Vary`] makes each run another flow: [`FLOWS_MASK`] is the number of
//! flows (a power of two) minus one. The agent never loads this object.

#![no_std]
#![no_main]
#![expect(
    unsafe_code,
    reason = "helpers, map values and the licence section that the loader reads"
)]
#![expect(missing_docs, reason = "the program macros drop doc comments")]

use aya_ebpf::{
    bindings::{
        TC_ACT_UNSPEC,
        xdp_action::{XDP_DROP, XDP_PASS},
    },
    helpers::generated::{bpf_ktime_get_ns, bpf_redirect},
    macros::{classifier, map, xdp},
    maps::{Array, PerCpuArray, PerCpuHashMap},
    programs::{TcContext, XdpContext},
};
use sensor_common::{
    key::{KeyV4, KeyV6, V4_WORDS, V6_WORDS},
    packet::{Headers, Reject},
};
use sensor_ebpf::{
    count::{Books, common, count},
    frame::Frame,
    hook,
    packet::Source,
    read::{self, Sink},
};

/// Number of flows minus one.
#[map]
static FLOWS_MASK: Array<u32> = Array::with_max_entries(1, 0);
/// State of the generator in [`random`].
#[map]
static RANDOM: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// Frames that a dropping receiver saw.
#[map]
static RECEIVED: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// Interface that [`generate`] sends to.
#[map]
static OUTPUT: Array<u32> = Array::with_max_entries(1, 0);

/// An empty program: what the hook and the test run cost by themselves.
#[xdp(frags)]
pub fn pass(_: XdpContext) -> u32 {
    XDP_PASS
}

/// An empty tc program.
#[classifier]
pub fn pass_tc(_: TcContext) -> i32 {
    TC_ACT_UNSPEC
}

/// Only what makes each run another flow.
#[xdp(frags)]
pub fn pass_vary(_: XdpContext) -> u32 {
    if random() == u32::MAX { XDP_DROP } else { XDP_PASS }
}

/// The product's path, as it is.
#[xdp(frags)]
pub fn table(context: XdpContext) -> u32 {
    let (frame, packet) = hook::xdp(&context);
    count(&frame, &packet);
    XDP_PASS
}

/// The product's path, each run another flow.
#[xdp(frags)]
pub fn table_vary(context: XdpContext) -> u32 {
    let (frame, packet) = hook::xdp(&context);
    if let Some(books) = Books::open(&frame) {
        read::headers(&frame, &packet, &mut Vary(books));
    }
    XDP_PASS
}

/// How flow counters are usually kept: a per-CPU hash map and the nanosecond clock.
#[xdp(frags)]
pub fn percpu_hash(context: XdpContext) -> u32 {
    let (frame, packet) = hook::xdp(&context);
    read::headers(&frame, &packet, &mut Reference);
    XDP_PASS
}

/// The same, each run another flow.
#[xdp(frags)]
pub fn percpu_hash_vary(context: XdpContext) -> u32 {
    let (frame, packet) = hook::xdp(&context);
    read::headers(&frame, &packet, &mut Vary(Reference));
    XDP_PASS
}

/// The fastest that a receiver can be.
#[xdp(frags)]
pub fn drop_all(_: XdpContext) -> u32 {
    receive();
    XDP_DROP
}

/// The product's path, then drop.
#[xdp(frags)]
pub fn flow_drop(context: XdpContext) -> u32 {
    receive();
    let (frame, packet) = hook::xdp(&context);
    count(&frame, &packet);
    XDP_DROP
}

/// Sends the packet of a live test run out of [`OUTPUT`] with another IPv4 source address each time, of the network that
/// its own is in.
#[xdp]
pub fn generate(context: XdpContext) -> u32 {
    /// Offset of the IPv4 source address behind an Ethernet header.
    const SOURCE: usize = 26;
    let (Some(output), Some(mask)) = (OUTPUT.get(0), FLOWS_MASK.get(0)) else { return XDP_DROP };
    let address = context.data() + SOURCE;
    if address + size_of::<u32>() > context.data_end() {
        return XDP_DROP;
    }
    let address = address as *mut u32;
    // SAFETY: the four octets lie before `data_end`, as just checked; then a helper on plain values.
    unsafe {
        let network = u32::from_be(address.read_unaligned()) & !mask;
        address.write_unaligned((network | random()).to_be());
        bpf_redirect(*output, 0) as u32
    }
}

/// Counters of the reference program.
#[repr(C)]
#[derive(Clone, Copy)]
struct Counters {
    packets: u64,
    octets: u64,
    first: u64,
    last: u64,
    tcp_flags: u64,
}

#[map]
static HASH_V4: PerCpuHashMap<[u64; V4_WORDS], Counters> =
    PerCpuHashMap::with_max_entries(131_072, 0);
#[map]
static HASH_V6: PerCpuHashMap<[u64; V6_WORDS], Counters> =
    PerCpuHashMap::with_max_entries(131_072, 0);

/// Counts in the hash maps.
struct Reference;

impl Sink for Reference {
    #[inline(always)]
    fn v4(&mut self, frame: &Frame, _: &impl Source, headers: &Headers) {
        let (source, destination) = (headers.source[0], headers.destination[0]);
        let key = KeyV4 { source, destination, common: common(frame, headers) };
        count_in_hash(&HASH_V4, &key.pack(), headers);
    }

    #[inline(always)]
    fn v6(&mut self, frame: &Frame, _: &impl Source, headers: &Headers) {
        let (source, destination) = (headers.source, headers.destination);
        let key = KeyV6 { source, destination, common: common(frame, headers) };
        count_in_hash(&HASH_V6, &key.pack(), headers);
    }

    #[inline(always)]
    fn reject(&mut self, _: &Frame, _: Reject) {}
}

#[inline(always)]
fn count_in_hash<K>(map: &PerCpuHashMap<K, Counters>, key: &K, headers: &Headers) {
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    let (octets, tcp_flags) = (u64::from(headers.octets), u64::from(headers.tcp_flags));
    if let Some(counters) = map.get_ptr_mut(key) {
        // SAFETY: this CPU's copy of the value.
        let counters = unsafe { &mut *counters };
        counters.packets += 1;
        counters.octets += octets;
        counters.last = now;
        counters.tcp_flags |= tcp_flags;
    } else {
        let counters = Counters { packets: 1, octets, first: now, last: now, tcp_flags };
        // A full map loses the packet, as usual for this design.
        let _ = map.insert(key, counters, 0);
    }
}

/// Makes the packet one of as many flows as the mask says, then hands it on.
struct Vary<S>(S);

impl<S: Sink> Sink for Vary<S> {
    #[inline(always)]
    fn v4(&mut self, frame: &Frame, packet: &impl Source, headers: &Headers) {
        let mut source = headers.source;
        source[0] ^= random();
        self.0.v4(frame, packet, &Headers { source, ..*headers });
    }

    #[inline(always)]
    fn v6(&mut self, frame: &Frame, packet: &impl Source, headers: &Headers) {
        let mut source = headers.source;
        source[3] ^= random();
        self.0.v6(frame, packet, &Headers { source, ..*headers });
    }

    #[inline(always)]
    fn reject(&mut self, frame: &Frame, reason: Reject) {
        self.0.reject(frame, reason);
    }
}

/// The next number of a linear congruential generator (Knuth's MMIX constants), masked.
#[inline(always)]
fn random() -> u32 {
    let (Some(state), Some(mask)) = (RANDOM.get_ptr_mut(0), FLOWS_MASK.get(0)) else { return 0 };
    // SAFETY: this CPU's copy of the value.
    let state = unsafe { &mut *state };
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as u32 & mask
}

#[inline(always)]
fn receive() {
    if let Some(received) = RECEIVED.get_ptr_mut(0) {
        // SAFETY: this CPU's copy of the value.
        unsafe { *received += 1 };
    }
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
