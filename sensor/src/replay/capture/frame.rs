//! A captured packet, and where it lies in what has been read.

use std::ops::Range;

/// One captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured: nanoseconds since 1970-01-01 UTC. A pcapng simple packet has no time of its own and gets
    /// that of the frame before it, 0 if there is none.
    pub timestamp_ns: u64,
    /// What the data begin with: a LINKTYPE_ value of the tcpdump registry, 1 for Ethernet.
    pub link_type: u32,
    /// The captured bytes, perhaps fewer than there were on the wire.
    pub data: &'a [u8],
    /// Bytes on the wire.
    pub wire_length: u32,
}

/// Where the next frame lies in the current block, and what is said of it.
pub(super) struct FrameRecord {
    pub(super) timestamp_ns: u64,
    pub(super) link_type: u32,
    pub(super) wire_length: u32,
    pub(super) data: Range<usize>,
}
