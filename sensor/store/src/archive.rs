//! The store as questions see it ([`sensor_core::hunt::archive`]).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sensor_core::{
    flow::columns::Column,
    hunt::{
        archive::{Archive, File, Piece, Pieces, Records, Scan, Unreadable, Wanted},
        bounds::Bounds,
    },
};

use crate::{
    bounds::{OfJournal, OfSegment},
    cells::{Group, Groups, Steps},
    documents::tables::Tables,
    error::Error,
    gaps::Gap,
    journal::{reader::Journal, scan::FrameScan},
    layout::Item,
    library::Library,
    names::SegmentName,
    segment::{reader::Segment, scan::GroupScan},
};

/// What a store has at one moment, to be asked questions.
#[derive(Debug)]
pub struct Stored {
    library: Library,
    files: Vec<File>,
    holdings: Vec<Holding>,
    /// One for all files: what depends on a profile is decided once.
    tables: Tables,
}

#[derive(Debug)]
enum Holding {
    Segment(SegmentName),
    Journal(Arc<Journal>),
    /// A file that is not where its name says: its records may be in another.
    Misplaced(PathBuf),
    /// What no file has.
    Missing(Gap),
    /// What stands behind the damage of a journal.
    Damaged(PathBuf, String),
    /// A file by itself.
    Loose(PathBuf),
}

impl Stored {
    /// Lists what the store in a folder has, and opens its journals.
    ///
    /// # Errors
    /// When a later version wrote it, or the folder or a journal cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::of(Library::open(path)?)
    }

    /// Lists what a library has.
    ///
    /// # Errors
    /// When the folder or a journal cannot be read.
    pub fn of(library: Library) -> Result<Self, Error> {
        let found = library.holdings(0, u64::MAX)?;
        let (mut files, mut holdings) = (Vec::new(), Vec::new());
        for name in found.segments {
            let path = name.path().display().to_string();
            files.push(File { name: path, rows: name.rows(), received: (name.from, name.to) });
            holdings.push(Holding::Segment(name));
        }
        for journal in found.journals {
            let name = journal.path().file_name().unwrap_or_default();
            files.push(File {
                name: name.to_string_lossy().into_owned(),
                rows: journal.rows(),
                received: journal.received().unwrap_or_default(),
            });
            let damage = journal.damage().map(|what| (journal.path().to_owned(), what));
            holdings.push(Holding::Journal(Arc::new(journal)));
            if let Some((path, what)) = damage {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push(File { name, rows: 0, received: (0, u64::MAX) });
                holdings.push(Holding::Damaged(path, what));
            }
        }
        for gap in found.gaps {
            let name = format!("records {} to {}", gap.first, gap.last);
            let received = (gap.from, gap.to.unwrap_or(u64::MAX));
            files.push(File { name, rows: 0, received });
            holdings.push(Holding::Missing(gap));
        }
        for path in library.misplaced()? {
            let name = path.display().to_string();
            files.push(File { name, rows: 0, received: (0, u64::MAX) });
            holdings.push(Holding::Misplaced(path));
        }
        Ok(Self { library, files, holdings, tables: Tables::default() })
    }

    /// Sealed files by themselves, wherever they are: of any store, also such as no store has any more.
    ///
    /// # Errors
    /// When one cannot be read, or the store did not write it.
    pub fn of_files(paths: &[PathBuf]) -> Result<Self, Error> {
        let (mut files, mut holdings) = (Vec::new(), Vec::new());
        for path in paths {
            let segment = Segment::open(path)?;
            let times = (0..segment.groups().len())
                .filter_map(|group| segment.range(group, Item::Received))
                .fold((u64::MAX, 0), |(from, to), (least, most)| {
                    (from.min(least as u64), to.max(most as u64))
                });
            files.push(File {
                name: path.display().to_string(),
                rows: segment.rows(),
                received: times,
            });
            holdings.push(Holding::Loose(path.clone()));
        }
        let library = Library::none();
        Ok(Self { library, files, holdings, tables: Tables::default() })
    }

    fn open_segment(&self, name: &SegmentName) -> Result<OpenFile<Segment>, Error> {
        let (segment, only) = match self.library.segment(name) {
            Err(error) if error.is_gone() => {
                // Compaction may have put its records into another file since.
                let other = self.library.holder(name)?.ok_or(error)?;
                (self.library.segment(&other)?, Some((name.first, name.last)))
            }
            segment => (segment?, None),
        };
        Ok(self.opened(Arc::new(segment), only))
    }

    fn opened<F: Readable>(&self, file: Arc<F>, only: Option<(u64, u64)>) -> OpenFile<F> {
        let piece = |(group, own): (usize, &Group)| Piece {
            rows: own.rows as u64,
            received: file.received_in(group),
        };
        let pieces = file.groups().iter().enumerate().map(piece).collect();
        OpenFile { file, only, pieces, tables: self.tables.clone() }
    }
}

/// Whether a file is a sealed one of a store, as far as its end says.
pub fn is_segment(path: &Path) -> bool {
    path.is_file() && Segment::open(path).is_ok()
}

impl Archive for Stored {
    fn files(&self) -> &[File] {
        &self.files
    }

    fn open(&self, file: usize) -> Result<Arc<dyn Pieces>, Unreadable> {
        match &self.holdings[file] {
            Holding::Segment(name) => Ok(Arc::new(self.open_segment(name).map_err(unreadable)?)),
            Holding::Misplaced(path) => Err(unreadable(Error::Misplaced { path: path.clone() })),
            Holding::Missing(gap) => Err(unreadable(Error::Missing { gap: *gap })),
            Holding::Damaged(path, what) => {
                let (path, what) = (path.clone(), what.clone());
                Err(unreadable(Error::Journal { path, what }))
            }
            Holding::Loose(path) => {
                let segment = Segment::open(path).map_err(unreadable)?;
                Ok(Arc::new(self.opened(Arc::new(segment), None)))
            }
            Holding::Journal(journal) => Ok(Arc::new(self.opened(journal.clone(), None))),
        }
    }
}

fn unreadable(error: Error) -> Unreadable {
    if error.is_gone() { Unreadable::Gone } else { Unreadable::Faulty(Box::new(error)) }
}

/// A file of either kind, as questions need it.
trait Readable: Groups + Send + Sync {
    /// When the first and the last record of a group were received, where that is known.
    fn received_in(&self, group: usize) -> Option<(u64, u64)>;

    /// What is known of a group.
    fn bounds_of(&self, group: usize) -> Box<dyn Bounds + '_>;

    /// Begins to read a group.
    fn begin<'s>(&'s self, group: usize, tables: &'s Tables) -> Box<dyn Scan + 's>;
}

impl Readable for Segment {
    fn received_in(&self, group: usize) -> Option<(u64, u64)> {
        let range = self.range(group, Item::Received);
        range.map(|(least, most)| (least as u64, most as u64))
    }

    fn bounds_of(&self, group: usize) -> Box<dyn Bounds + '_> {
        Box::new(OfSegment { segment: self, group })
    }

    fn begin<'s>(&'s self, group: usize, tables: &'s Tables) -> Box<dyn Scan + 's> {
        Box::new(Reading(GroupScan::new(self, group, tables)))
    }
}

impl Readable for Journal {
    fn received_in(&self, group: usize) -> Option<(u64, u64)> {
        Self::received_in(self, group)
    }

    fn bounds_of(&self, group: usize) -> Box<dyn Bounds + '_> {
        Box::new(OfJournal { journal: self, group })
    }

    fn begin<'s>(&'s self, group: usize, tables: &'s Tables) -> Box<dyn Scan + 's> {
        Box::new(Reading(FrameScan::new(self, group, tables)))
    }
}

struct OpenFile<F> {
    file: Arc<F>,
    only: Option<(u64, u64)>,
    pieces: Vec<Piece>,
    tables: Tables,
}

impl<F: Readable> Pieces for OpenFile<F> {
    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn only(&self) -> Option<(u64, u64)> {
        self.only
    }

    fn bounds(&self, piece: usize) -> Box<dyn Bounds + '_> {
        self.file.bounds_of(piece)
    }

    fn scan(&self, piece: usize) -> Result<Box<dyn Scan + '_>, Unreadable> {
        Ok(self.file.begin(piece, &self.tables))
    }
}

/// The items that are wanted.
fn items(wanted: Wanted) -> Vec<Item> {
    let Wanted { needs, received, sequence } = wanted;
    let is_wanted = |item: &&Item| match **item {
        Item::Sequence => sequence,
        Item::Received => received || needs.has(Column::Received),
        Item::Source => needs.source,
        Item::Destination => needs.destination,
        Item::Column(column) => needs.has(column),
    };
    Item::all().iter().filter(is_wanted).copied().collect()
}

/// A group that is being read.
struct Reading<S>(S);

impl<S: Steps> Scan for Reading<S> {
    fn advance(&mut self, records: &mut Records) -> usize {
        self.0.advance(records)
    }

    fn read(
        &mut self,
        wanted: Wanted,
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Unreadable> {
        self.0.read(&items(wanted), rows, records).map_err(unreadable)
    }

    fn octets(&self) -> u64 {
        self.0.octets()
    }
}
