//! Captured exports: the datagrams of routers in captures, IPFIX messages in TCP streams, and IPFIX files (RFC 5655).
//!
//! * [`packet`]: an IP packet taken apart, and those within tunnels. [`fragments`]: fragments put together.
//! * [`streams`]: TCP streams of messages; [`stream`]: the messages in one.
//! * [`messages`]: IPFIX files.
//!
//! What a file is, its first octets tell. Memory is bounded whatever it holds; what was no datagram is counted.

use std::{
    io::{Cursor, Read},
    net::SocketAddr,
    ops::ControlFlow,
    path::Path,
};

mod datagram;
pub mod fragments;
pub mod messages;
pub mod packet;
pub mod stream;
pub mod streams;
#[cfg(test)]
mod tests;

pub use datagram::{Counts, Datagram, Sink};
use sensor_common::packet::ip::protocol;

use self::{
    fragments::Fragments,
    packet::{Packet, Udp},
    stream::Rest,
    streams::Streams,
};
use super::{
    capture::{CaptureError, CaptureFault, CaptureReader, Frame},
    link::Link,
    meter::Meter,
    open,
};

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
    let mut frames = Frames {
        fragments: Fragments::default(),
        streams: Streams::default(),
        received: 0,
        counts,
        sink,
    };
    let (result, flow) = loop {
        match capture.next() {
            Ok(Some(read)) => {
                frames.counts.frames += 1;
                if frames.frame(&read).is_break() {
                    break (Ok(()), ControlFlow::Break(()));
                }
            }
            Ok(None) => break (Ok(()), ControlFlow::Continue(())),
            Err(error) => break (Err(error), ControlFlow::Continue(())),
        }
    };
    frames.finish(flow);
    result
}

/// A capture on its way to datagrams.
struct Frames<'a, S> {
    fragments: Fragments,
    streams: Streams,
    /// When the last frame was captured, milliseconds since the epoch.
    received: u64,
    counts: &'a mut Counts,
    sink: &'a mut S,
}

impl<S: Sink> Frames<'_, S> {
    fn frame(&mut self, frame: &Frame<'_>) -> ControlFlow<()> {
        let received = frame.timestamp_ns / 1_000_000;
        self.received = received;
        let packet = Link::of(frame).packet(frame.data).and_then(Packet::parse);
        let Some(packet) = packet.map(Packet::innermost) else {
            self.counts.others += 1;
            return ControlFlow::Continue(());
        };
        if packet.fragment.is_none() {
            return self.packet(packet, received);
        }
        let whole = self.fragments.put(&packet, received);
        self.beginnings(received)?;
        let Some(payload) = whole else { return ControlFlow::Continue(()) };
        self.packet(Packet { payload: &payload, fragment: None, ..packet }.innermost(), received)
    }

    /// Reads the beginnings of packets whose rest has not come up to `now`.
    fn beginnings(&mut self, now: u64) -> ControlFlow<()> {
        while let Some(beginning) = self.fragments.give_up(now) {
            let fragments::Beginning { source, destination, protocol, payload, received } =
                &beginning;
            let packet = Packet {
                source: *source,
                destination: *destination,
                protocol: *protocol,
                payload,
                fragment: None,
            };
            self.packet(packet.innermost(), *received)?;
        }
        ControlFlow::Continue(())
    }

    fn packet(&mut self, packet: Packet<'_>, received: u64) -> ControlFlow<()> {
        let Self { streams, counts, sink, .. } = self;
        let flow = match packet.protocol {
            protocol::UDP => Udp::parse(packet.payload).map(|udp| {
                counts.datagrams += 1;
                counts.cut += u64::from(udp.cut);
                let from = SocketAddr::new(packet.source, udp.source_port);
                let to = Some(SocketAddr::new(packet.destination, udp.destination_port));
                sink(Datagram { from, to, received, octets: udp.payload })
            }),
            protocol::TCP => streams.put(&packet, received, &mut |from, octets: &[u8]| {
                counts.datagrams += 1;
                sink(Datagram { from, to: None, received, octets })
            }),
            _ => None,
        };
        flow.unwrap_or_else(|| {
            self.counts.others += 1;
            ControlFlow::Continue(())
        })
    }

    /// Nothing more comes: reads what can still be read, unless nobody wants it (`flow`), and counts the rest.
    fn finish(mut self, flow: ControlFlow<()>) {
        let mut flow = flow;
        if flow.is_continue() {
            flow = self.beginnings(u64::MAX);
        }
        let Self { fragments, streams, received, counts, sink } = self;
        counts.fragments += fragments.given_up();
        let mut read = 0;
        let (rest, _) = streams.finish(&mut |from, octets: &[u8]| {
            if flow.is_continue() {
                read += 1;
                flow = sink(Datagram { from, to: None, received, octets });
            }
            flow
        });
        let Rest { octets, missing, others } = rest;
        counts.datagrams += read;
        counts.stream_octets += octets;
        counts.stream_missing += missing;
        counts.others += others;
    }
}
