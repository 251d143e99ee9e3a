//! Asks a question of an archive, on several threads.

use std::{
    collections::VecDeque,
    sync::{Mutex, atomic::Ordering::Relaxed},
    thread,
};

use super::{
    LimitReached,
    account::Progress,
    archive::Archive,
    common::Shared,
    fate::Asked,
    groups::Groups,
    part::Part,
    question::{Options, Question, Said},
    queue::Queue,
    rows::{Order, Place, Rows},
    worker::Worker,
};
use crate::sync::Unpoisoned as _;

/// What was asked for.
pub enum Answer {
    /// The rows, in order.
    Rows(Rows),
    /// The groups. [`Groups::check`] says whether these are all.
    Groups(Box<Groups>),
    /// What the queries have in common, by time and by values.
    Common(Result<Vec<Shared>, LimitReached>),
}

/// What the threads of a question share.
pub(super) struct Run<'r> {
    pub question: &'r Question,
    pub archive: &'r dyn Archive,
    pub options: &'r Options,
    pub progress: &'r Progress,
    pub asked: Asked,
    pub queue: Queue,
    /// The last of the rows that some thread has found, which are as many as are wanted: none behind it is.
    pub last: Mutex<Option<Place>>,
}

/// Answers a question. The answer is the same for any number of threads, and however the records are cut into files and pieces.
///
/// What cannot be read is left out: [`Progress::account`] tells.
pub fn run(
    question: &Question,
    archive: &dyn Archive,
    options: &Options,
    progress: &Progress,
) -> Answer {
    parts(question, archive, options, progress).into_answer()
}

/// What all threads have found.
pub(super) fn parts(
    question: &Question,
    archive: &dyn Archive,
    options: &Options,
    progress: &Progress,
) -> Part {
    let asked = Asked::of(question);
    let queue = Queue::new(in_time(question, archive, &asked, progress));
    let run = Run { question, archive, options, progress, asked, queue, last: Mutex::new(None) };
    let threads = options.threads.max(1);
    let mut parts = Vec::with_capacity(threads);
    thread::scope(|scope| {
        // The caller is one of them.
        let others: Vec<_> =
            (1..threads).map(|_| scope.spawn(|| Worker::new(&run).work())).collect();
        parts.push(Worker::new(&run).work());
        for other in others {
            match other.join() {
                Ok(part) => parts.push(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let whole = parts.into_iter().reduce(|mut whole, part| {
        whole.merge(part);
        whole
    });
    whole.unwrap_or_else(|| Part::of(&question.said))
}

/// The files whose time may be the right one, those first in which the first rows are.
fn in_time(
    question: &Question,
    archive: &dyn Archive,
    asked: &Asked,
    progress: &Progress,
) -> VecDeque<usize> {
    let files = archive.files();
    let mut wanted: Vec<usize> = Vec::with_capacity(files.len());
    for (place, file) in files.iter().enumerate() {
        progress.counts.files.fetch_add(1, Relaxed);
        if asked.may_be_in_time(file.received) {
            progress.rows.fetch_add(file.rows, Relaxed);
            wanted.push(place);
        } else {
            progress.counts.files_by_time.fetch_add(1, Relaxed);
        }
    }
    match &question.said {
        Said::Rows(page) if page.order == Order::NewestFirst => {
            wanted.sort_by_key(|place| std::cmp::Reverse(files[*place].received.1));
        }
        _ => wanted.sort_by_key(|place| files[*place].received.0),
    }
    wanted.into()
}

impl Run<'_> {
    /// Something could not be read.
    pub(super) fn fault(&self, fault: String) {
        self.progress.faults.lock().unpoisoned().add(fault);
    }
}
