//! What XDP and tc know of a frame beside its bytes.

use sensor_common::{key::Direction, segments::Gso};

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
