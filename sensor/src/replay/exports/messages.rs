//! IPFIX messages one behind the other: in files (RFC 5655), and in streams.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr},
};

use sensor_wire::ipfix::MESSAGE_HEADER_LENGTH;

use super::datagram::{Counts, Datagram, Sink};
use crate::replay::capture::{CaptureFault, input::Input};

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

/// What a message tells of its sender, by which the next one is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    domain: u32,
    /// Seconds since the epoch.
    export: u32,
}

/// Seconds by which export times of neighbouring messages may differ.
const NEAR: u32 = 3600;

impl Known {
    /// Of the message at the start of `octets`; none where its header is cut off.
    pub fn of(octets: &[u8]) -> Option<Self> {
        let header = octets.first_chunk::<MESSAGE_HEADER_LENGTH>()?;
        let word = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        Some(Self { export: word(4), domain: word(12) })
    }

    fn resembles(&self, other: &Self) -> bool {
        self.domain == other.domain && self.export.abs_diff(other.export) <= NEAR
    }
}

/// Whether a message begins somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// As good as certain.
    Yes,
    /// More octets would tell.
    Perhaps,
    /// No.
    No,
}

/// Whether a message begins with `octets`, which may be the middle of one. `known` tells of an earlier message of the stream;
/// `aligned`: they begin where the sender has begun to write.
pub fn begin(octets: &[u8], known: Option<&Known>, aligned: bool) -> Begin {
    /// Octets of a set's header.
    const SET: usize = 4;
    if !begins(octets) {
        return Begin::No;
    }
    let (Some(length), Some(here)) = (length(octets), Known::of(octets)) else {
        return Begin::Perhaps;
    };
    let Some(set) = octets.get(MESSAGE_HEADER_LENGTH..MESSAGE_HEADER_LENGTH + SET) else {
        return if length == MESSAGE_HEADER_LENGTH { Begin::No } else { Begin::Perhaps };
    };
    let (id, set) = (u16::from_be_bytes([set[0], set[1]]), u16::from_be_bytes([set[2], set[3]]));
    let room = length.saturating_sub(MESSAGE_HEADER_LENGTH);
    if !(id == 2 || id == 3 || id >= 256) || !(SET..=room).contains(&set.into()) {
        return Begin::No;
    }
    if aligned || known.is_some_and(|known| known.resembles(&here)) {
        return Begin::Yes;
    }
    // Else the next message has to follow.
    match octets.get(length..).map(|next| (begins(next), Known::of(next))) {
        None | Some((true, None)) => Begin::Perhaps,
        Some((true, Some(next))) if next.resembles(&here) => Begin::Yes,
        Some(_) => Begin::No,
    }
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
            return Err(input.malformed("no IPFIX message starts there"));
        }
        let length = length(header).unwrap_or(MESSAGE_HEADER_LENGTH);
        let seconds = header.get(4..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; 4]);
        input.fill(length)?;
        counts.datagrams += 1;
        let received = u64::from(u32::from_be_bytes(seconds)) * 1000;
        if sink(Datagram { from, to: None, received, octets: input.block() }).is_break() {
            break;
        }
    }
    Ok(())
}
