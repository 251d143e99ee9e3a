//! The ledger: counters by which every packet that the programs saw is accounted for.
//!
//! One [`Ledger`] per CPU and generation; monotonic, written only by that CPU, quiet once its generation has been
//! retired and a grace period has passed. Then the law holds exactly, in packets and in frame octets:
//!
//! ```text
//! seen + segmented = flow records (folded ones included) + non_ip + truncated + malformed + unattributed
//! ```

use crate::packet::Reject;

/// Packets and octets of whole frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Octets, link header included.
    pub octets: u64,
}

impl Count {
    /// Adds one frame, or one super-packet's segments.
    #[inline(always)]
    pub fn add(&mut self, packets: u64, octets: u64) {
        self.packets += packets;
        self.octets += octets;
    }

    /// What was added since `earlier`; counters are monotonic and wrap at 2^64.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            packets: self.packets.wrapping_sub(earlier.packets),
            octets: self.octets.wrapping_sub(earlier.octets),
        }
    }
}

/// The counters of one CPU and generation parity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Ledger {
    /// Everything that entered a program, counted before anything else: one packet for a super-packet.
    pub seen: Count,
    /// What a NIC adds when it cuts super-packets: further packets and their repeated headers.
    pub segmented: Count,
    /// Slots in use in the IPv4 and the IPv6 table of this generation, fold region included. Not monotonic: the
    /// agent clears them with the table.
    pub used: [u32; 2],
    /// Always 0, which the verifier cannot know: the programs add it to numbers of which the verifier need not follow
    /// each value that they may have.
    pub zero: u64,
    /// Keeps the reasons below on a cache line of their own.
    pub reserved: [u64; 2],
    /// Frames without an IP packet.
    pub non_ip: Count,
    /// Frames that end before their IP header.
    pub truncated: Count,
    /// IP headers that contradict themselves.
    pub malformed: Count,
    /// IP packets for which even the fold region had no room.
    pub unattributed: Count,
    /// IP packets counted under a folded key. They are in the table: informational, no term of the law.
    pub folded: Count,
    /// Keeps the size a whole number of cache lines, so that CPUs never share one.
    pub reserved2: [u64; 6],
}

const _: () = assert!(size_of::<Ledger>() == 192);

impl Ledger {
    /// The row that frames without a flow record are counted in.
    #[inline(always)]
    pub fn reject(&mut self, reason: Reject) -> &mut Count {
        match reason {
            Reject::NonIp => &mut self.non_ip,
            Reject::Truncated => &mut self.truncated,
            Reject::Malformed => &mut self.malformed,
        }
    }
}
