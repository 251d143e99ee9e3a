//! What libfixbuf's `ipfixDump` made of a case: how many data records.

use std::{fs, path::Path};

/// Data records in the whole file; none where it was not asked, or gave up.
pub fn data_records(case: &Path) -> Option<u64> {
    let text = fs::read_to_string(case.join("expected.fixbuf.txt")).ok()?;
    let summary = text.lines().find(|line| line.starts_with("*** File Stats"))?;
    let (_, rest) = summary.split_once("Messages, ")?;
    rest.split_once(" Data Records")?.0.parse().ok()
}
