//! What the half of a store that keeps it has done.

use crate::error::Error;

/// What the keeper did.
#[derive(Debug, Default)]
pub struct Work {
    /// Journals that were sealed.
    pub sealed: usize,
    /// Files that were made into others.
    pub compacted: usize,
    /// Files that were deleted because their time was over or their room was needed.
    pub expired: usize,
    /// Their octets.
    pub expired_octets: u64,
    /// Files and journals that turned out to be damaged, and were put aside.
    pub damaged: usize,
    /// What went wrong. It will be tried again, but for what is damaged, which was put aside.
    pub errors: Vec<Error>,
}
