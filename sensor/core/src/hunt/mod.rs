//! Questions about many flows: which of them a query selects, and what is said of these: the rows themselves, the largest groups,
//! sums over time, how many distinct values, what several queries have in common.
//!
//! Nothing here reads a file. Who does (the store, a capture, an export) asks first which columns are needed
//! ([`Needs`]), then whether a piece of the data can hold a row that is wanted ([`bounds`]), and hands
//! over batches. All memory is bounded; a limit that is reached is an error that names it.

pub mod bounds;
mod group_by;
mod groups;
mod key;
mod rows;
mod selection;
pub mod sql;
mod sums;

pub use group_by::{GroupBy, GroupByError, Prefixes};
pub use groups::{Group, Grouping, Groups};
pub use key::MOST_FIELDS;
pub use rows::{Order, Rows};
pub use selection::Selection;
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
}
