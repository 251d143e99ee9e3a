//! Captured exports: the datagrams of routers in captures, IPFIX messages in TCP streams, and IPFIX files (RFC 5655).
//!
//! * [`packet`]: an IP packet taken apart. [`fragments`]: fragments put together. [`streams`]: messages in TCP streams.
//! * [`messages`]: IPFIX files.
//!
//! What a file is, its first octets tell. Memory is bounded whatever it holds; what was no datagram is counted.

use std::{
    io::{Cursor, Read},
    net::SocketAddr,
    ops::ControlFlow,
    path::Path,
};

pub mod fragments;
pub mod messages;
pub mod packet;
pub mod streams;
#[cfg(test)]
mod tests;

use self::{
    fragments::Fragments,
    packet::{Packet, Udp},
    streams::Streams,
};
use super::{
    capture::{CaptureError, CaptureFault, CaptureReader, Frame},
    link::Link,
    meter::Meter,
    open,
};

/// What an exporter sent: the payload of a UDP datagram, or a message of a stream or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it. An IPFIX file does not tell: its messages come from the unspecified address.
    pub from: SocketAddr,
    /// When it was captured, or says that it was exported: milliseconds since the epoch.
    pub received: u64,
    /// Its octets.
    pub octets: &'a [u8],
}

/// What files held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Fragments of datagrams that never became whole.
    pub fragments: u64,
    /// Octets of TCP streams of IPFIX that are in no whole message.
    pub stream_octets: u64,
}

/// Where datagrams go: a break ends the reading.
pub trait Sink: FnMut(Datagram<'_>) -> ControlFlow<()> {}

impl<F: FnMut(Datagram<'_>) -> ControlFlow<()>> Sink for F {}

/// Hands the datagrams of the file at `path`, `-` being standard input, to `sink` in their order. `meter` counts
/// what is read.
///
/// # Errors
/// When it cannot be read to its end; what was read before was handed over.
pub fn read(
    path: &Path,
    meter: &Meter,
    counts: &mut Counts,
    sink: &mut impl Sink,
) -> Result<(), CaptureError> {
    let fail = |fault| CaptureError { path: Some(path.to_owned()), fault };
    counts.files += 1;
    let mut file = open::open(path, meter).map_err(|error| fail(CaptureFault::Open(error)))?;
    let mut start = Vec::new();
    let begun = file.by_ref().take(messages::MAGIC.len() as u64).read_to_end(&mut start);
    begun.map_err(|source| fail(CaptureFault::Read { offset: 0, source }))?;
    let is_messages = start == messages::MAGIC;
    let whole = Cursor::new(start).chain(file);
    if is_messages {
        return messages::read(whole, counts, sink).map_err(fail);
    }
    let mut capture = CaptureReader::of_file(path, Box::new(whole))?;
    frames(&mut capture, counts, sink)
}

/// Hands the datagrams in the frames of `capture` to `sink`.
///
/// # Errors
/// As [`read`].
pub fn frames<R: Read>(
    capture: &mut CaptureReader<R>,
    counts: &mut Counts,
    sink: &mut impl Sink,
) -> Result<(), CaptureError> {
    let (mut fragments, mut streams) = (Fragments::default(), Streams::default());
    let result = loop {
        match capture.next() {
            Ok(Some(read)) => {
                counts.frames += 1;
                if frame(&read, &mut fragments, &mut streams, counts, sink).is_break() {
                    break Ok(());
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    counts.fragments += fragments.given_up();
    counts.stream_octets += streams.given_up();
    result
}

fn frame(
    frame: &Frame<'_>,
    fragments: &mut Fragments,
    streams: &mut Streams,
    counts: &mut Counts,
    sink: &mut impl Sink,
) -> ControlFlow<()> {
    let received = frame.timestamp_ns / 1_000_000;
    let Some(packet) = Link::of(frame).packet(frame.data).and_then(Packet::parse) else {
        counts.others += 1;
        return ControlFlow::Continue(());
    };
    let whole;
    let packet = if packet.fragment.is_some() {
        let Some(payload) = fragments.put(&packet) else { return ControlFlow::Continue(()) };
        whole = payload;
        Packet { payload: &whole, fragment: None, ..packet }
    } else {
        packet
    };
    match packet.protocol {
        packet::UDP => {
            let Some(udp) = Udp::parse(packet.payload) else {
                counts.others += 1;
                return ControlFlow::Continue(());
            };
            counts.datagrams += 1;
            counts.cut += u64::from(udp.cut);
            let from = SocketAddr::new(packet.source, udp.source_port);
            sink(Datagram { from, received, octets: udp.payload })
        }
        packet::TCP => {
            let mut messages = |from, octets: &[u8]| {
                counts.datagrams += 1;
                sink(Datagram { from, received, octets })
            };
            match streams.put(&packet, &mut messages) {
                Some(flow) => flow,
                None => {
                    counts.others += 1;
                    ControlFlow::Continue(())
                }
            }
        }
        _ => {
            counts.others += 1;
            ControlFlow::Continue(())
        }
    }
}
