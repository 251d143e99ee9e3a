//! NetFlow 5 and 7: datagrams of up to some dozens of records of one fixed form.
//!
//! The forms are written down as templates, so that the decoder of data records reads them like any other.

use std::sync::LazyLock;

use crate::{
    octets::Octets,
    template::{Specifier, Template, compile::Plan},
};

/// Octets of the header.
pub const HEADER_LENGTH: usize = 24;

/// Stands for octets that fill no column.
const UNUSED: u16 = 210;

/// The form of a version's records.
pub struct Form {
    /// Version number.
    pub version: u16,
    /// Where the fields lie.
    pub plan: Plan,
}

/// Version 5.
pub static V5: LazyLock<Form> = LazyLock::new(|| Form {
    version: 5,
    plan: plan(&[
        (8, 4),  // source address
        (12, 4), // destination address
        (15, 4), // next hop
        (10, 2), // input
        (14, 2), // output
        (2, 4),  // packets
        (1, 4),  // octets
        (22, 4), // first
        (21, 4), // last
        (7, 2),  // source port
        (11, 2), // destination port
        (UNUSED, 1),
        (6, 1),  // TCP flags
        (4, 1),  // protocol
        (5, 1),  // type of service
        (16, 2), // source AS
        (17, 2), // destination AS
        (9, 1),  // source mask
        (13, 1), // destination mask
        (UNUSED, 2),
    ]),
});

/// Version 7: flags before the TCP flags, and the router that a switch's short cut goes round at the end.
pub static V7: LazyLock<Form> = LazyLock::new(|| Form {
    version: 7,
    plan: plan(&[
        (8, 4),
        (12, 4),
        (15, 4),
        (10, 2),
        (14, 2),
        (2, 4),
        (1, 4),
        (22, 4),
        (21, 4),
        (7, 2),
        (11, 2),
        (UNUSED, 1),
        (6, 1),
        (4, 1),
        (5, 1),
        (16, 2),
        (17, 2),
        (9, 1),
        (13, 1),
        (UNUSED, 2),
        (UNUSED, 4),
    ]),
});

fn plan(fields: &[(u16, u16)]) -> Plan {
    let specifiers = fields.iter().map(|(element, length)| Specifier::iana(*element, *length));
    Plan::new(&Template { id: 0, scopes: 0, specifiers: specifiers.collect() })
}

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
