//! What is wrong with a Parquet file.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use parquet::{basic::CompressionCodec, errors::ParquetError};

use super::limits::{MOST_COLUMNS, MOST_HELD, MOST_METADATA, MOST_PAGE};

/// Why a Parquet file, or a row group of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system says so.
    #[error(transparent)]
    Read(io::Error),
    /// It does not end as Parquet files end.
    #[error(
        "the Parquet file is cut short: its end, which says where everything stands, is missing"
    )]
    Cut,
    /// Only who has the key can read it.
    #[error("the Parquet file is encrypted")]
    Encrypted,
    /// The metadata would not fit, or nobody would have written so much.
    #[error(
        "the Parquet file claims {0} octets of metadata: more than there are, or than {MOST_METADATA}, which are read"
    )]
    Metadata(u64),
    /// More columns than anybody writes.
    #[error("the Parquet file has {0} columns: more than {MOST_COLUMNS} are not read")]
    Columns(usize),
    /// More rows than its octets can hold.
    #[error("the Parquet file claims a row group of {0} rows: its octets cannot hold so many")]
    Rows(i64),
    /// More octets than compression can have made so few of.
    #[error("the Parquet file claims {0} octets before compression: it cannot hold so many")]
    Plain(u64),
    /// More values, or octets in them, than anybody has written in so few.
    #[error("the Parquet file repeats its values too often: its octets cannot hold so many")]
    Repeated,
    /// A page that nobody would write.
    #[error(
        "the Parquet file has a page of {0} octets or more: {MOST_PAGE} are read, and no more than the metadata says"
    )]
    Page(u64),
    /// Pages that have to be in memory together.
    #[error("the Parquet file has pages that need more than {MOST_HELD} octets of memory together")]
    Held,
    /// A compression that is not read.
    #[error("the Parquet file is compressed by {0:?}: gzip, snappy and zstd are read")]
    Codec(CompressionCodec),
    /// A column holds what it must not.
    #[error("the Parquet file has in column `{column}` {what}")]
    Column {
        /// Its name.
        column: String,
        /// What is wrong.
        what: String,
    },
    /// It contradicts itself, or its format.
    #[error("the Parquet file is malformed: {0}")]
    Malformed(String),
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<Self>() {
                Ok(fault) => *fault,
                Err(error) => match error.downcast::<io::Error>() {
                    Ok(error) => (*error).into(),
                    Err(error) => Self::Malformed(error.to_string()),
                },
            },
            ParquetError::General(text) | ParquetError::EOF(text) | ParquetError::NYI(text) => {
                Self::Malformed(text)
            }
            other => Self::Malformed(other.to_string()),
        }
    }
}

/// One of our own, on its way through the crate, or one of the system.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Read)
    }
}

impl From<Fault> for ParquetError {
    fn from(fault: Fault) -> Self {
        Self::External(Box::new(fault))
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Read(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// What the crate `parquet` says, also where it panics.
///
/// # Errors
/// What it says.
pub fn guarded<T>(read: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(ParquetError::General("its structure contradicts itself".to_owned()).into())
    })
}
