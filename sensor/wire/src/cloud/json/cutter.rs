//! Octets that come in pieces into the octets of records.
//!
//! Records stand one after the other (a line each, or without anything between them), in an array, or in an array that is a
//! member of an object, or of an object within it. Objects that grow are read in fragments: one may begin with `,{` and end without `]}`.
//!
//! Not everything that is no JSON is found here, only what hides where records begin and end: a string or an object that the
//! end of a line, or the next record, cuts off. Whoever reads the record finds the rest.

use super::{
    block::{self, Block, parity},
    nest::{Closed, Kind, Nest},
};
use crate::cloud::ledger::Reason;

/// Octets of the longest record that is read.
pub const LONGEST: usize = 4 << 20;
/// Levels of objects that may be around the array that holds the records.
const AROUND: u32 = 2;
/// Octets of what is broken that are told.
const TOLD: usize = 48;

/// What was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A record, from its first octet to its last one: an object, or an array within one.
    Whole(&'a [u8]),
    /// Records follow that are in an array of this object: what comes before them, with the array empty and everything closed.
    Opened(&'a [u8]),
    /// The object of the records before is at its end: all of it, with the array empty.
    Closed(&'a [u8]),
    /// One longer than [`LONGEST`].
    TooLong,
    /// One nested deeper than is read.
    TooDeep,
    /// No JSON, or one that is not whole: how it begins.
    Broken(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Why it is no record, and what to tell of it; none for what can be read.
    pub fn fault(self) -> Option<(Reason, &'a [u8])> {
        match self {
            Self::Whole(_) | Self::Opened(_) | Self::Closed(_) => None,
            Self::TooLong => Some((Reason::TooLong, b"")),
            Self::TooDeep => Some((Reason::Syntax, b"nested too deep")),
            Self::Broken(begin) => Some((Reason::Syntax, begin)),
        }
    }
}

/// What the records stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Nothing,
    Array,
    /// An array that is a member of so many objects, one in the other.
    Member(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between records.
    Between,
    /// In what is no JSON.
    Junk,
    /// In a record, or the object around records.
    Within,
}

/// Cuts octets into records.
#[derive(Debug)]
pub struct Cutter {
    /// Names of the members that may hold the records.
    arrays: &'static [&'static str],
    around: Around,
    state: State,
    nest: Nest,
    quoted: bool,
    escaped: bool,
    /// A line ended within a string of the value under way.
    is_torn: bool,
    /// The value under way is the object around the records that came.
    is_shell: bool,
    /// The value under way is too long: its octets are not kept.
    skips: bool,
    /// Octets of the value under way in earlier pieces.
    begun: Vec<u8>,
    /// The object around records, up to them.
    shell: Vec<u8>,
    /// The last octet of earlier pieces, and the last one that is no white space.
    last: (u8, u8),
    /// Records so far.
    count: u64,
}

/// Octets of one piece.
struct Piece<'p> {
    octets: &'p [u8],
    /// Where the value under way begins, or goes on.
    start: usize,
}

impl Cutter {
    /// Of an object whose records may stand in the member of one of these names.
    pub fn new(arrays: &'static [&'static str]) -> Self {
        Self {
            arrays,
            around: Around::Nothing,
            state: State::Between,
            nest: Nest::default(),
            quoted: false,
            escaped: false,
            is_torn: false,
            is_shell: false,
            skips: false,
            begun: Vec::new(),
            shell: Vec::new(),
            last: (b'\n', b','),
            count: 0,
        }
    }

    /// Calls `each` with every value that is complete now, and its number, from 1: that of the record, or of the records so far.
    #[inline]
    pub fn feed(&mut self, octets: &[u8], mut each: impl FnMut(u64, Value<'_>)) {
        let mut piece = Piece { octets, start: 0 };
        let mut at = 0;
        while at < octets.len() {
            at = match self.state {
                State::Between => self.between(&mut piece, at),
                State::Within => self.within(&mut piece, at, &mut each),
                State::Junk => self.junk(octets, at, &mut each),
            };
        }
        if self.state == State::Within {
            self.keep(&octets[piece.start..]);
        }
        if let Some(last) = octets.last() {
            let significant = octets.iter().rev().find(|octet| !is_space(**octet));
            self.last = (*last, significant.copied().unwrap_or(self.last.1));
        }
    }

    /// The object is at its end.
    pub fn finish(&mut self, mut each: impl FnMut(u64, Value<'_>)) {
        match self.state {
            State::Between => {}
            State::Junk => self.end_junk(&mut each),
            // An object that grows is closed when nobody looks any more.
            State::Within if self.is_shell => self.reset(),
            State::Within => self.give_up(&Piece { octets: b"", start: 0 }, 0, &mut each),
        }
        self.around = Around::Nothing;
    }

    /// Up to where a value begins.
    fn between(&mut self, piece: &mut Piece<'_>, mut at: usize) -> usize {
        while let Some(octet) = piece.octets.get(at) {
            match (octet, self.around) {
                // The last three are a byte-order mark.
                (b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xef | 0xbb | 0xbf, _) => {}
                (b'[', Around::Nothing) => self.around = Around::Array,
                (b'{', _) => return self.begin(piece, at, Kind::Object),
                (b'[', _) => return self.begin(piece, at, Kind::Array),
                (b']', Around::Array) => self.around = Around::Nothing,
                (b']', Around::Member(levels)) => {
                    self.around = Around::Nothing;
                    self.state = State::Within;
                    self.nest = Nest::of_objects(levels);
                    self.is_shell = true;
                    std::mem::swap(&mut self.begun, &mut self.shell);
                    piece.start = at;
                    return at + 1;
                }
                // What closes an object whose beginning was read before.
                (b']' | b'}', _) => {}
                _ => {
                    self.state = State::Junk;
                    self.count += 1;
                    return at;
                }
            }
            at += 1;
        }
        at
    }

    fn begin(&mut self, piece: &mut Piece<'_>, at: usize, kind: Kind) -> usize {
        self.state = State::Within;
        self.count += 1;
        self.nest.open(kind);
        piece.start = at;
        at + 1
    }

    /// Up to the end of what is no JSON: that of the line, or what may be a record.
    fn junk(&mut self, octets: &[u8], at: usize, each: &mut impl FnMut(u64, Value<'_>)) -> usize {
        let is_in_array = self.around != Around::Nothing;
        let ends = |octet: &u8| match octet {
            b'\n' | b'{' => true,
            b',' | b']' => is_in_array,
            _ => false,
        };
        let end = octets[at..].iter().position(ends);
        let junk = &octets[at..end.map_or(octets.len(), |end| at + end)];
        self.tell(junk);
        if end.is_some() {
            self.end_junk(each);
        }
        at + junk.len()
    }

    fn end_junk(&mut self, each: &mut impl FnMut(u64, Value<'_>)) {
        each(self.count, Value::Broken(self.begun.trim_ascii_end()));
        self.reset();
    }

    /// Up to the end of the value under way.
    #[inline]
    fn within(
        &mut self,
        piece: &mut Piece<'_>,
        mut at: usize,
        each: &mut impl FnMut(u64, Value<'_>),
    ) -> usize {
        let octets = piece.octets;
        while let Some(octets) = octets[at..].first_chunk() {
            let block = Block::of(octets);
            let quoted = parity(block.quotes) ^ if self.quoted { u64::MAX } else { 0 };
            if self.escaped || block::has(octets, |octet| octet == b'\\') || is_torn(octets, quoted)
            {
                match self.one_by_one(piece, at, at + block::LENGTH, each) {
                    Some(next) => return next,
                    None => at += block::LENGTH,
                }
                continue;
            }
            let mut brackets = block.brackets & !quoted;
            while brackets != 0 {
                let place = at + brackets.trailing_zeros() as usize;
                if let Some(next) = self.bracket(piece, place, each) {
                    return next;
                }
                brackets &= brackets - 1;
            }
            self.quoted = quoted >> 63 != 0;
            at += block::LENGTH;
        }
        self.one_by_one(piece, at, octets.len(), each).unwrap_or(octets.len())
    }

    /// The same for some octets; none where it goes on behind them.
    fn one_by_one(
        &mut self,
        piece: &mut Piece<'_>,
        from: usize,
        to: usize,
        each: &mut impl FnMut(u64, Value<'_>),
    ) -> Option<usize> {
        for at in from..to {
            let octet = piece.octets[at];
            match octet {
                // No string goes on in the next line, so that one ended here that somebody cut off.
                b'\n' if self.quoted => {
                    (self.quoted, self.escaped, self.is_torn) = (false, false, true);
                }
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.quoted,
                b'"' => self.quoted = !self.quoted,
                b'{' | b'}' | b'[' | b']' if !self.quoted => {
                    if let Some(next) = self.bracket(piece, at, each) {
                        return Some(next);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Takes what may be a bracket. The place to go on from where the value ends with it, or ended before.
    #[inline]
    fn bracket(
        &mut self,
        piece: &Piece<'_>,
        at: usize,
        each: &mut impl FnMut(u64, Value<'_>),
    ) -> Option<usize> {
        let closed = match piece.octets[at] {
            b'{' if self.is_next(piece, at) => {
                self.give_up(piece, at, each);
                return Some(at);
            }
            b'{' => {
                self.nest.open(Kind::Object);
                return None;
            }
            b'[' => {
                self.nest.open(Kind::Array);
                let may_hold = self.around == Around::Nothing && self.nest.depth() <= AROUND + 1;
                return (may_hold && self.holds_records(piece, at))
                    .then(|| self.enter(piece, at, each));
            }
            b'}' => self.nest.close(Kind::Object),
            b']' => match self.nest.close(Kind::Array) {
                // The value is not closed, but the array that it stands in is.
                Closed::Nothing if self.around != Around::Nothing => {
                    self.give_up(piece, at, each);
                    return Some(at);
                }
                closed => closed,
            },
            _ => return None,
        };
        (closed == Closed::All).then(|| {
            self.complete(piece, at + 1, each);
            at + 1
        })
    }

    /// Whether this brace cannot be within the value under way, which then was cut off, and begins the next one.
    #[inline]
    fn is_next(&self, piece: &Piece<'_>, at: usize) -> bool {
        let before = piece.octets[..at].iter().rev().find(|octet| !is_space(**octet));
        let before = before.copied().unwrap_or(self.last.1);
        let may_be = match self.nest.innermost() {
            Some(Kind::Object) => before == b':',
            Some(Kind::Array) => matches!(before, b'[' | b','),
            None => true,
        };
        let begins_line = || at.checked_sub(1).map_or(self.last.0, |at| piece.octets[at]) == b'\n';
        !may_be || self.is_torn && begins_line()
    }

    /// Whether the array that begins here is the member that holds the records.
    fn holds_records(&self, piece: &Piece<'_>, at: usize) -> bool {
        if !self.nest.is_array_of_objects() || self.is_too_long(piece, at) {
            return false;
        }
        let here = piece.octets[piece.start..at].iter().rev();
        let mut before = here.chain(self.begun.iter().rev()).copied().skip_while(|o| is_space(*o));
        if before.next() != Some(b':') {
            return false;
        }
        let mut before = before.skip_while(|octet| is_space(*octet));
        if before.next() != Some(b'"') {
            return false;
        }
        let quoted = |name: &&str| {
            let octets = name.bytes().rev().chain([b'"']);
            octets.map(Some).eq(before.clone().take(name.len() + 1).map(Some))
        };
        self.arrays.iter().any(quoted)
    }

    /// Goes on with the records in the array that begins here.
    fn enter(
        &mut self,
        piece: &Piece<'_>,
        at: usize,
        each: &mut impl FnMut(u64, Value<'_>),
    ) -> usize {
        self.begun.extend_from_slice(&piece.octets[piece.start..=at]);
        // The object was counted as a record, unless it has had another array.
        self.count -= u64::from(!self.is_shell);
        let length = self.begun.len();
        let levels = self.nest.depth() - 1;
        self.begun.push(b']');
        self.begun.extend((0..levels).map(|_| b'}'));
        each(self.count, Value::Opened(&self.begun));
        self.begun.truncate(length);
        std::mem::swap(&mut self.begun, &mut self.shell);
        self.reset();
        self.around = Around::Member(levels);
        at + 1
    }

    /// The value under way ends before `end`.
    fn complete(&mut self, piece: &Piece<'_>, end: usize, each: &mut impl FnMut(u64, Value<'_>)) {
        let here = &piece.octets[piece.start..end];
        let fault = match (self.is_too_long(piece, end), self.nest.is_too_deep()) {
            (true, _) => Some(Value::TooLong),
            (_, true) => Some(Value::TooDeep),
            _ => None,
        };
        if let Some(fault) = fault {
            self.count += u64::from(self.is_shell);
            each(self.count, fault);
            return self.reset();
        }
        let octets = if self.begun.is_empty() {
            here
        } else {
            self.begun.extend_from_slice(here);
            &self.begun
        };
        each(self.count, if self.is_shell { Value::Closed(octets) } else { Value::Whole(octets) });
        self.reset();
    }

    /// The value under way goes no further than `end`, and is not whole.
    #[cold]
    fn give_up(&mut self, piece: &Piece<'_>, end: usize, each: &mut impl FnMut(u64, Value<'_>)) {
        self.count += u64::from(self.is_shell);
        if self.is_too_long(piece, end) {
            each(self.count, Value::TooLong);
        } else {
            self.tell(&piece.octets[piece.start..end]);
            self.begun.truncate(TOLD);
            each(self.count, Value::Broken(self.begun.trim_ascii_end()));
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.state = State::Between;
        self.nest = Nest::default();
        (self.quoted, self.escaped, self.is_torn) = (false, false, false);
        (self.is_shell, self.skips) = (false, false);
        self.begun.clear();
    }

    /// Octets that it keeps, or has kept.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        self.begun.capacity() + self.shell.capacity()
    }

    fn is_too_long(&self, piece: &Piece<'_>, end: usize) -> bool {
        self.skips || self.begun.len() + (end - piece.start) > LONGEST
    }

    /// Keeps octets of the value under way for the next piece.
    fn keep(&mut self, octets: &[u8]) {
        self.skips |= self.begun.len() + octets.len() > LONGEST;
        if self.skips {
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(octets);
        }
    }

    /// Keeps of them what is told of something broken.
    fn tell(&mut self, octets: &[u8]) {
        let room = TOLD.saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&octets[..octets.len().min(room)]);
    }
}

/// Whether a line ends within a string.
#[inline(always)]
fn is_torn(octets: &[u8; block::LENGTH], quoted: u64) -> bool {
    let ends = |octet| octet == b'\n';
    block::has(octets, ends) && block::places(octets, ends) & quoted != 0
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}
