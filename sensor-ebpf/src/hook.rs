//! The two hooks, XDP and tc: from a program's context to the frame.

#![expect(unsafe_code, reason = "a program's context is a raw pointer")]

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::bpf_xdp_get_buff_len,
    programs::{TcContext, XdpContext},
};
use sensor_common::{key::Direction, segments::Gso};

use crate::{
    frame::{Frame, Start},
    packet::Packet,
};

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
        vlan_present: 0,
        vlan_tci: 0,
        gso: Gso::default(),
    };
    (frame, packet)
}

/// A frame that goes on in further buffers fills at least this much of its first: drivers use half a page or more.
/// A shorter one is whole, and does not pay for asking.
const FIRST_BUFFER: usize = 256;

/// The frame of a tc program on a device with Ethernet headers.
#[inline(always)]
pub fn tc(context: &TcContext, direction: Direction) -> Frame {
    // SAFETY: the kernel called the program with this context.
    skb(unsafe { &*context.skb.skb }, direction, Start::Ethernet)
}

/// The frame of a tc program on a device without a link layer: the kernel alone knows the EtherType.
#[inline(always)]
pub fn tc_ip(context: &TcContext, direction: Direction) -> Frame {
    // SAFETY: the kernel called the program with this context.
    let skb_fields = unsafe { &*context.skb.skb };
    let ethertype = u16::from_be(skb_fields.protocol as u16);
    skb(skb_fields, direction, Start::Ip(ethertype, 0))
}

#[inline(always)]
fn skb(skb: &__sk_buff, direction: Direction, start: Start) -> Frame {
    Frame {
        length: skb.len,
        interface: skb.ifindex,
        direction,
        start,
        vlan_present: skb.vlan_present,
        vlan_tci: skb.vlan_tci,
        gso: Gso { segments: skb.gso_segs, size: skb.gso_size, wire_length: skb.wire_len },
    }
}
