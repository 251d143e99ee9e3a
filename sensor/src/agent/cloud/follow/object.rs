//! One object, read piece by piece: from where it was left before, as far as it goes now.
//!
//! An object that is read on is decoded from its beginning, and what the records before said is forgotten: so a format needs no
//! entry points of its own, and a compressed object none either. Where a text may still grow, the part behind its last line
//! waits until the object has settled.

use std::{
    io::{self, Cursor, Read as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use sensor_wire::cloud::{
    decoder::Decoder,
    flows::{Flows, Mark},
    format::{ENOUGH, Format},
};

use super::{
    decoding::{Described, Told},
    figures::Figures,
    print,
    seam::{Answer, Content, Object, Trouble},
    state::Progress,
};
use crate::replay::{
    objects::{PIECE, fill},
    open::{decompress, is_compressed},
};

/// What became of one step.
pub enum Read {
    /// Nothing yet: all records so far are to be put out first, since this object has some that are to be forgotten.
    Flush,
    /// There is more.
    More,
    /// There is no more, and this is the answer.
    End(Answer),
}

/// An object under way.
pub struct Task<'a> {
    object: &'a Object,
    content: &'a mut Content,
    described: &'a Described,
    open: Option<Opened>,
    /// How far it had been read before; 0 where it is read from the beginning.
    from: u64,
    /// It was read to its end, or will not be.
    ended: Option<Progress>,
}

struct Opened {
    reader: Box<dyn io::Read + Send>,
    stored: Arc<AtomicU64>,
    compressed: bool,
    decoder: Option<(Decoder, usize)>,
    /// The accounts before it, until the part that was read before has been passed.
    mark: Option<Mark>,
    piece: Vec<u8>,
    /// Octets decoded.
    fed: u64,
    /// Octets that were counted in the figures.
    counted: u64,
}

impl<'a> Task<'a> {
    /// Reads `object`.
    pub fn new(object: &'a Object, content: &'a mut Content, described: &'a Described) -> Self {
        Self { object, content, described, open: None, from: 0, ended: None }
    }

    /// Reads a piece. `known` is how far the object was read by lots before; its records go to `told`.
    pub fn go_on(&mut self, known: Option<&Progress>, told: &mut Told, figures: &Figures) -> Read {
        let mut read = self.piece(known, told, figures);
        // What was told before is passed at once: none of it may be put out.
        while matches!(read, Ok(Read::More)) && self.is_before() {
            read = self.piece(known, told, figures);
        }
        match read {
            Ok(read) => read,
            Err(error) => {
                // What was told before is not told again.
                if let Some(open) = &mut self.open
                    && let (Some(mark), Some((_, place))) = (open.mark.take(), &open.decoder)
                {
                    told.flows[*place].rewind(mark);
                }
                Read::End(Answer::Failed(Trouble::Unreadable, error.to_string()))
            }
        }
    }

    /// Whether the part that was read before has not been passed yet.
    fn is_before(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.mark.is_some())
    }

    fn piece(
        &mut self,
        known: Option<&Progress>,
        told: &mut Told,
        figures: &Figures,
    ) -> io::Result<Read> {
        if self.open.is_none() {
            self.from = self.start(known, figures)?;
            self.open = Some(Opened::new(self.content)?);
            if self.from > 0 {
                return Ok(Read::Flush);
            }
        }
        let Self { object, described, from, .. } = self;
        let Some(open) = &mut self.open else { return Ok(Read::More) };
        let length = fill(&mut open.reader, &mut open.piece)?;
        let stored = open.stored.load(Relaxed);
        figures.change(|report| report.octets += stored - open.counted);
        open.counted = stored;
        if length == 0 {
            return Ok(self.end(told, figures));
        }
        if open.decoder.is_none() {
            let begin = &open.piece[..length.min(ENOUGH)];
            let Some(format) = described.format.or_else(|| Format::detect(begin)) else {
                let unsure = length < ENOUGH && !object.settled && !open.compressed;
                return Ok(Read::End(if unsure {
                    self.ended = Some(self.progress_at(0, false));
                    Answer::Done { up_to: 0, whole: false }
                } else {
                    self.ended = Some(self.progress_at(0, true));
                    let known = Format::ALL.map(Format::name).join(", ");
                    let error = format!("no cloud flow log that is known here ({known})");
                    Answer::Failed(Trouble::Foreign, error)
                }));
            };
            let place = told.place(format, &described.profile);
            let shown = described.shown(&object.name);
            let decoder = Decoder::new(format, &shown, &described.hints);
            open.mark = (*from > 0).then(|| told.flows[place].mark());
            open.decoder = Some((decoder, place));
        }
        let Some((decoder, place)) = &mut open.decoder else { return Ok(Read::More) };
        let flows = &mut told.flows[*place];
        let before = from.saturating_sub(open.fed).min(length as u64) as usize;
        let (before, new) = open.piece[..length].split_at(before);
        open.fed += length as u64;
        if !before.is_empty() {
            decoder.feed(before, flows);
            flows.take(false, drop);
        }
        if open.fed >= *from
            && let Some(mark) = open.mark.take()
        {
            flows.rewind(mark);
        }
        if !new.is_empty() {
            decoder.feed(new, flows);
        }
        Ok(Read::More)
    }

    /// From where on the object is read.
    fn start(&mut self, known: Option<&Progress>, figures: &Figures) -> io::Result<u64> {
        let Some(known) = known else { return Ok(0) };
        if known.version == self.object.version {
            return Ok(known.octets);
        }
        let same = known.print != 0 && print::of(self.content, known.stored)? == Some(known.print);
        figures.change(|report| match same {
            true => report.objects.grown += 1,
            false => report.objects.rewritten += 1,
        });
        Ok(if same { known.octets } else { 0 })
    }

    /// Nothing more comes.
    fn end(&mut self, told: &mut Told, figures: &Figures) -> Read {
        let object = self.object;
        let Some(open) = &mut self.open else { return Read::More };
        if let Some(mark) = open.mark.take()
            && let Some((_, place)) = &open.decoder
        {
            // It has become shorter than it was: not by growing, so it is another one.
            told.flows[*place].rewind(mark);
            figures.change(|report| report.objects.rewritten += 1);
            self.open = None;
            return self.again();
        }
        let fed = open.fed;
        let Some((mut decoder, place)) = open.decoder.take() else {
            // Empty, so far.
            let whole = object.settled || open.compressed;
            self.ended = Some(self.progress_at(0, whole));
            return Read::End(Answer::Done { up_to: 0, whole: true });
        };
        let resume_at = decoder.resume_at();
        let waits = resume_at.is_some_and(|at| at < fed);
        let whole = open.compressed || object.settled || !waits;
        let mut up_to = resume_at.unwrap_or(fed);
        if whole {
            let flows = &mut told.flows[place];
            let records = records(flows);
            decoder.finish(flows);
            // What closes an object is no record, and makes room for more where it grows.
            up_to = if records == self::records(flows) { up_to } else { fed };
        }
        figures.change(|report| report.objects.read += 1);
        self.ended = Some(self.progress_at(up_to, whole));
        Read::End(Answer::Done { up_to, whole })
    }

    /// From the beginning, whatever was known.
    fn again(&mut self) -> Read {
        self.from = 0;
        match Opened::new(self.content) {
            Ok(open) => {
                self.open = Some(open);
                Read::More
            }
            Err(error) => Read::End(Answer::Failed(Trouble::Unreadable, error.to_string())),
        }
    }

    /// How far it has been read between two pieces.
    pub fn progress(&mut self) -> Progress {
        let up_to = self.open.as_ref().map_or(self.from, Opened::up_to);
        self.progress_at(up_to.max(self.from), false)
    }

    /// How far it was read, once there is an answer.
    pub fn ended(mut self) -> Option<Progress> {
        let failed = self.ended.is_none() && self.open.is_some();
        if failed { Some(self.progress()) } else { self.ended }
    }

    fn progress_at(&mut self, octets: u64, whole: bool) -> Progress {
        let Object { version, modified, grows, .. } = self.object;
        let stored = match &self.open {
            Some(open) if open.compressed => open.stored.load(Relaxed),
            _ => octets,
        };
        // What cannot be read once more has no fingerprint, and passes for another object when it has changed.
        let print = if *grows { print::of(self.content, stored) } else { Ok(None) };
        let print = print.ok().flatten().unwrap_or(0);
        Progress { version: version.clone(), stored, print, octets, whole, modified: *modified }
    }
}

impl Opened {
    fn new(content: &mut Content) -> io::Result<Self> {
        let stored = Arc::<AtomicU64>::default();
        let mut raw = Counted { reader: content.open(0)?, count: stored.clone() };
        let mut begin = [0; 4];
        let length = fill(&mut raw, &mut begin)?;
        let compressed = is_compressed(&begin[..length]);
        let reader = decompress(Cursor::new(begin).take(length as u64).chain(raw))?;
        Ok(Self {
            reader,
            stored,
            compressed,
            decoder: None,
            mark: None,
            piece: vec![0; PIECE],
            fed: 0,
            counted: 0,
        })
    }

    /// Octets that are told for good.
    fn up_to(&self) -> u64 {
        let resume_at = self.decoder.as_ref().and_then(|(decoder, _)| decoder.resume_at());
        resume_at.unwrap_or(self.fed)
    }
}

/// Records of all sources.
fn records(flows: &Flows) -> u64 {
    flows.ledgers().map(|(_, ledger)| ledger.records).sum()
}

/// Counts what is read.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.count.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}
