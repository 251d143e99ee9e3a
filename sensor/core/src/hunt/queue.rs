//! What is left to be read: files that nobody has opened, and pieces of those that somebody has.
//!
//! Pieces come first, so that no more files are open than there are threads, and a large file keeps all threads busy.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex},
};

use super::archive::Pieces;
use crate::sync::Unpoisoned as _;

/// Something to be done.
pub(super) enum Job<'q> {
    /// A file to be opened.
    File(Opening<'q>),
    /// A piece to be read.
    Piece(OpenPiece),
}

/// A file that is being opened: others wait for its pieces until this is gone, whatever became of it.
pub(super) struct Opening<'q> {
    /// Its place.
    pub file: usize,
    queue: &'q Queue,
}

impl Opening<'_> {
    /// It is open, and has these pieces.
    pub(super) fn has(self, pieces: Vec<OpenPiece>) {
        self.queue.left.lock().unpoisoned().pieces.extend(pieces);
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.queue.left.lock().unpoisoned().opening -= 1;
        self.queue.more.notify_all();
    }
}

/// A piece of an open file.
#[derive(Clone)]
pub(super) struct OpenPiece {
    /// The file.
    pub file: Arc<dyn Pieces>,
    /// Its place in it.
    pub piece: usize,
    /// All rows match.
    pub unasked: bool,
}

/// What is left, for several threads.
pub(super) struct Queue {
    left: Mutex<Left>,
    more: Condvar,
}

struct Left {
    files: VecDeque<usize>,
    pieces: VecDeque<OpenPiece>,
    /// Files that are being opened.
    opening: usize,
}

impl Queue {
    pub(super) fn new(files: VecDeque<usize>) -> Self {
        let left = Left { files, pieces: VecDeque::new(), opening: 0 };
        Self { left: Mutex::new(left), more: Condvar::new() }
    }

    /// The next job; none when all is done, or others do the rest.
    pub(super) fn next(&self) -> Option<Job<'_>> {
        let mut left = self.left.lock().unpoisoned();
        loop {
            if let Some(piece) = left.pieces.pop_front() {
                return Some(Job::Piece(piece));
            }
            if let Some(file) = left.files.pop_front() {
                left.opening += 1;
                return Some(Job::File(Opening { file, queue: self }));
            }
            if left.opening == 0 {
                return None;
            }
            left = self.more.wait(left).unpoisoned();
        }
    }
}
