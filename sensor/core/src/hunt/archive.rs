//! Stored flow records as the runner sees them: files, pieces of files of which bounds are known, and columns of these.
//!
//! Who stores implements it; who only wants answers needs nothing of it but the value that implements [`Archive`].

use std::{fmt, sync::Arc};

use super::bounds::Bounds;
use crate::flow::{batch::FlowBatch, fields::Needs};

/// All that is stored, as files, each record in one of them.
pub trait Archive: Sync {
    /// The files, in any order: also those whose time is another.
    fn files(&self) -> &[File];

    /// Opens a file, by its place among these.
    ///
    /// # Errors
    /// When it cannot be read.
    fn open(&self, file: usize) -> Result<Arc<dyn Pieces>, Unreadable>;
}

/// What is known of a file before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, for people.
    pub name: String,
    /// Its records.
    pub rows: u64,
    /// When the first and the last of them were received, milliseconds since the epoch.
    pub received: (u64, u64),
}

/// An open file.
pub trait Pieces: Send + Sync {
    /// Its pieces: what is read by one thread, or not at all.
    fn pieces(&self) -> &[Piece];

    /// The numbers of the only records in it that count, the first and the last, where others are in another file as well: it has come
    /// in the place of the one that was listed.
    fn only(&self) -> Option<(u64, u64)>;

    /// What is known of the rows of a piece.
    fn bounds(&self, piece: usize) -> Box<dyn Bounds + '_>;

    /// Begins to read a piece.
    ///
    /// # Errors
    /// When it cannot be read.
    fn scan(&self, piece: usize) -> Result<Box<dyn Scan + '_>, Unreadable>;
}

/// Records that are of one family and tell the same columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How many.
    pub rows: u64,
    /// When the first and the last of them were received, milliseconds since the epoch; none where that is not known.
    pub received: Option<(u64, u64)>,
}

/// What is read of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Columns of the batch.
    pub needs: Needs,
    /// When they were received.
    pub received: bool,
    /// Their numbers.
    pub sequence: bool,
}

impl Wanted {
    /// What either wants.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            needs: self.needs.and(other.needs),
            received: self.received || other.received,
            sequence: self.sequence || other.sequence,
        }
    }

    /// What `self` wants and `other` does not.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self {
            needs: self.needs.without(other.needs),
            received: self.received && !other.received,
            sequence: self.sequence && !other.sequence,
        }
    }

    /// Whether nothing is wanted.
    pub fn is_empty(self) -> bool {
        self.needs.is_empty() && !self.received && !self.sequence
    }
}

/// A piece that is being read, some rows at a time.
pub trait Scan {
    /// Goes on to the next rows, and says how many they are; 0 at the end. `records` becomes that long, and has nothing in it
    /// that was read yet.
    fn advance(&mut self, records: &mut Records) -> usize;

    /// Reads columns of these rows, which have not been read yet: of all, or of those in `rows`, which ascend. `records` has that
    /// many.
    ///
    /// # Errors
    /// When they cannot be read. Nothing else is to be read of the piece then.
    fn read(
        &mut self,
        wanted: Wanted,
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Unreadable>;

    /// Octets that were read so far, as they are stored.
    fn octets(&self) -> u64;
}

/// Rows, and what the store knows of them.
#[derive(Clone, Debug)]
pub struct Records {
    /// The columns that were wanted, and those without which they would mean something else. Others have no rows, but for `packets`,
    /// which is as long as the batch.
    pub batch: FlowBatch,
    /// When they were received; empty unless wanted.
    pub received: Vec<u64>,
    /// Their numbers; empty unless wanted.
    pub sequence: Vec<u64>,
}

impl Records {
    /// Keeps only `rows`, which ascend.
    pub fn keep(&mut self, rows: &[u32]) {
        let places: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
        self.batch.keep(&places);
        for numbers in [&mut self.received, &mut self.sequence] {
            if !numbers.is_empty() {
                for (at, place) in places.iter().enumerate() {
                    numbers[at] = numbers[*place];
                }
                numbers.truncate(places.len());
            }
        }
    }
}

/// Why something cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// It has expired, or stands in another file by now, since the files were listed.
    Gone,
    /// It is damaged, or the system refuses.
    Faulty(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("it is not there any more"),
            Self::Faulty(error) => {
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}
