//! The same questions of flows that come batch after batch and are kept nowhere: captures, exports, logs of clouds.
//!
//! Batches are gathered until threads have enough to do with them, asked as an archive of their own, and forgotten; what was found is
//! merged. So memory does not grow with what is read, and the answer is that of a store which has the same records.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use super::{
    account::Progress,
    archive::{Archive, File, Piece, Pieces, Records, Scan, Unreadable, Wanted},
    bounds::Bounds,
    part::Part,
    question::{Options, Question},
    run::{Answer, parts},
    time_of,
};
use crate::{
    flow::{batch::FlowBatch, columns::Column, profile::Side},
    sync::Unpoisoned as _,
};

/// Rows that are gathered.
const GATHERED: usize = if cfg!(test) { 64 } else { 128 << 10 };

/// A question that is asked of batches.
pub struct Stream<'q> {
    question: &'q Question,
    options: &'q Options,
    progress: &'q Progress,
    found: Part,
    gathered: Vec<Gathered>,
    rows: usize,
    /// The number of the next row.
    next: u64,
}

impl<'q> Stream<'q> {
    /// No flows yet.
    pub fn new(question: &'q Question, options: &'q Options, progress: &'q Progress) -> Self {
        let found = Part::of(&question.said);
        Self { question, options, progress, found, gathered: Vec::new(), rows: 0, next: 1 }
    }

    /// Asks a batch, now or a little later.
    pub fn offer(&mut self, batch: FlowBatch) {
        if batch.is_empty() {
            return;
        }
        self.rows += batch.len();
        let first = self.next;
        self.next += batch.len() as u64;
        let times: Vec<u64> = (0..batch.len()).map(|row| time_of(&batch, row)).collect();
        let within = times.iter().min().copied().zip(times.iter().max().copied());
        self.gathered.push(Gathered {
            piece: Piece { rows: batch.len() as u64, received: within },
            first,
            times,
            batch: Mutex::new(Some(batch)),
        });
        if self.rows >= GATHERED {
            self.ask();
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Answer {
        self.ask();
        self.found.into_answer()
    }

    fn ask(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        self.rows = 0;
        let gathered = Heap::new(std::mem::take(&mut self.gathered));
        self.found.merge(parts(self.question, &gathered, self.options, self.progress));
    }
}

/// Batches as an archive of one file.
struct Heap {
    file: [File; 1],
    pieces: Arc<HeapPieces>,
}

struct HeapPieces {
    pieces: Vec<Piece>,
    batches: Vec<Gathered>,
}

struct Gathered {
    piece: Piece,
    /// The number of its first row.
    first: u64,
    times: Vec<u64>,
    /// It is read once.
    batch: Mutex<Option<FlowBatch>>,
}

impl Heap {
    fn new(batches: Vec<Gathered>) -> Self {
        let pieces: Vec<Piece> = batches.iter().map(|own| own.piece).collect();
        let times = || pieces.iter().filter_map(|piece| piece.received);
        let first = times().map(|(first, _)| first).min().unwrap_or(0);
        let last = times().map(|(_, last)| last).max().unwrap_or(u64::MAX);
        let rows = pieces.iter().map(|piece| piece.rows).sum();
        Self {
            file: [File { name: "stream".to_owned(), rows, received: (first, last) }],
            pieces: Arc::new(HeapPieces { pieces, batches }),
        }
    }
}

impl Archive for Heap {
    fn files(&self) -> &[File] {
        &self.file
    }

    fn open(&self, _: usize) -> Result<Arc<dyn Pieces>, Unreadable> {
        Ok(self.pieces.clone())
    }
}

impl Pieces for HeapPieces {
    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn only(&self) -> Option<(u64, u64)> {
        None
    }

    fn bounds(&self, _: usize) -> Box<dyn Bounds + '_> {
        Box::new(Unknown)
    }

    fn scan(&self, piece: usize) -> Result<Box<dyn Scan + '_>, Unreadable> {
        Ok(Box::new(GatheredScan(&self.batches[piece])))
    }
}

/// Nothing is known of rows before they are looked at.
struct Unknown;

impl Bounds for Unknown {
    fn numbers(&self, _: Column) -> Option<(u64, u64)> {
        None
    }

    fn all_tell(&self, _: Column) -> bool {
        false
    }

    fn addresses(&self, _: Side) -> Option<(IpAddr, IpAddr)> {
        None
    }

    fn may_have(&self, _: Side, _: IpAddr) -> bool {
        true
    }
}

struct GatheredScan<'g>(&'g Gathered);

impl Scan for GatheredScan<'_> {
    fn advance(&mut self, records: &mut Records) -> usize {
        records.received.clear();
        records.sequence.clear();
        let Some(batch) = self.0.batch.lock().unpoisoned().take() else { return 0 };
        // All of its columns are there already: nothing is cheaper than not to copy them.
        records.batch = batch;
        records.batch.len()
    }

    fn read(
        &mut self,
        wanted: Wanted,
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Unreadable> {
        let Gathered { first, times, .. } = self.0;
        let all = 0..times.len() as u32;
        let rows = || match rows {
            Some(rows) => Rows::Some(rows.iter().copied()),
            None => Rows::All(all.clone()),
        };
        if wanted.received {
            records.received = rows().map(|row| times[row as usize]).collect();
        }
        if wanted.sequence {
            records.sequence = rows().map(|row| first + u64::from(row)).collect();
        }
        Ok(())
    }

    fn octets(&self) -> u64 {
        0
    }
}

enum Rows<I> {
    All(std::ops::Range<u32>),
    Some(I),
}

impl<I: Iterator<Item = u32>> Iterator for Rows<I> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::All(rows) => rows.next(),
            Self::Some(rows) => rows.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        flow::{fields::Row, interfaces::Interfaces, testing::batches},
        hunt::{Distinct, GroupBy, Grouping, Labels, Metric, Order, Page, Place, Said},
        nql::{self, Filter, lists::Lists, reference, testing::expressions, typed::Typed},
    };

    fn options(threads: usize) -> Options {
        Options { threads, labels: Labels::Then, interfaces: Arc::new(Interfaces::default()) }
    }

    fn query(text: &str) -> Typed {
        let lists = Lists::default();
        Filter::compile(text, &nql::Options::new(&lists)).unwrap().typed
    }

    proptest! {
        /// What is found is what a loop over the records finds.
        #[test]
        fn answers_are_those_of_a_loop(
            flows in proptest::collection::vec(batches(40), 1..5),
            expression in expressions(),
            (from, length) in (0_u64..200, 0_u64..200),
            most in 1_usize..30,
            threads in 1_usize..3,
        ) {
            let query = query(&expression.to_string());
            let interfaces = Interfaces::default();
            let (mut expected, mut octets, mut number) = (Vec::new(), 0_u128, 0);
            for batch in &flows {
                for row in 0..batch.len() {
                    number += 1;
                    let time = time_of(batch, row);
                    let is_wanted = (from..from + length).contains(&time)
                        && reference::matches(&query, &Row { batch, row, interfaces: &interfaces });
                    if is_wanted {
                        expected.push(Place { time, sequence: number });
                        if batch.presence(Column::Octets).any() {
                            octets += u128::from(batch.octets[row]);
                        }
                    }
                }
            }
            expected.sort_unstable();
            let ask = |said: Said| {
                let question = Question { query: query.clone(), from, to: from + length, said };
                let (options, progress) = (options(threads), Progress::default());
                let mut stream = Stream::new(&question, &options, &progress);
                flows.iter().for_each(|batch| stream.offer(batch.clone()));
                (stream.finish(), progress.account())
            };
            let page = Page {
                order: Order::OldestFirst,
                most,
                after: None,
                needs: crate::flow::fields::Needs::ALL,
                count_all: true,
            };
            let (answer, account) = ask(Said::Rows(page));
            let Answer::Rows(mut rows) = answer else { unreachable!() };
            let mut found = Vec::new();
            rows.for_each(|_, _, place| found.push(place));
            prop_assert_eq!(account.matched, expected.len() as u64);
            let grouping = Grouping {
                by: vec![GroupBy::named("dstport").unwrap()],
                period: None,
                metrics: vec![Metric::Octets],
                most_groups: 10_000,
            };
            let (answer, _) = ask(Said::Groups(grouping, Distinct::default()));
            let Answer::Groups(groups) = answer else { unreachable!() };
            prop_assert_eq!(groups.total().flows(), expected.len() as u64);
            prop_assert_eq!(groups.total().of(Metric::Octets).unwrap_or(0), octets);
            expected.truncate(most);
            prop_assert_eq!(found, expected);
        }
    }
}
