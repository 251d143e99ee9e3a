//! NetFlow 5 and 7: datagrams of up to some dozens of records of one fixed form.

use crate::octets::Octets;

/// Octets of the header.
pub const HEADER_LENGTH: usize = 24;

/// Octets of a record of version 5.
pub const V5_RECORD: usize = 48;

/// Octets of a record of version 7, which names at its end the router that a switch's short cut goes round.
pub const V7_RECORD: usize = 52;

/// The header of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of records.
    pub count: u16,
    /// Milliseconds since the device booted.
    pub uptime: u32,
    /// Milliseconds since the epoch.
    pub export: u64,
    /// Number of flows exported before.
    pub sequence: u32,
    /// Type and slot of the engine (version 5).
    pub engine: u16,
    /// Version 5: mode in the upper two bits, and one of how many packets is sampled.
    pub sampling: u16,
}

impl Header {
    /// Takes the header from the front of `octets`; none when it is cut off.
    pub fn take(octets: &mut Octets<'_>) -> Option<Self> {
        let mut header = Octets(octets.take(HEADER_LENGTH)?);
        header.u16()?;
        let (count, uptime) = (header.u16()?, header.u32()?);
        let (seconds, nanoseconds) = (header.u32()?, header.u32()?);
        Some(Self {
            count,
            uptime,
            export: u64::from(seconds) * 1000 + u64::from(nanoseconds / 1_000_000),
            sequence: header.u32()?,
            engine: header.u16()?,
            sampling: header.u16()?,
        })
    }

    /// The sampling rate that the header of a version 5 datagram tells.
    pub fn sample_rate(&self) -> Option<u32> {
        match self.sampling & 0x3fff {
            0 => None,
            rate => Some(rate.into()),
        }
    }
}
