//! Which part of a lot a batch is. A source that can be read again after a crash puts its records out in lots, and reads the lot that
//! was under way once more: the same rows, in the same order within each address family. An output that remembers how far it had come
//! leaves out what it has.

use std::sync::Arc;

/// The rows of a batch, as they are numbered within their lot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotPart {
    /// Whose lot.
    pub source: Arc<str>,
    /// Which run of lots, and the number of the lot within it.
    pub lot: (u64, u64),
    /// Their address family: IPv6.
    pub v6: bool,
    /// Rows of the same address family before these.
    pub first: u64,
    /// Rows of the batch when it left the source; a filter may have taken some out since.
    pub rows: u64,
}

impl LotPart {
    /// The number of the row behind the last one.
    pub fn end(&self) -> u64 {
        self.first + self.rows
    }
}
