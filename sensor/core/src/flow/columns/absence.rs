//! How a column says that nobody told its value: part of each row of the table of columns.

/// How a batch says of rows that nobody told what a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Not at all: there is a value in each row.
    Never,
    /// The column has a row for each flow all the same, but in batches that say so ([`FlowBatch::untold`]) they mean nothing.
    ///
    /// [`FlowBatch::untold`]: super::FlowBatch::untold
    Whole,
    /// The column has no rows; one that has some tells of all.
    Batch,
    /// As `Batch`; besides, routers' batches have 0 in such rows. In the host's own batches 0 is a value.
    Zero,
    /// This number stands in such rows and is no value, whosever the batch is. It is 0 unless each flow has a row.
    Mark(u64),
}
