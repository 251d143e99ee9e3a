//! Files that were put aside as damaged: how much of them is known.

use std::path::PathBuf;

use crate::{
    error::Error,
    folder::Folder,
    journal::reader::Journal,
    names::{DAMAGED, ENDING, SegmentName},
};

/// A file that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutAside {
    /// Where it is.
    pub path: PathBuf,
    /// Its octets.
    pub octets: u64,
    /// Of a sealed file, the records that its name says it had. Of a journal, those before the damage: they can be read, and were sealed before it was put aside.
    pub records: u64,
    /// Octets with records whose number nobody knows: those of a journal behind the damage.
    pub unknown: u64,
}

/// All of them.
///
/// # Errors
/// When the folder cannot be read.
pub fn all(folder: &Folder) -> Result<Vec<PutAside>, Error> {
    let one = |(path, octets): (PathBuf, u64)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sealed = SegmentName::with_ending(&name, &format!("{ENDING}{DAMAGED}"));
        let (records, unknown) = match sealed {
            Some(name) => (name.rows(), 0),
            // One whose head is damaged is unknown as a whole.
            None => Journal::open(&path, 0).map_or((0, octets), |journal| {
                let (whole, length) = journal.length();
                (journal.rows(), length.saturating_sub(whole))
            }),
        };
        PutAside { path, octets, records, unknown }
    };
    Ok(folder.damaged()?.into_iter().map(one).collect())
}
