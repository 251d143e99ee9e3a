//! One object, read piece by piece: from where it was left before, as far as it goes now.
//!
//! An object that is read on is decoded from its beginning, and what the records before said is forgotten: so a format needs no
//! entry points of its own, and a compressed object none either. Where a text may still grow, the part behind its last line
//! waits until the object has settled.

use std::io;

use sensor_wire::cloud::{
    decoder::{Decoder, is_table},
    flows::Flows,
    format::{ENOUGH, Format},
};

use super::{
    described::Described,
    figures::Figures,
    opened::{Form, Opened},
    print,
    seam::{Answer, Content, Object, Trouble},
    state::Progress,
    told::Told,
};
use crate::replay::objects::fill;

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
                    && let (Some(mark), Some((_, place))) = (open.mark.take(), &open.form)
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
        let Self { object, content, described, from, .. } = self;
        let Some(open) = &mut self.open else { return Ok(Read::More) };
        if let Some((Form::Table(table, _), place)) = &mut open.form {
            let read = table.read(&mut told.flows[*place]);
            open.count(figures);
            return Ok(if read? { Read::More } else { self.end(told, figures) });
        }
        let length = fill(&mut open.reader, &mut open.piece)?;
        open.count(figures);
        if length == 0 {
            return Ok(self.end(told, figures));
        }
        if open.form.is_none() {
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
            let flows = &mut told.flows[place];
            if is_table(format, begin) {
                let table = open.table(content, &shown, length, *from, flows)?;
                open.form = Some((table, place));
                return Ok(Read::More);
            }
            let decoder = Decoder::new(format, &shown, &described.hints);
            open.mark = (*from > 0).then(|| flows.mark());
            open.form = Some((Form::Stream(decoder), place));
        }
        let Some((Form::Stream(decoder), place)) = &mut open.form else { return Ok(Read::More) };
        let flows = &mut told.flows[*place];
        let before = from.saturating_sub(open.fed).min(length as u64) as usize;
        let (before, new) = open.piece[..length].split_at(before);
        open.fed += length as u64;
        if !before.is_empty() {
            decoder.feed(before, flows);
            flows.take(false, drop);
            flows.take_dns(false, drop);
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
            && let Some((_, place)) = &open.form
        {
            // It has become shorter than it was: not by growing, so it is another one.
            told.flows[*place].rewind(mark);
            figures.change(|report| report.objects.rewritten += 1);
            self.open = None;
            return self.again();
        }
        let fed = open.fed;
        if let Some((Form::Table(..), _)) = &open.form {
            let up_to = open.up_to();
            figures.change(|report| report.objects.read += 1);
            // Its end says what it holds.
            self.ended = Some(self.progress_at(up_to, true));
            return Read::End(Answer::Done { up_to, whole: true });
        }
        let Some((Form::Stream(mut decoder), place)) = open.form.take() else {
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
        let stored = self.open.as_ref().map_or(octets, |open| open.stored(octets));
        // What cannot be read once more has no fingerprint, and passes for another object when it has changed.
        let print = if *grows { print::of(self.content, stored) } else { Ok(None) };
        let print = print.ok().flatten().unwrap_or(0);
        Progress { version: version.clone(), stored, print, octets, whole, modified: *modified }
    }
}

/// Records of all sources.
fn records(flows: &Flows) -> u64 {
    flows.ledgers().map(|(_, ledger)| ledger.records).sum()
}
