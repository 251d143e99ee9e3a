//! Hits beside the flows: lines of JSON, so that what led to a flow, or followed from it, can be found again after it was delivered.
//!
//! ```text
//! hits/hits-0000000000000401-1796080000000.ndjson
//! hits/2026-11-30/23/0000000000000001-0000000000000400-1796080000000-1796080299999.ndjson.zst
//! ```
//!
//! Lines are appended to the first, which has the number of its first line and when that came. Full or old, it is compressed and gets
//! a name as a file of flow records has. [`writer`] appends, [`reader`] reads, also while another process appends.

pub mod reader;
pub mod writer;

use std::path::{Path, PathBuf};

use crate::names::SegmentName;

/// The folder of the hits in that of a store.
const FOLDER: &str = "hits";
/// What compressed files end with.
const ENDING: &str = ".ndjson.zst";
/// What the file under way begins and ends with.
const OPEN: (&str, &str) = ("hits-", ".ndjson");

/// The folder of the hits of the store in `folder`.
pub fn folder(folder: &Path) -> PathBuf {
    folder.join(FOLDER)
}

/// The name of the file under way, by the number of its first line and when it came.
fn open_name(first: u64, from: u64) -> String {
    format!("{}{first:016}-{from:013}{}", OPEN.0, OPEN.1)
}

/// What the name of a file under way says; none where it is none.
fn open_of(name: &str) -> Option<(u64, u64)> {
    let (first, from) = name.strip_prefix(OPEN.0)?.strip_suffix(OPEN.1)?.split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        is_number.then_some(text)?.parse().ok()
    };
    Some((number(first)?, number(from)?))
}

/// Where a compressed file is in the folder of the hits.
fn compressed(name: &SegmentName) -> PathBuf {
    name.path_ending(ENDING)
}

/// How many lines are whole in the octets of a file, and their octets.
fn whole(text: &[u8]) -> (u64, usize) {
    let octets = text.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    (text[..octets].iter().filter(|octet| **octet == b'\n').count() as u64, octets)
}
