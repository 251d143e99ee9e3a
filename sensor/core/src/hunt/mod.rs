//! Questions about many flows: which of them a query selects, and what is said of these: the rows themselves, the largest groups,
//! sums over time, how many distinct values, what several queries have in common.
//!
//! Nothing here reads a file. Who does implements [`archive`]: it says which pieces there are and what is known of each ([`bounds`]),
//! and reads the columns that are needed ([`Needs`]). [`run()`] asks a [`Question`] of it on several threads: pieces that cannot hold a
//! match are not read, and where few rows match, no more than these is read of the columns that only the answer needs. [`explain()`] says
//! beforehand what would be read. All memory is bounded; a limit that is reached is an error that names it.

mod account;
mod answer;
pub mod archive;
pub mod bounds;
mod common;
mod distinct;
mod explain;
mod fate;
mod group_by;
mod groups;
mod key;
mod part;
mod question;
mod queue;
mod rows;
mod run;
mod selection;
mod shared;
mod spans;
pub mod sql;
mod stream;
mod sums;
mod table;
mod worker;

pub use account::{Account, MOST_FAULTS, Partial, Progress};
pub use answer::Answer;
pub use common::Shared;
pub use explain::{ExplainedFile, Explanation, FileFate, explain};
pub use fate::Fate;
pub use group_by::{GroupBy, GroupByError, Prefixes};
pub use groups::{Distinct, Group, Grouping, Groups};
pub use key::MOST_FIELDS;
pub use question::{Common, Labels, MOST_QUERIES, Options, Page, Question, Said};
pub use rows::{Order, Place, Rows};
pub use run::run;
pub use selection::Selection;
pub use spans::{Span, run_spans};
pub use stream::Stream;
pub use sums::{Metric, Sums};

use crate::flow::{batch::FlowBatch, columns::Column, fields::Needs};

/// The columns by which the time of a record is known.
pub const TIME: Needs = Needs::columns(Column::Received.bit() | Column::End.bit());

/// The time at which a record belongs to the past, milliseconds since the epoch: when it was received, or, where nobody told
/// that, its last packet.
#[inline(always)]
pub fn time_of(batch: &FlowBatch, row: usize) -> u64 {
    match batch.received.get(row) {
        Some(received) => *received,
        None => batch.end[row],
    }
}

/// A question would have taken more memory than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// More groups than are held.
    #[error(
        "the flows are in more than {0} groups: ask for fewer fields, shorter prefixes, a narrower query or less time"
    )]
    Groups(usize),
    /// More distinct values than are held.
    #[error(
        "the groups have more than {0} distinct values: ask for fewer fields, shorter prefixes, a narrower query or less time"
    )]
    Distinct(usize),
    /// More sums than a series holds.
    #[error(
        "the series has more than {0} sums, a sum for each line and period: ask for fewer lines (--top), longer periods, or less time"
    )]
    Sums(usize),
}
