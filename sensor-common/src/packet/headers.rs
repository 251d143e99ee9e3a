//! What the parser tells of a frame: the fields of a flow record, or why there is none.

/// Why a frame has no flow record. Each value is a row of the [ledger](crate::ledger).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No IP packet inside: ARP, LLDP, 802.3 length frames, MPLS pseudowires and the like.
    NonIp,
    /// The frame ends before the IP header does.
    Truncated,
    /// The IP header contradicts itself: wrong version nibble, header longer than the packet.
    Malformed,
}

/// Position of a packet within a fragmented datagram; the value of the flow field `fragment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fragment {
    /// Not fragmented.
    None = 0,
    /// First fragment: carries the ports.
    First = 1,
    /// A later fragment: has no transport header, ports are 0.
    Later = 2,
}

/// The parsed headers of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// True for IPv6, false for IPv4.
    pub v6: bool,
    /// IP protocol number of the payload, after any IPv6 extension headers.
    pub protocol: u8,
    /// IPv4 type of service, or IPv6 traffic class.
    pub tos: u8,
    /// IPv4 time to live, or IPv6 hop limit.
    pub ttl: u8,
    /// Fragment position.
    pub fragment: Fragment,
    /// The nine TCP flags (NS CWR ECE URG ACK PSH RST SYN FIN, FIN lowest); 0 for other protocols.
    pub tcp_flags: u16,
    /// VLAN identifier of the outermost tag, 0 for none.
    pub vlan: u16,
    /// `source port << 16 | destination port`, see [`Headers::source_port`] and [`Headers::destination_port`].
    pub ports: u32,
    /// Octets of the IP packet, header included, never more than the frame carried.
    pub octets: u32,
    /// Octets from the start of the frame to the IP header.
    pub link_length: u32,
    /// Octets from the start of the frame to the transport payload: what a NIC repeats in each segment of a
    /// super-packet. Without a transport header that the parser knows, up to the IP payload.
    pub headers_length: u32,
    /// Source address as it lies in the packet; IPv4 in the first word, the others 0.
    pub source: [u32; 4],
    /// Destination address, likewise.
    pub destination: [u32; 4],
    /// Destination and source MAC address as they lie in the frame (6 + 6 octets).
    pub macs: [u32; 3],
}

impl Headers {
    /// What the parser starts from.
    pub const EMPTY: Self = Self {
        v6: false,
        protocol: 0,
        tos: 0,
        ttl: 0,
        fragment: Fragment::None,
        tcp_flags: 0,
        vlan: 0,
        ports: 0,
        octets: 0,
        link_length: 0,
        headers_length: 0,
        source: [0; 4],
        destination: [0; 4],
        macs: [0; 3],
    };

    /// Source port of TCP, UDP, SCTP; else 0.
    #[inline(always)]
    pub const fn source_port(&self) -> u16 {
        (self.ports >> 16) as u16
    }

    /// Destination port of TCP, UDP, SCTP; `type << 8 | code` of ICMP and ICMPv6; else 0.
    #[inline(always)]
    pub const fn destination_port(&self) -> u16 {
        self.ports as u16
    }
}
