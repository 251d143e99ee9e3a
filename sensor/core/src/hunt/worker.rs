//! One of the threads that answer a question.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    archive::{Pieces, Records, Scan, Unreadable, Wanted},
    fate::Fate,
    part::Part,
    question::Said,
    queue::{Job, OpenPiece},
    rows::Place,
    run::Run,
    selection::Selection,
};
use crate::{
    enrich::{active::ActiveContext, enricher::Enricher},
    flow::{
        batch::{FlowBatch, Source},
        fields::Needs,
    },
    nql::{
        columns::{CHUNK_ROWS, Mask, Program, Scratch},
        typed::Typed,
    },
    sync::Unpoisoned as _,
};

/// One in so many rows: where fewer are selected, only these are read of the columns that the answer alone needs.
const SPARSE: usize = 4;

/// A thread's own.
pub(super) struct Worker<'r> {
    run: &'r Run<'r>,
    program: Program,
    scratch: Scratch,
    part: Part,
    /// What queries are judged by, and what is said of rows.
    filter: Wanted,
    said: Wanted,
    context: Context,
    records: Records,
    /// For each query, the rows of each chunk that fulfil it.
    selected: Vec<Vec<Mask>>,
    /// Rows at hand; kept for its memory.
    rows: Vec<u32>,
}

/// By which context addresses are looked up anew.
struct Context {
    enricher: Option<Enricher>,
    active: Option<Arc<ActiveContext>>,
    /// The queries look at it.
    early: bool,
}

impl Context {
    fn apply(&mut self, batch: &mut FlowBatch) {
        if let Some(enricher) = &mut self.enricher {
            enricher.enrich(batch);
        } else if let Some(active) = &self.active {
            batch.port_labels = active.context().ports().clone();
        }
    }
}

impl<'r> Worker<'r> {
    pub(super) fn new(run: &'r Run<'r>) -> Self {
        let labels = &run.options.labels;
        let needs = run.asked.any.needs();
        let said = run.question.said.wanted();
        let anew = labels.context(needs.and(said.needs));
        let enricher = anew.filter(|_| labels.looks_up(needs.and(said.needs)));
        Self {
            run,
            program: Program::compile(&run.asked.queries),
            scratch: Scratch::default(),
            part: Part::of(&run.question.said),
            filter: Wanted { needs: labels.stored(needs), received: false, sequence: false },
            said: Wanted { needs: labels.stored(said.needs), ..said },
            context: Context {
                enricher: enricher.map(|active| Enricher::new(active.clone())),
                active: anew.cloned(),
                early: labels.context(needs).is_some(),
            },
            records: Records {
                batch: FlowBatch::v4(Source::Host),
                received: Vec::new(),
                sequence: Vec::new(),
            },
            selected: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Does what is left, as long as something is.
    pub(super) fn work(mut self) -> Part {
        while !self.run.progress.is_cancelled()
            && let Some(job) = self.run.queue.next()
        {
            match job {
                Job::File(file) => {
                    let pieces = self.open(file);
                    self.run.queue.opened(pieces);
                }
                Job::Piece(piece) => self.piece(&piece),
            }
        }
        self.part
    }

    /// Opens a file; the pieces of it that are to be read.
    fn open(&self, place: usize) -> Vec<OpenPiece> {
        let Run { archive, asked, progress, .. } = self.run;
        let add = |counter: &AtomicU64, number: u64| counter.fetch_add(number, Relaxed);
        let counts = &progress.counts;
        let listed = &archive.files()[place];
        let file = match archive.open(place) {
            Ok(file) => file,
            Err(error) => {
                match error {
                    Unreadable::Gone => add(&counts.files_gone, 1),
                    Unreadable::Faulty(_) => {
                        self.run.fault(error.to_string());
                        0
                    }
                };
                add(&progress.rows_done, listed.rows);
                return Vec::new();
            }
        };
        let mut wanted = Vec::new();
        for (piece, known) in file.pieces().iter().enumerate() {
            add(&counts.pieces, 1);
            let fate = asked.fate(known, &*file.bounds(piece));
            let counter = match fate {
                Fate::Time => &counts.by_time,
                Fate::Statistics => &counts.by_statistics,
                Fate::Filter => &counts.by_filter,
                Fate::Read | Fate::ReadUnasked => {
                    let unasked = fate == Fate::ReadUnasked;
                    wanted.push(OpenPiece { file: file.clone(), piece, unasked });
                    continue;
                }
            };
            add(counter, 1);
            add(&progress.rows_done, known.rows);
        }
        wanted
    }

    fn piece(&mut self, piece: &OpenPiece) {
        let OpenPiece { file, piece, unasked } = piece;
        let (counts, known) = (&self.run.progress.counts, file.pieces()[*piece]);
        if let (Part::Rows(rows), Said::Rows(page)) = (&mut self.part, &self.run.question.said) {
            // What others have found meanwhile.
            rows.expect(*self.run.last.lock().unpoisoned());
            let (first, last) = known.received.unwrap_or((0, u64::MAX));
            if !page.count_all && !rows.wants_between(first, last) {
                counts.by_order.fetch_add(1, Relaxed);
                self.run.progress.rows_done.fetch_add(known.rows, Relaxed);
                return;
            }
        }
        counts.read.fetch_add(1, Relaxed);
        counts.read_unasked.fetch_add(u64::from(*unasked), Relaxed);
        counts.rows.fetch_add(known.rows, Relaxed);
        let mut done = 0;
        if let Err(error) = self.scan(&**file, *piece, *unasked, &mut done) {
            self.run.fault(error.to_string());
        }
        self.run.progress.rows_done.fetch_add(known.rows.saturating_sub(done), Relaxed);
        if let Part::Rows(rows) = &mut self.part
            && let Some(found) = rows.last()
        {
            let mut last = self.run.last.lock().unpoisoned();
            if last.is_none_or(|last| rows.comes_before(found, last)) {
                *last = Some(found);
            }
        }
    }

    /// Reads a piece; `done` becomes the number of rows that were looked at.
    fn scan(
        &mut self,
        file: &dyn Pieces,
        piece: usize,
        unasked: bool,
        done: &mut u64,
    ) -> Result<(), Unreadable> {
        let known = file.pieces()[piece];
        let only = file.only();
        let first = Wanted {
            needs: if unasked { Needs::NONE } else { self.filter.needs },
            received: !self.run.asked.is_in_time(known.received),
            sequence: only.is_some(),
        };
        let mut scan = file.scan(piece)?;
        let mut octets = 0;
        while !self.run.progress.is_cancelled() {
            let rows = scan.advance(&mut self.records);
            if rows == 0 {
                break;
            }
            let read = self.step(&mut *scan, rows, first, only, unasked);
            let so_far = scan.octets();
            self.run.progress.counts.octets.fetch_add(so_far - octets, Relaxed);
            octets = so_far;
            read?;
            *done += rows as u64;
            self.run.progress.rows_done.fetch_add(rows as u64, Relaxed);
        }
        Ok(())
    }

    /// Judges some rows, and adds those that are selected to the answer.
    fn step(
        &mut self,
        scan: &mut dyn Scan,
        rows: usize,
        first: Wanted,
        only: Option<(u64, u64)>,
        unasked: bool,
    ) -> Result<(), Unreadable> {
        if !first.is_empty() {
            scan.read(first, None, &mut self.records)?;
        }
        // What several queries share is kept for each of them.
        let of_one = !matches!(self.part, Part::Common(_));
        let selection = if of_one && unasked && !first.received && !first.sequence {
            Selection::All
        } else {
            self.select(rows, first, only, unasked)
        };
        let matched = selection.count(rows);
        if matched == 0 {
            return Ok(());
        }
        self.run.progress.matched.fetch_add(matched as u64, Relaxed);
        self.run.progress.counts.matched.fetch_add(matched as u64, Relaxed);
        let early = self.context.early && !unasked;
        match &self.run.question.said {
            Said::Rows(_) => self.add_rows(scan, rows, first, &selection, early),
            Said::Groups(..) | Said::Common(_) => {
                self.add_groups(scan, rows, first, selection, early)
            }
        }
    }

    /// The rows that fulfil a query; `selected` has those of each.
    fn select(
        &mut self,
        rows: usize,
        first: Wanted,
        only: Option<(u64, u64)>,
        unasked: bool,
    ) -> Selection {
        let Self { run, program, scratch, selected, records, .. } = self;
        let chunks = rows.div_ceil(CHUNK_ROWS);
        selected.resize(program.queries(), Vec::new());
        for masks in &mut *selected {
            masks.clear();
            masks.resize(chunks, Mask::NONE);
        }
        if unasked || run.asked.queries.iter().all(|query| *query == Typed::Constant(true)) {
            for masks in &mut *selected {
                for (at, mask) in masks.iter_mut().enumerate() {
                    *mask = Mask::first(rows - at * CHUNK_ROWS);
                }
            }
        } else {
            if self.context.early {
                self.context.apply(&mut records.batch);
            }
            program.evaluate(&records.batch, &run.options.interfaces, scratch, |found| {
                selected[found.query][found.first / CHUNK_ROWS] = *found.rows;
            });
        }
        if first.received || only.is_some() {
            for chunk in 0..chunks {
                let begin = chunk * CHUNK_ROWS;
                let mut counting = Mask::NONE;
                for row in begin..rows.min(begin + CHUNK_ROWS) {
                    let in_time = !first.received || run.asked.has(records.received[row]);
                    let is_own = only.is_none_or(|(least, most)| {
                        (least..=most).contains(&records.sequence[row])
                    });
                    if in_time && is_own {
                        counting.insert(row - begin);
                    }
                }
                selected.iter_mut().for_each(|masks| masks[chunk].retain(&counting));
            }
        }
        let mut any = selected[0].clone();
        for masks in &selected[1..] {
            any.iter_mut().zip(masks).for_each(|(any, mask)| any.unite(mask));
        }
        Selection::Masks(any)
    }

    /// Adds selected rows to those that are the answer.
    fn add_rows(
        &mut self,
        scan: &mut dyn Scan,
        rows: usize,
        first: Wanted,
        selection: &Selection,
        early: bool,
    ) -> Result<(), Unreadable> {
        let Part::Rows(found) = &mut self.part else { return Ok(()) };
        let records = &mut self.records;
        // Where they stand says which are wanted at all.
        let place = Wanted { needs: Needs::NONE, received: true, sequence: true }.without(first);
        self.rows.clear();
        self.rows.extend(selection.rows(rows));
        records.keep(&self.rows);
        if !place.is_empty() {
            scan.read(place, Some(&self.rows), records)?;
        }
        let places = records.received.iter().zip(&records.sequence);
        let places = places.map(|(time, sequence)| Place { time: *time, sequence: *sequence });
        let mut wanted = found.first_of(places);
        if wanted.is_empty() {
            return Ok(());
        }
        wanted.sort_unstable();
        records.keep(&wanted);
        wanted.iter_mut().for_each(|row| *row = self.rows[*row as usize]);
        let late = self.said.without(first).without(place);
        if !late.is_empty() {
            scan.read(late, Some(&wanted), records)?;
        }
        if !early {
            self.context.apply(&mut records.batch);
        }
        let places = records.received.iter().zip(&records.sequence);
        let places: Vec<Place> =
            places.map(|(time, sequence)| Place { time: *time, sequence: *sequence }).collect();
        // A copy has room for these rows and no more; the buffers stay here.
        found.add(records.batch.clone(), &places);
        Ok(())
    }

    /// Adds selected rows to the groups that are the answer.
    fn add_groups(
        &mut self,
        scan: &mut dyn Scan,
        rows: usize,
        first: Wanted,
        mut selection: Selection,
        early: bool,
    ) -> Result<(), Unreadable> {
        let records = &mut self.records;
        let late = self.said.without(first);
        let alone = matches!(self.part, Part::Groups(_));
        if alone && !late.is_empty() && selection.count(rows) * SPARSE < rows {
            self.rows.clear();
            self.rows.extend(selection.rows(rows));
            records.keep(&self.rows);
            scan.read(late, Some(&self.rows), records)?;
            selection = Selection::All;
        } else if !late.is_empty() {
            scan.read(late, None, records)?;
        }
        if !early {
            self.context.apply(&mut records.batch);
        }
        let Records { batch, received, .. } = &*records;
        let interfaces = &self.run.options.interfaces;
        match &mut self.part {
            Part::Rows(_) => {}
            Part::Groups(groups) => groups.add_received(batch, received, interfaces, &selection),
            Part::Common(queries) => {
                for (groups, masks) in queries.iter_mut().zip(&mut self.selected) {
                    let own = Selection::Masks(std::mem::take(masks));
                    groups.add_received(batch, received, interfaces, &own);
                }
            }
        }
        Ok(())
    }
}
