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
pub(super) enum Job {
    /// A file to be opened, by its place. [`Queue::opened`] has to be told what it has.
    File(usize),
    /// A piece to be read.
    Piece(OpenPiece),
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
    pub(super) fn next(&self) -> Option<Job> {
        let mut left = self.left.lock().unpoisoned();
        loop {
            if let Some(piece) = left.pieces.pop_front() {
                return Some(Job::Piece(piece));
            }
            if let Some(file) = left.files.pop_front() {
                left.opening += 1;
                return Some(Job::File(file));
            }
            if left.opening == 0 {
                return None;
            }
            left = self.more.wait(left).unpoisoned();
        }
    }

    /// A file was opened, and has these pieces.
    pub(super) fn opened(&self, pieces: Vec<OpenPiece>) {
        let mut left = self.left.lock().unpoisoned();
        left.opening -= 1;
        left.pieces.extend(pieces);
        self.more.notify_all();
    }
}
