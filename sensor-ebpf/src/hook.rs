//! What the two hooks, XDP and tc, know of a frame beside its bytes.

#![expect(unsafe_code, reason = "a program's context is a raw pointer")]

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::bpf_xdp_get_buff_len,
    programs::{TcContext, XdpContext},
};
use sensor_common::{key::Direction, segments::Gso};

use crate::packet::Packet;

/// What stands at the first byte of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// An Ethernet header.
    Ethernet,
    /// An IP packet of the EtherType, as on tun and wireguard, behind a header of the device's own of so many octets, as
    /// those of GRE without a remote end, IPoIB and HDLC have one.
    Ip(u16, usize),
}

/// A frame as its hook describes it.
#[derive(Clone, Copy)]
pub struct Frame {
    /// Octets, also those that cannot be read directly; without a VLAN tag that lies beside them ([`Self::octets`]).
    pub length: u32,
    /// Interface index.
    pub interface: u32,
    /// Direction through the interface.
    pub direction: Direction,
    /// What it starts with.
    pub start: Start,
    /// 1 when the outermost VLAN tag lies beside the frame's bytes, since NIC or kernel took it out or will put it in; else
    /// 0. Decided on late, so that the verifier does not follow both cases through the parser.
    pub vlan_present: u32,
    /// That tag's control information.
    pub vlan_tci: u32,
    /// What the kernel knows of a super-packet.
    pub gso: Gso,
}

impl Frame {
    /// Octets of the tag that lies beside the frame's bytes. Without a branch, as `vlan_present` says.
    #[inline(always)]
    pub fn tag_octets(&self) -> u32 {
        self.vlan_present * VLAN_TAG
    }

    /// Octets as the wire has them.
    #[inline(always)]
    pub fn octets(&self) -> u32 {
        self.length + self.tag_octets()
    }
}

/// Octets of an 802.1Q tag.
const VLAN_TAG: u32 = 4;

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
