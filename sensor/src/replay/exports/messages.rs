//! IPFIX messages one behind the other: in files (RFC 5655), and in streams.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr},
};

use super::{Counts, Datagram, Sink};
use crate::{
    replay::capture::{CaptureFault, input::Input},
    wire::ipfix::MESSAGE_HEADER_LENGTH,
};

/// What a message begins with: the version.
pub const MAGIC: [u8; 2] = [0, 10];

/// False when `octets`, of which there may be few yet, are not the start of a message.
pub fn begins(octets: &[u8]) -> bool {
    let known = octets.len().min(MAGIC.len());
    octets[..known] == MAGIC[..known]
        && length(octets).is_none_or(|length| length >= MESSAGE_HEADER_LENGTH)
}

/// Octets of the message at the start of `octets`, as its header says.
pub fn length(octets: &[u8]) -> Option<usize> {
    octets.get(2..)?.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)))
}

/// Hands the messages of a file to `sink`, as received when they say that they were exported.
///
/// # Errors
/// When something is no whole message; those before it were handed over.
pub fn read(
    reader: impl Read,
    counts: &mut Counts,
    sink: &mut impl Sink,
) -> Result<(), CaptureFault> {
    let from = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let mut input = Input::new(reader);
    while input.begin_block(MESSAGE_HEADER_LENGTH)? {
        let header = input.block();
        if !begins(header) {
            return Err(input.malformed("no IPFIX message begins there"));
        }
        let length = length(header).unwrap_or(MESSAGE_HEADER_LENGTH);
        let seconds = header.get(4..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; 4]);
        input.fill(length)?;
        counts.datagrams += 1;
        let received = u64::from(u32::from_be_bytes(seconds)) * 1000;
        if sink(Datagram { from, received, octets: input.block() }).is_break() {
            break;
        }
    }
    Ok(())
}
