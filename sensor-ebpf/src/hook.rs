//! What the two hooks, XDP and tc, know of a frame beside its bytes.

#![expect(unsafe_code, reason = "a program's context is a raw pointer")]

use aya_ebpf::{
    helpers::generated::bpf_xdp_get_buff_len,
    programs::{TcContext, XdpContext},
};
use sensor_common::key::Direction;

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
    let frame = Frame {
        // SAFETY: the kernel called the program with this context.
        length: unsafe { bpf_xdp_get_buff_len(context.ctx) } as u32,
        // SAFETY: as above.
        interface: unsafe { (*context.ctx).ingress_ifindex },
        direction: Direction::Ingress,
        start: Start::Ethernet,
        stripped_vlan: 0,
        gso_segments: 0,
        gso_size: 0,
    };
    (frame, Packet::new(context.data(), context.data_end()))
}

/// The frame of a tc program on a device with Ethernet headers.
#[inline(always)]
pub fn tc(context: &TcContext, direction: Direction) -> (Frame, Packet) {
    // SAFETY: the kernel called the program with this context.
    let skb = unsafe { &*context.skb.skb };
    let frame = Frame {
        length: skb.len,
        interface: skb.ifindex,
        direction,
        start: Start::Ethernet,
        stripped_vlan: if skb.vlan_present != 0 { skb.vlan_tci as u16 & 0xfff } else { 0 },
        gso_segments: skb.gso_segs,
        gso_size: skb.gso_size,
    };
    (frame, Packet::new(context.data(), context.data_end()))
}

/// The frame of a tc program on a device without a link layer: the kernel alone knows the EtherType.
#[inline(always)]
pub fn tc_ip(context: &TcContext, direction: Direction) -> (Frame, Packet) {
    let (frame, packet) = tc(context, direction);
    // SAFETY: the kernel called the program with this context.
    let protocol = unsafe { (*context.skb.skb).protocol };
    (Frame { start: Start::Ip(u16::from_be(protocol as u16)), ..frame }, packet)
}

/// Headers may lie in buffers that a tc program cannot read: has the kernel move them to the front. Where it has no
/// memory for that, the packet stays as it was; its pointers have to be taken anew in either case.
#[inline(always)]
pub fn pull_headers(context: &TcContext, length: u32) -> Packet {
    let _ = context.pull_data(length.min(HEADERS_AT_MOST));
    Packet::new(context.data(), context.data_end())
}

/// Link header, IPv6 header, and generous room for extension and transport headers.
const HEADERS_AT_MOST: u32 = 256;
