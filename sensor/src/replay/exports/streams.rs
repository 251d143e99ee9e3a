//! The TCP streams of IPFIX in a capture (RFC 7011 section 10.4): which connections they are, from their first segment to
//! their last. A capture may begin in the midst of one, lack segments, and have them twice or in another order.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    ops::ControlFlow,
};

use super::{
    messages,
    packet::Packet,
    stream::{Rest, Stream},
};

/// Streams that are followed at a time; beyond, those make room of which nothing tells yet what they are.
const OPEN: usize = 1024;
/// Frames after which a stream that has shown no message is one of something else.
const TRIED: u64 = 8;

/// Header flags of TCP.
mod flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
}

/// Ends of one direction of a connection.
type Key = (SocketAddr, SocketAddr);

/// The streams of a capture.
#[derive(Debug, Default)]
pub struct Streams {
    open: BTreeMap<Key, Followed>,
    /// Streams that make room for others, the oldest first; some have gone, or are no longer of that kind.
    spare: VecDeque<Key>,
    rest: Rest,
}

/// A stream, and what is known of it.
#[derive(Debug)]
struct Followed {
    stream: Stream,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has shown no message yet, in so many frames with data.
    Undecided(u64),
    /// It is one of messages.
    Messages,
    /// It has ended; what comes again is known.
    Ended,
}

/// A TCP segment.
struct Segment<'a> {
    /// Sequence number of its first octet of data.
    start: u32,
    flags: u8,
    data: &'a [u8],
}

impl Streams {
    /// Takes a segment that was captured at `now` (milliseconds since the epoch), and hands the messages that it completes to
    /// `sink`. None when it is of no stream that may be one of IPFIX.
    pub fn put(
        &mut self,
        packet: &Packet<'_>,
        now: u64,
        sink: &mut impl FnMut(SocketAddr, &[u8]) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        let (header, _) = packet.payload.split_first_chunk::<20>()?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let flags = header[13];
        let segment = Segment {
            start: sequence.wrapping_add(u32::from(flags & flag::SYN != 0)),
            flags,
            data: packet.payload.get(usize::from(header[12] >> 4) * 4..)?,
        };
        let from = SocketAddr::new(packet.source, word(0));
        let key = (from, SocketAddr::new(packet.destination, word(2)));
        let mut sink = |octets: &[u8]| sink(from, octets);
        if let Some(flow) = self.begin(key, &segment, &mut sink)
            && flow.is_break()
        {
            return Some(flow);
        }
        let Self { open, rest, .. } = self;
        let followed = open.get_mut(&key)?;
        if followed.phase == Phase::Ended {
            return Some(ControlFlow::Continue(()));
        }
        if segment.data.is_empty() && followed.phase == Phase::Undecided(0) {
            return None;
        }
        followed.stream.take(segment.start, segment.data, now, rest);
        if segment.flags & flag::FIN != 0 {
            followed.stream.end = Some(segment.start.wrapping_add(segment.data.len() as u32));
        }
        followed.decide(u64::from(!segment.data.is_empty()));
        let mut flow = ControlFlow::Continue(());
        match followed.phase {
            Phase::Undecided(frames) => {
                if frames >= TRIED || followed.stream.is_foreign() {
                    rest.others += frames;
                    open.remove(&key);
                } else if segment.flags & flag::RST != 0 {
                    flow = self.close(&key, &mut sink).unwrap_or(flow);
                }
            }
            Phase::Messages | Phase::Ended => {
                flow = followed.stream.messages(rest, &mut sink);
                if flow.is_continue()
                    && (segment.flags & flag::RST != 0 || followed.stream.has_ended())
                {
                    flow = followed.stream.finish(rest, &mut sink);
                    followed.phase = Phase::Ended;
                    self.make_spare(key);
                }
            }
        }
        Some(flow)
    }

    /// Sees that a stream is there for `segment`, where it may be one of IPFIX; another of its ends is ended.
    fn begin(
        &mut self,
        key: Key,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        let is_new = segment.flags & flag::SYN != 0;
        let mut flow = None;
        if let Some(followed) = self.open.get_mut(&key) {
            let again = is_new && followed.stream.first == Some(segment.start);
            let ended = followed.phase == Phase::Ended
                && !segment.data.is_empty()
                && followed.stream.is_ahead(segment.start);
            if again || !is_new && !ended {
                return None;
            }
            flow = self.close(&key, sink);
        }
        if !is_new && segment.data.is_empty() || !self.has_room() {
            return flow;
        }
        let is_message = !is_new && messages::begins(segment.data);
        let next = (is_new || is_message).then_some(segment.start);
        let stream = Stream::new(next, is_new);
        let phase = if is_message { Phase::Messages } else { Phase::Undecided(0) };
        self.open.insert(key, Followed { stream, phase });
        if !is_message {
            self.make_spare(key);
        }
        flow
    }

    fn close(
        &mut self,
        key: &Key,
        sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        Some(self.open.remove(key)?.finish(&mut self.rest, sink))
    }

    fn make_spare(&mut self, key: Key) {
        if self.spare.len() >= 4 * OPEN {
            let open = &self.open;
            self.spare.retain(|key| {
                open.get(key).is_some_and(|followed| followed.phase != Phase::Messages)
            });
        }
        self.spare.push_back(key);
    }

    /// Makes room for another stream; false where all are streams of messages.
    fn has_room(&mut self) -> bool {
        while self.open.len() >= OPEN {
            let Some(key) = self.spare.pop_front() else { return false };
            match self.open.get(&key).map(|followed| followed.phase) {
                Some(Phase::Undecided(frames)) => {
                    self.rest.others += frames;
                    self.open.remove(&key);
                }
                Some(Phase::Ended) => drop(self.open.remove(&key)),
                Some(Phase::Messages) | None => {}
            }
        }
        true
    }

    /// The capture has ended: hands over what can still be read, gaps or not, and tells what else there was.
    pub fn finish(
        mut self,
        sink: &mut impl FnMut(SocketAddr, &[u8]) -> ControlFlow<()>,
    ) -> (Rest, ControlFlow<()>) {
        let mut flow = ControlFlow::Continue(());
        for ((from, _), followed) in std::mem::take(&mut self.open) {
            let mut sink = |octets: &[u8]| if flow.is_break() { flow } else { sink(from, octets) };
            let end = followed.finish(&mut self.rest, &mut sink);
            if flow.is_continue() {
                flow = end;
            }
        }
        (self.rest, flow)
    }
}

impl Followed {
    /// Nothing more comes: hands over what can still be read, and counts the rest.
    fn finish(
        mut self,
        rest: &mut Rest,
        sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.phase {
            Phase::Undecided(frames) if !self.stream.shows_message(true) => rest.others += frames,
            Phase::Undecided(_) | Phase::Messages => return self.stream.finish(rest, sink),
            Phase::Ended => {}
        }
        ControlFlow::Continue(())
    }

    /// Sees whether a stream that has shown nothing yet, in `more` frames more, is one of messages.
    fn decide(&mut self, more: u64) {
        if let Phase::Undecided(frames) = self.phase {
            let frames = frames + more;
            let shows = self.stream.shows_message(frames >= TRIED);
            self.phase = if shows { Phase::Messages } else { Phase::Undecided(frames) };
        }
    }
}
