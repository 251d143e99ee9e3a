//! What the threads share that answer a question.

use std::sync::Mutex;

use super::{
    account::Progress,
    archive::Archive,
    fate::Asked,
    question::{Options, Question},
    queue::Queue,
    rows::Place,
};
use crate::sync::Unpoisoned as _;

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

impl Run<'_> {
    /// Something could not be read.
    pub(super) fn fault(&self, fault: String) {
        self.progress.faults.lock().unpoisoned().add(fault);
    }
}
