//! IPFIX messages in captured TCP streams (RFC 7011 section 10.4): segments in their order, messages by their lengths.

use std::{collections::BTreeMap, net::SocketAddr, ops::ControlFlow};

use super::{messages, packet::Packet};

/// Streams that are followed at a time; beyond, new ones are not.
const OPEN: usize = 1024;
/// Octets of a stream that may wait for a missing segment.
const WAITING: usize = 1 << 20;
/// Segments that may wait: they are searched for each that comes.
const SEGMENTS: usize = 1024;

/// Header flags of TCP.
mod flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
}

/// The streams of IPFIX in a capture.
#[derive(Debug, Default)]
pub struct Streams {
    open: BTreeMap<(SocketAddr, SocketAddr), Stream>,
    given_up: u64,
}

/// One direction of a connection.
#[derive(Debug)]
struct Stream {
    /// Sequence number of the next octet.
    next: u32,
    /// The begun message.
    message: Vec<u8>,
    /// Segments behind a gap, by sequence number.
    waiting: BTreeMap<u32, Vec<u8>>,
    waiting_octets: usize,
}

impl Streams {
    /// Takes a segment, and hands the messages that it completes to `sink`. None when it is of no stream of IPFIX.
    pub fn put(
        &mut self,
        packet: &Packet<'_>,
        sink: &mut impl FnMut(SocketAddr, &[u8]) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        let (header, _) = packet.payload.split_first_chunk::<20>()?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let payload = packet.payload.get(usize::from(header[12] >> 4) * 4..)?;
        let from = SocketAddr::new(packet.source, word(0));
        let key = (from, SocketAddr::new(packet.destination, word(2)));
        let flags = header[13];
        if flags & flag::SYN != 0 || !self.open.contains_key(&key) {
            self.close(&key);
            // A stream of something else is told by its first octets.
            if payload.is_empty() || !messages::begins(payload) || self.open.len() >= OPEN {
                return None;
            }
            let next = sequence.wrapping_add(u32::from(flags & flag::SYN != 0));
            self.open.insert(key, Stream::new(next));
        }
        let stream = self.open.get_mut(&key)?;
        let start = sequence.wrapping_add(u32::from(flags & flag::SYN != 0));
        let sound = stream.take(start, payload);
        let flow = stream.messages(from, sink);
        if flow.is_none() || !sound || flags & (flag::FIN | flag::RST) != 0 {
            self.close(&key);
        }
        Some(flow.unwrap_or(ControlFlow::Continue(())))
    }

    fn close(&mut self, key: &(SocketAddr, SocketAddr)) {
        if let Some(stream) = self.open.remove(key) {
            self.given_up += stream.octets();
        }
    }

    /// Octets that are in no whole message, those that still might have been included.
    pub fn given_up(&self) -> u64 {
        self.given_up + self.open.values().map(Stream::octets).sum::<u64>()
    }
}

impl Stream {
    fn new(next: u32) -> Self {
        Self { next, message: Vec::new(), waiting: BTreeMap::new(), waiting_octets: 0 }
    }

    fn octets(&self) -> u64 {
        (self.message.len() + self.waiting_octets) as u64
    }

    /// Takes the segment that starts at `sequence`; false when a gap will never close.
    fn take(&mut self, sequence: u32, payload: &[u8]) -> bool {
        if sequence.wrapping_sub(self.next) as i32 > 0 {
            self.waiting.entry(sequence).or_insert_with(|| {
                self.waiting_octets += payload.len();
                payload.to_vec()
            });
            return self.waiting_octets <= WAITING && self.waiting.len() <= SEGMENTS;
        }
        self.append(sequence, payload);
        // Those that follow now; their order in the map is that of the stream but for the wrap of the numbers.
        loop {
            let next = self.next;
            let mut all = self.waiting.keys().copied();
            let ready = all.find(|start| start.wrapping_sub(next) as i32 <= 0);
            let Some(start) = ready else { return true };
            if let Some(payload) = self.waiting.remove(&start) {
                self.waiting_octets -= payload.len();
                self.append(start, &payload);
            }
        }
    }

    /// Appends what is new of a segment that starts at or before the next octet.
    fn append(&mut self, sequence: u32, payload: &[u8]) {
        let known = self.next.wrapping_sub(sequence) as usize;
        if let Some(new) = payload.get(known..) {
            self.message.extend_from_slice(new);
            self.next = self.next.wrapping_add(new.len() as u32);
        }
    }

    /// Hands over the whole messages; none when what follows is no message.
    fn messages(
        &mut self,
        from: SocketAddr,
        sink: &mut impl FnMut(SocketAddr, &[u8]) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        let mut start = 0;
        let flow = loop {
            let rest = &self.message[start..];
            if !messages::begins(rest) {
                break None;
            }
            let Some(length) = messages::length(rest).filter(|length| rest.len() >= *length) else {
                break Some(ControlFlow::Continue(()));
            };
            start += length;
            if sink(from, &rest[..length]).is_break() {
                break Some(ControlFlow::Break(()));
            }
        };
        self.message.drain(..start);
        flow
    }
}
