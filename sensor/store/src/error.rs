//! What can go wrong in the store: each error names the file, and where in it.

use std::{
    io,
    path::{Path, PathBuf},
};

use sensor_wire::cloud::columnar::fault::Fault;

use crate::gaps::{Gap, REMEDY};

/// Why the store cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses.
    #[error("cannot {what} {}", path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nobody has written there.
    #[error("{} is no flow store: no sensor has written to it", path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// Another process writes there.
    #[error(
        "the flow store {} has another writer: two would number records alike; stop the other sensor, or give this one a folder of its own",
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A later version of the sensor wrote it.
    #[error(
        "the flow store {} has format {found}, which is newer than {known}, the newest that this sensor knows: use the sensor that wrote it, or another folder",
        path.display()
    )]
    Newer {
        /// The file that says so.
        path: PathBuf,
        /// Its format.
        found: String,
        /// Ours.
        known: u32,
    },
    /// A journal is not one.
    #[error("the journal {} cannot be read: {what}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Numbers between those of other records are nowhere.
    #[error("{gap}; {REMEDY}")]
    Missing {
        /// Which.
        gap: Gap,
    },
    /// A Parquet file is not where its name says.
    #[error(
        "{} is not in the folder of the day and hour that its name says, so its records are left out: move it back, or delete it if it is a copy",
        path.display()
    )]
    Misplaced {
        /// The file.
        path: PathBuf,
    },
    /// A Parquet file cannot be read.
    #[error("the file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<Fault>,
    },
    /// A row group of a Parquet file cannot be read.
    #[error("row group {group} of {}, column {column}, cannot be read", path.display())]
    Group {
        /// The file.
        path: PathBuf,
        /// Which row group.
        group: usize,
        /// Which column.
        column: &'static str,
        /// What is wrong.
        source: Box<Fault>,
    },
    /// A Parquet file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<Fault>,
    },
}

impl Error {
    /// As `map_err` wants it.
    pub(crate) fn system(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::System { what, path, source }
    }

    /// Whether the disk, or what the user may have of it, is full.
    pub fn is_full(&self) -> bool {
        let kind = match self {
            Self::System { source, .. } => source.kind(),
            Self::Write { source, .. } => match &**source {
                Fault::Read(error) => error.kind(),
                _ => return false,
            },
            _ => return false,
        };
        matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Whether a file is not there any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether what is stored is damaged, rather than that the system cannot read or write it now.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Journal { .. } => true,
            Self::File { source, .. } | Self::Group { source, .. } => match &**source {
                Fault::Read(error) => error.kind() == io::ErrorKind::UnexpectedEof,
                _ => true,
            },
            _ => false,
        }
    }
}
