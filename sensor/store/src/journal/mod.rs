//! The journal: where records go first, so that a crash takes no more than the last second of them.
//!
//! [`writer`] appends a frame a batch; [`reader`] reads a journal, also one that another process is still writing to.

pub mod reader;
pub mod scan;
pub mod writer;

/// When what was appended is made to outlast a failure of the machine. A crash of the process alone takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// So many milliseconds after the last time, at the latest.
    Every(u64),
    /// With each batch.
    EachBatch,
    /// Whenever the kernel likes.
    Never,
}
