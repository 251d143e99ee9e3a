//! What files of captured exports hold: datagrams and messages, and what was neither.

use std::{net::SocketAddr, ops::ControlFlow};

use serde::Serialize;

/// What a device sent: the payload of a UDP datagram, or a message of a stream or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it. An IPFIX file does not tell: its messages come from the unspecified address.
    pub from: SocketAddr,
    /// Where it went; streams and files do not tell.
    pub to: Option<SocketAddr>,
    /// When it was captured, or says that it was exported: milliseconds since the epoch.
    pub received: u64,
    /// Its octets.
    pub octets: &'a [u8],
}

/// What files held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Files.
    pub files: u64,
    /// Frames of captures.
    pub frames: u64,
    /// Datagrams and messages that were read.
    pub datagrams: u64,
    /// Datagrams of which the capture has only the first part: they are read as far as they go.
    pub cut: u64,
    /// Frames that carry neither UDP nor IPFIX over TCP.
    pub others: u64,
    /// Fragments of datagrams of which something before them is missing.
    pub fragments: u64,
    /// Octets of TCP streams of IPFIX that are in no whole message.
    pub stream_octets: u64,
    /// Octets of TCP streams of IPFIX that the capture lacks.
    pub stream_missing: u64,
}

/// Where datagrams go: a break ends the reading.
pub trait Sink: FnMut(Datagram<'_>) -> ControlFlow<()> {}

impl<F: FnMut(Datagram<'_>) -> ControlFlow<()>> Sink for F {}
