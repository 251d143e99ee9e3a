//! What would be read to answer a question, and why the rest would not: decided without reading a column.

use super::{
    archive::{Archive, Piece, Unreadable},
    fate::{Asked, Fate},
    question::{Options, Question},
};

/// How a question would be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The columns that decide which rows match: they are read first.
    pub filter: Vec<&'static str>,
    /// Columns that only the answer needs: where few rows match, only these rows are read of them.
    pub late: Vec<&'static str>,
    /// The files.
    pub files: Vec<ExplainedFile>,
}

/// What would become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedFile {
    /// Its name.
    pub name: String,
    /// Its records.
    pub rows: u64,
    /// What would become of it.
    pub fate: FileFate,
}

/// What would become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFate {
    /// It is not opened: its records were received at another time.
    Time,
    /// It is not there any more.
    Gone,
    /// It cannot be read.
    Unreadable(String),
    /// It is opened, and has these pieces.
    Opened(Vec<(Piece, Fate)>),
}

/// Says how a question would be answered. Only the ends of files are read, and filters of addresses.
pub fn explain(question: &Question, archive: &dyn Archive, options: &Options) -> Explanation {
    let asked = Asked::of(question);
    let filter = options.labels.stored(asked.any.needs());
    let late = options.labels.stored(question.said.wanted().needs).without(filter);
    let files = archive.files().iter().enumerate().map(|(place, file)| {
        let fate = if asked.may_be_in_time(file.received) {
            match archive.open(place) {
                Err(Unreadable::Gone) => FileFate::Gone,
                Err(error) => FileFate::Unreadable(error.to_string()),
                Ok(open) => {
                    let pieces = open.pieces().iter().enumerate();
                    let fate = |(at, piece): (usize, &Piece)| {
                        (*piece, asked.fate(piece, &*open.bounds(at)))
                    };
                    FileFate::Opened(pieces.map(fate).collect())
                }
            }
        } else {
            FileFate::Time
        };
        ExplainedFile { name: file.name.clone(), rows: file.rows, fate }
    });
    Explanation { filter: filter.names(), late: late.names(), files: files.collect() }
}
