//! The header of NetFlow 9 (RFC 3954 section 5.1). Its sets are read as those of IPFIX.

use crate::octets::Octets;

/// Version number.
pub const VERSION: u16 = 9;
/// Octets of the header.
pub const HEADER_LENGTH: usize = 20;
/// Set identifier of templates.
pub const TEMPLATE_SET: u16 = 0;
/// Set identifier of options templates.
pub const OPTIONS_TEMPLATE_SET: u16 = 1;

/// The header. The count of records is left out: devices count differently, and the sets tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Milliseconds since the device booted.
    pub uptime: u32,
    /// Seconds since the epoch.
    pub seconds: u32,
    /// Sequence number of the datagram.
    pub sequence: u32,
    /// Source identifier.
    pub source: u32,
}

impl Header {
    /// Takes the header from the front of `octets`; none when it is cut off.
    pub fn take(octets: &mut Octets<'_>) -> Option<Self> {
        let mut header = Octets(octets.take(HEADER_LENGTH)?);
        header.u32()?;
        Some(Self {
            uptime: header.u32()?,
            seconds: header.u32()?,
            sequence: header.u32()?,
            source: header.u32()?,
        })
    }
}
