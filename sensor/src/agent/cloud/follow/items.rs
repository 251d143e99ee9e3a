//! What a source of objects and the decoding say to each other: an object, and what became of it.

use std::sync::Arc;

/// What is known of an object before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is called within its source: the path below the folder, the key within the bucket. It identifies the object.
    pub name: Arc<str>,
    /// Another one whenever the octets are others: an entity tag, a generation; of a file its inode, size and time.
    pub version: Arc<str>,
    /// Octets as they are stored, where that is known.
    pub size: Option<u64>,
    /// When it was last changed, milliseconds since the epoch.
    pub modified: u64,
    /// Nobody writes to it any more, as far as one can tell. Until then the end of a text, behind its last line, waits.
    pub settled: bool,
    /// It may grow, or be written anew: its first and last octets are compared before it is read on. Not for objects of which
    /// the store says that they never change.
    pub grows: bool,
}

/// Why an object was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// Nothing that is decoded begins so. It is not read again unless it changes.
    Foreign,
    /// Its source, or its compression, says so. What was read of it is told, and it is read on when it is handed over again.
    Unreadable,
}

impl Trouble {
    /// Its name in metrics and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its records are with the outputs, up to this octet of what it holds (behind the compression), or this row of a table.
    Done {
        /// So far.
        up_to: u64,
        /// That is all of it; otherwise the end waits until it has settled.
        whole: bool,
    },
    /// It was read before.
    Known,
    /// It is older than what is followed, see `begin`.
    Old,
    /// It was given up.
    Failed(Trouble, String),
}

/// What is to be done about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Hand it over.
    Yes,
    /// It was read before, as it is now.
    Known,
    /// It is older than what is followed.
    Old,
}
