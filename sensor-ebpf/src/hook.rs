//! What the two hooks, XDP and tc, know of a frame beside its bytes.

#![expect(unsafe_code, reason = "a program's context is a raw pointer")]

use aya_ebpf::{
    helpers::generated::bpf_xdp_get_buff_len,
    programs::{TcContext, XdpContext},
};
use sensor_common::{
    key::Direction,
    packet::{Bytes, ethertype},
};

use crate::packet::Packet;

/// What stands at the first byte of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// An Ethernet header.
    Ethernet,
    /// An IP header: devices without a link layer, such as tun and wireguard. Holds the EtherType.
    Ip(u16),
}

/// A frame as its hook describes it.
#[derive(Clone, Copy)]
pub struct Frame {
    /// Octets, also those that cannot be read directly; without a VLAN tag that the NIC handles.
    pub length: u32,
    /// Interface index.
    pub interface: u32,
    /// Direction through the interface.
    pub direction: Direction,
    /// What it starts with.
    pub start: Start,
    /// VLAN identifier of a tag that the NIC has taken out or will put in (the outermost then), 0 for none.
    pub stripped_vlan: u16,
    /// Wire packets that a super-packet stands for, 0 where the kernel does not know.
    pub gso_segments: u32,
    /// Payload octets of each of them, 0 for an ordinary packet.
    pub gso_size: u32,
}

/// The frame of an XDP program.
#[inline(always)]
pub fn xdp(context: &XdpContext) -> (Frame, Packet) {
    let packet = Packet::new(context.data(), context.data_end());
    let frame = Frame {
        length: if packet.length() < FIRST_BUFFER {
            packet.length() as u32
        } else {
            // SAFETY: the kernel called the program with this context.
            unsafe { bpf_xdp_get_buff_len(context.ctx) as u32 }
        },
        // SAFETY: as above.
        interface: unsafe { (*context.ctx).ingress_ifindex },
        direction: Direction::Ingress,
        start: Start::Ethernet,
        stripped_vlan: 0,
        gso_segments: 0,
        gso_size: 0,
    };
    (frame, packet)
}

/// A frame that goes on in further buffers fills at least this much of its first: drivers use half a page or more.
/// A shorter one is whole, and does not pay for asking.
const FIRST_BUFFER: usize = 256;

/// The frame of a tc program on a device with Ethernet headers.
#[inline(always)]
pub fn tc(context: &TcContext, direction: Direction) -> (Frame, Packet) {
    let frame = skb(context, direction, Start::Ethernet);
    let packet = Packet::new(context.data(), context.data_end());
    let ipv4 = packet.read(12) == Some(ethertype::IPV4.to_be());
    let headers = if ipv4 { ETHERNET + IPV4 } else { ETHERNET + TWO_TAGS + IPV6 };
    (frame, readable(context, &frame, packet, headers + TRANSPORT))
}

/// The frame of a tc program on a device without a link layer: the kernel alone knows the EtherType.
#[inline(always)]
pub fn tc_ip(context: &TcContext, direction: Direction) -> (Frame, Packet) {
    // SAFETY: the kernel called the program with this context.
    let ethertype = u16::from_be(unsafe { (*context.skb.skb).protocol } as u16);
    let frame = skb(context, direction, Start::Ip(ethertype));
    let packet = Packet::new(context.data(), context.data_end());
    let headers = if ethertype == ethertype::IPV4 { IPV4 } else { IPV6 };
    (frame, readable(context, &frame, packet, headers + TRANSPORT))
}

const ETHERNET: usize = 14;
const TWO_TAGS: usize = 8;
const IPV4: usize = 20;
const IPV6: usize = 40;
/// Up to the TCP flags.
const TRANSPORT: usize = 14;
/// What is asked for where something is missing: room for options and extension headers too.
const ALL_HEADERS: u32 = 256;

/// `packet` with at least `headers` octets, as far as the frame has them.
///
/// Socket buffers may hold headers where programs cannot read them. Then the kernel moves them to the front; that
/// costs, so `headers` is no more than what TCP's own super-packets have there anyway. Options and extension headers
/// behind that read as absent in a buffer of this kind, of which few drivers make any.
#[inline(always)]
fn readable(context: &TcContext, frame: &Frame, packet: Packet, headers: usize) -> Packet {
    if packet.length() >= headers.min(frame.length as usize) {
        return packet;
    }
    // Without memory for it the packet stays as it was; its pointers have to be taken anew in either case.
    let _ = context.pull_data(frame.length.min(ALL_HEADERS));
    Packet::new(context.data(), context.data_end())
}

#[inline(always)]
fn skb(context: &TcContext, direction: Direction, start: Start) -> Frame {
    // SAFETY: the kernel called the program with this context.
    let skb = unsafe { &*context.skb.skb };
    Frame {
        length: skb.len,
        interface: skb.ifindex,
        direction,
        start,
        stripped_vlan: if skb.vlan_present != 0 { skb.vlan_tci as u16 & 0xfff } else { 0 },
        gso_segments: skb.gso_segs,
        gso_size: skb.gso_size,
    }
}
