//! What came of handing over a batch of rendered messages.

use std::time::Duration;

/// A rendered event.
pub type Message = Vec<u8>;

/// Why a batch was not delivered, or not whole.
#[derive(Debug)]
pub struct Failure {
    /// How many of its messages were.
    pub delivered: usize,
    /// What to do with the others.
    pub verdict: Verdict,
    /// What happened, for people.
    pub error: String,
}

/// What to do with messages that were not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again; not before this time, where the receiver has said so.
    Retry {
        /// From now.
        after: Option<Duration>,
    },
    /// Give them up: the receiver will never take them.
    Refused,
    /// Give everything up: nobody receives any more.
    Gone,
}

impl Failure {
    pub(super) fn retry(delivered: usize, error: &impl ToString) -> Self {
        Self { delivered, verdict: Verdict::Retry { after: None }, error: error.to_string() }
    }
}
