//! One TCP stream of a capture: its segments in their order, the messages in it by their lengths, and where they go on
//! behind what the capture lacks.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::messages::{self, Begin, Known};

/// Octets of a stream that may wait for a missing segment.
const WAITING: usize = 1 << 20;
/// Segments that may wait: they are searched for each that comes.
const SEGMENTS: usize = 1024;
/// How long a missing segment is waited for, milliseconds: senders repeat what is lost sooner.
const PATIENCE: u64 = 10_000;

/// What streams held besides messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Octets of streams of IPFIX that are in no whole message.
    pub octets: u64,
    /// Octets of streams of IPFIX that the capture lacks.
    pub missing: u64,
    /// Frames of streams of something else.
    pub others: u64,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Stream {
    /// Sequence number of the first octet, where its SYN was seen.
    pub first: Option<u32>,
    /// Sequence number behind the last octet, where its FIN was seen.
    pub end: Option<u32>,
    /// Sequence number of the next octet; none before one is known.
    next: Option<u32>,
    /// Where the first segment that was seen begins, if no SYN was and nothing is known to lie before it.
    seen: Option<u32>,
    /// The begun message, or what may hold the beginning of one.
    message: Vec<u8>,
    /// Octets that still belong to a message whose beginning is missing.
    skip: usize,
    /// It is not known where the next message begins.
    searching: bool,
    /// `message` begins where a segment does.
    aligned: bool,
    /// What the last message told of its sender.
    known: Option<Known>,
    /// Segments behind a gap, by sequence number.
    waiting: BTreeMap<u32, Vec<u8>>,
    waiting_octets: usize,
    /// When the gap was first seen, milliseconds since the epoch.
    gap_since: u64,
}

/// Whether sequence number `a` lies behind `b`.
fn is_behind(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 > 0
}

impl Stream {
    /// A stream whose next octet has number `next`, told by a SYN or not; none: nothing tells where it begins.
    pub fn new(next: Option<u32>, by_syn: bool) -> Self {
        let first = next.filter(|_| by_syn);
        let seen = next.filter(|_| !by_syn);
        Self { first, next, seen, ..Self::default() }
    }

    /// Whether octet `sequence` lies behind what has been read.
    pub fn is_ahead(&self, sequence: u32) -> bool {
        self.next.is_none_or(|next| is_behind(sequence, next))
    }

    /// Whether all that was sent has come.
    pub fn has_ended(&self) -> bool {
        self.end.is_some() && self.end == self.next
    }

    /// Whether it begins with something else than messages.
    pub fn is_foreign(&self) -> bool {
        self.next.is_some() && !messages::begins(&self.message)
    }

    /// Whether it has shown a message, from which on it is read. `last` asks for one that begins anywhere.
    pub fn shows_message(&mut self, last: bool) -> bool {
        if self.next.is_some() {
            return !self.message.is_empty() && messages::begins(&self.message);
        }
        let aligned = |data: &Vec<u8>| messages::begin(data, None, true) == Begin::Yes;
        let starts = self.waiting.iter().filter(|(_, data)| aligned(data)).map(|(start, _)| *start);
        let all = self.waiting.keys().copied();
        let earliest = |a: u32, b: u32| if is_behind(a, b) { b } else { a };
        let start = match starts.reduce(earliest) {
            Some(start) => start,
            None if last => {
                let Some(start) = all.reduce(earliest) else { return false };
                self.searching = true;
                start
            }
            None => return false,
        };
        self.next = Some(start);
        self.seen = Some(start);
        let early: Vec<u32> =
            self.waiting.keys().copied().filter(|other| is_behind(start, *other)).collect();
        for sequence in early {
            self.forget_waiting(sequence);
        }
        self.take_waiting();
        if self.searching {
            // Only where one is found it is one of messages.
            let mut nothing = Rest::default();
            self.search(false, &mut nothing);
            return !self.searching;
        }
        true
    }

    fn forget_waiting(&mut self, sequence: u32) -> Option<Vec<u8>> {
        let data = self.waiting.remove(&sequence)?;
        self.waiting_octets -= data.len();
        Some(data)
    }

    /// Takes the segment with `data` that starts at `sequence`, at `now` (milliseconds since the epoch).
    pub fn take(&mut self, sequence: u32, data: &[u8], now: u64, rest: &mut Rest) {
        if data.is_empty() {
            return;
        }
        match self.next {
            Some(next) if !is_behind(sequence, next) => {
                if !self.take_early(sequence, data) {
                    self.append(sequence, data, rest);
                    self.take_waiting_into(rest);
                }
            }
            _ => {
                if self.waiting.is_empty() {
                    self.gap_since = now;
                }
                // One that comes again may be longer.
                let known = self.waiting.get(&sequence).map_or(0, Vec::len);
                if data.len() > known {
                    self.waiting_octets = self.waiting_octets + data.len() - known;
                    self.waiting.insert(sequence, data.to_vec());
                }
            }
        }
        let is_late = |stream: &Self| {
            stream.waiting_octets > WAITING
                || stream.waiting.len() > SEGMENTS
                || now >= stream.gap_since.saturating_add(PATIENCE)
        };
        while self.next.is_some() && !self.waiting.is_empty() && is_late(self) {
            self.skip_gap(rest);
            self.gap_since = now;
        }
    }

    /// Of a stream without a SYN, the first segments may have been captured in another order: one that ends where the first
    /// begins, with messages of its own, goes before what has been read of it. False when this is none.
    fn take_early(&mut self, sequence: u32, data: &[u8]) -> bool {
        let ends_there = self.seen == Some(sequence.wrapping_add(data.len() as u32));
        let early = ends_there && messages::begin(data, self.known.as_ref(), true) == Begin::Yes;
        if early && self.message.is_empty() && !self.searching {
            self.seen = Some(sequence);
            self.message.extend_from_slice(data);
            return true;
        }
        false
    }

    fn take_waiting(&mut self) {
        self.take_waiting_into(&mut Rest::default());
    }

    /// Appends those that follow now; their order in the map is that of the stream but for the wrap of the numbers.
    fn take_waiting_into(&mut self, rest: &mut Rest) {
        while let Some(next) = self.next {
            let mut all = self.waiting.keys().copied();
            let Some(start) = all.find(|start| !is_behind(*start, next)) else { return };
            if let Some(data) = self.forget_waiting(start) {
                self.append(start, &data, rest);
            }
        }
    }

    /// Appends what is new of a segment that starts at or before the next octet.
    fn append(&mut self, sequence: u32, data: &[u8], rest: &mut Rest) {
        let Some(next) = self.next else { return };
        let Some(new) = data.get(next.wrapping_sub(sequence) as usize..) else { return };
        self.next = Some(next.wrapping_add(new.len() as u32));
        let skipped = self.skip.min(new.len());
        self.skip -= skipped;
        rest.octets += skipped as u64;
        if self.message.is_empty() {
            self.aligned = next == sequence && skipped == 0;
        }
        self.message.extend_from_slice(&new[skipped..]);
    }

    /// Gives up on what is missing before the first segment that waits.
    fn skip_gap(&mut self, rest: &mut Rest) {
        let Some(next) = self.next else { return };
        let Some(start) = self.waiting.keys().copied().min_by_key(|start| start.wrapping_sub(next))
        else {
            return;
        };
        let gap = start.wrapping_sub(next);
        rest.missing += u64::from(gap);
        rest.octets += self.message.len() as u64;
        // The message that was cut tells where it ends, and so where the next begins.
        let missing = match messages::length(&self.message) {
            _ if self.searching => None,
            Some(length) => Some(length.saturating_sub(self.message.len())),
            None if self.skip != 0 => Some(self.skip),
            None => None,
        };
        self.message.clear();
        let left = missing.and_then(|missing| missing.checked_sub(gap as usize));
        self.searching = left.is_none();
        self.skip = left.unwrap_or(0);
        self.next = Some(start);
        self.take_waiting_into(rest);
    }

    /// Where it is not known where messages begin, looks for the beginning of one. `last`: nothing more comes.
    fn search(&mut self, last: bool, rest: &mut Rest) {
        let mut at = 0;
        while self.searching && at < self.message.len() {
            let aligned = self.aligned && at == 0;
            let mut found = messages::begin(&self.message[at..], self.known.as_ref(), aligned);
            if found == Begin::Perhaps && last {
                let length = messages::length(&self.message[at..]);
                let whole = length == Some(self.message.len() - at);
                found = if whole { Begin::Yes } else { Begin::No };
            }
            match found {
                Begin::Yes => self.searching = false,
                Begin::Perhaps => break,
                Begin::No => {
                    // The next octet that may be the first of one.
                    let more = self.message[at + 1..].iter().position(|octet| *octet == 0);
                    at = more.map_or(self.message.len(), |more| at + 1 + more);
                }
            }
        }
        if at != 0 {
            rest.octets += at as u64;
            self.message.drain(..at);
            self.aligned = false;
        }
    }

    /// Hands over the whole messages.
    pub fn messages(
        &mut self,
        rest: &mut Rest,
        sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        let flow = loop {
            if self.searching {
                self.message.drain(..start);
                start = 0;
                self.search(false, rest);
                if self.searching {
                    break ControlFlow::Continue(());
                }
            }
            let octets = &self.message[start..];
            if !messages::begins(octets) {
                self.searching = true;
                self.aligned = false;
                continue;
            }
            let length = messages::length(octets).filter(|length| octets.len() >= *length);
            let Some(length) = length else { break ControlFlow::Continue(()) };
            self.known = Known::of(octets).or(self.known);
            let flow = sink(&octets[..length]);
            start += length;
            if flow.is_break() {
                break flow;
            }
        };
        self.message.drain(..start);
        if start != 0 && self.message.is_empty() {
            self.message.shrink_to(1 << 16);
        }
        flow
    }

    /// Nothing more comes: hands over what can still be read, whatever is missing, and counts the rest.
    pub fn finish(
        &mut self,
        rest: &mut Rest,
        sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut flow = self.messages(rest, sink);
        while flow.is_continue() && !self.waiting.is_empty() && self.next.is_some() {
            self.skip_gap(rest);
            flow = self.messages(rest, sink);
        }
        if flow.is_continue() && self.searching {
            self.search(true, rest);
            flow = self.messages(rest, sink);
        }
        rest.octets += (self.message.len() + self.waiting_octets) as u64;
        self.message = Vec::new();
        self.waiting.clear();
        self.waiting_octets = 0;
        flow
    }
}
