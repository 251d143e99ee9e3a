//! Reads Parquet files of the store, an item of a group at a time; what they claim is checked as with anybody's files.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    bloom_filter::Sbbf,
    file::{metadata::ParquetMetaData, statistics::Statistics},
};
use sensor_core::flow::{columns::Column, mac, source::Source};
use sensor_wire::cloud::columnar::{
    self,
    fault::Fault,
    pages::{Page, Pages},
    runs::Runs,
    source::Seekable,
};

use super::{FORMAT, GroupNote, KEY_FORMAT, KEY_GROUPS, KEY_PORT_LABELS, schema};
use crate::{
    cells::{Cells, Dictionary, Group, Groups, Told, Values},
    error::Error,
    layout::{Form, Item, Table, is_shaping, mark},
};

/// Rows of the largest group that is read.
const MOST_ROWS: u64 = 1 << 24;

/// A sealed file.
pub struct Segment {
    path: PathBuf,
    file: columnar::File,
    groups: Vec<Group>,
    /// The place of each item among the columns of the file.
    columns: Vec<Option<usize>>,
}

/// A file as octets that can be read at any place.
struct OpenFile {
    file: File,
    length: u64,
}

impl Seekable for OpenFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }
}

impl Segment {
    /// Reads the end of a file, which says where everything is.
    ///
    /// # Errors
    /// When it cannot be read, is not one of the store, or of a later version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::system("open", path))?;
        let length = file.metadata().map_err(Error::system("read", path))?.len();
        let wrong = |fault: Fault| Error::File { path: path.to_owned(), source: Box::new(fault) };
        let octets = Arc::new(OpenFile { file, length });
        let file = columnar::File::open_within(octets, MOST_ROWS).map_err(wrong)?;
        let notes = notes(file.metadata());
        let found = notes.get(KEY_FORMAT).copied().unwrap_or("0");
        match found.parse::<u32>() {
            Ok(1..=FORMAT) => {}
            Ok(0) | Err(_) => {
                return Err(wrong(Fault::Malformed("the flow store did not write it".to_owned())));
            }
            Ok(_) => {
                let (path, found) = (path.to_owned(), found.to_owned());
                return Err(Error::Newer { path, found, known: FORMAT });
            }
        }
        let columns = columns(file.metadata()).map_err(wrong)?;
        let mut own = Self { path: path.to_owned(), file, groups: Vec::new(), columns };
        own.groups = own.described().map_err(wrong)?;
        Ok(own)
    }

    fn described(&self) -> Result<Vec<Group>, Fault> {
        let malformed = |what: &str| Fault::Malformed(what.to_owned());
        let notes = notes(self.file.metadata());
        let text = |key: &str| notes.get(key).copied().unwrap_or_default();
        let no_sense = |_| malformed("what it says of its groups makes no sense");
        let groups: Vec<GroupNote> = serde_json::from_str(text(KEY_GROUPS)).map_err(no_sense)?;
        let labels: Vec<String> = serde_json::from_str(text(KEY_PORT_LABELS)).map_err(no_sense)?;
        let labels: Vec<Arc<[u8]>> = labels.iter().map(|own| own.as_bytes().into()).collect();
        if groups.len() != self.file.groups() {
            return Err(malformed("it describes more row groups than it has, or fewer"));
        }
        let mut all = Vec::with_capacity(groups.len());
        for (at, note) in groups.iter().enumerate() {
            let source = Source::ALL.into_iter().find(|source| source.name() == note.flowtype);
            let mut group = Group {
                rows: usize::try_from(self.file.rows_of(at)).unwrap_or(0),
                v6: note.ipversion == 6,
                source: source.ok_or_else(|| malformed("a kind of source that is not known"))?,
                port_labels: labels
                    .get(note.port_labels)
                    .cloned()
                    .unwrap_or_else(|| Table::PortLabels.nothing().into()),
                whole: 0,
            };
            for column in Column::ALL {
                let is_told = match Item::of(*column) {
                    Item::Received => note.received,
                    item if is_shaping(*column) => {
                        note.shaped_by.iter().any(|name| name == item.name())
                    }
                    item => {
                        mark(*column, group.source).is_none()
                            && self.told_of(at, group.rows, item) == Told::Everywhere
                    }
                };
                if is_told {
                    group.whole |= column.bit();
                }
            }
            all.push(group);
        }
        Ok(all)
    }

    fn told_of(&self, group: usize, rows: usize, item: Item) -> Told {
        let Some(column) = self.columns[item.place()] else { return Told::Nowhere };
        let metadata = self.file.metadata();
        if metadata.file_metadata().schema_descr().column(column).max_def_level() == 0 {
            return Told::Everywhere;
        }
        let chunk = metadata.row_group(group).column(column);
        match chunk.statistics().and_then(Statistics::null_count_opt) {
            Some(0) => Told::Everywhere,
            Some(nulls) if nulls == rows as u64 => Told::Nowhere,
            _ => Told::Partly,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many records it has.
    pub fn rows(&self) -> u64 {
        self.file.rows()
    }

    /// The least and the greatest value of an item in a group, as numbers, IPv4 addresses mapped; none where that is not known.
    pub fn range(&self, group: usize, item: Item) -> Option<(u128, u128)> {
        let column = self.columns[item.place()]?;
        let statistics = self.file.metadata().row_group(group).column(column).statistics()?;
        let octets = |own: &[u8]| match *own {
            [a, b, c, d, e, f] => Some(mac::number([a, b, c, d, e, f]).into()),
            _ => Some(u128::from_be_bytes(own.try_into().ok()?)),
        };
        match statistics {
            Statistics::Int32(own) => {
                let number = |own: &i32| u128::from(own.cast_unsigned());
                Some((number(own.min_opt()?), number(own.max_opt()?)))
            }
            Statistics::Int64(own) => {
                let number = |own: &i64| u128::from(own.cast_unsigned());
                Some((number(own.min_opt()?), number(own.max_opt()?)))
            }
            Statistics::FixedLenByteArray(own) => {
                Some((octets(own.min_opt()?.data())?, octets(own.max_opt()?.data())?))
            }
            _ => None,
        }
    }

    /// The filter of the addresses on one side of a group; none where it has none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn filter(&self, group: usize, side: Item) -> Result<Option<Filter>, Error> {
        let Some(column) = self.columns[side.place()] else { return Ok(None) };
        let filter = self.file.filter(group, column);
        Ok(filter.map_err(|fault| self.fault(group, side, fault))?.map(Filter))
    }

    /// The pages of an item in a group.
    pub(super) fn pages(&self, group: usize, item: Item) -> Result<Pages, Fault> {
        let Some(column) = self.columns[item.place()] else {
            let what = "it is not in the file".to_owned();
            return Err(Fault::Column { column: item.name().to_owned(), what });
        };
        self.file.pages(group, column)
    }

    /// Where in the file a column of a group is.
    pub fn places(&self, group: usize, column: &str) -> Option<std::ops::Range<u64>> {
        let columns = self.file.metadata().row_group(group).columns();
        let chunk = columns.iter().find(|chunk| chunk.column_path().string() == column)?;
        let (begin, length) = chunk.byte_range();
        Some(begin..begin + length)
    }

    /// Octets of each column that is stored, over all groups: for people who want to know what takes up their disk.
    pub fn octets(&self) -> Vec<(String, u64)> {
        let metadata = self.file.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let name = |at: usize| schema.column(at).path().string();
        let octets = |at: usize| {
            let chunks = metadata.row_groups().iter().map(|group| group.column(at));
            chunks.map(|chunk| chunk.compressed_size().max(0).cast_unsigned()).sum()
        };
        (0..schema.num_columns()).map(|at| (name(at), octets(at))).collect()
    }

    /// Octets of its documents before compression, at most.
    pub fn document_octets(&self) -> u64 {
        let groups = self.file.metadata().row_groups().iter();
        let documents = Item::all().iter().filter(|item| matches!(item.form(), Form::Document(_)));
        let places: Vec<usize> = documents.filter_map(|item| self.columns[item.place()]).collect();
        let octets = |place: &usize, group: &parquet::file::metadata::RowGroupMetaData| {
            group.column(*place).uncompressed_size().max(0).cast_unsigned()
        };
        groups.map(|group| places.iter().map(|place| octets(place, group)).sum::<u64>()).sum()
    }

    /// Reads all that is in it.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn verify(&self) -> Result<(), Error> {
        for group in 0..self.groups.len() {
            for item in Item::all() {
                if self.told(group, *item) != Told::Nowhere {
                    self.cells(group, *item)?;
                }
            }
        }
        Ok(())
    }

    fn read(&self, group: usize, item: Item, column: usize) -> Result<Cells, Fault> {
        let rows = self.groups[group].rows;
        let form = item.form();
        let mut pages = self.file.pages(group, column)?;
        let mut cells =
            Cells { values: Values::none(form, rows), told: None, documents: Dictionary::new() };
        let is_partly = self.told(group, item) != Told::Everywhere;
        let mut told: Vec<bool> = Vec::new();
        let mut dictionary = Values::none(form, 0);
        let mut indexes = Vec::new();
        let short = || Fault::Malformed("a page that has fewer values than it says".to_owned());
        while let Some(page) = pages.next_page()? {
            match page {
                Page::Dictionary(octets, count) => match form {
                    Form::Document(_) => {
                        documents(&octets, count, &mut cells.documents).ok_or_else(short)?;
                    }
                    _ => plain(form, &octets, count, &mut dictionary).ok_or_else(short)?,
                },
                Page::Data { rows: here, levels, values, are_indexes } => {
                    let mut count = here;
                    if let Some(levels) = levels {
                        indexes.clear();
                        Runs::new(levels, 1).read(here, &mut indexes).ok_or_else(short)?;
                        count = indexes.iter().filter(|level| **level == 1).count();
                        if is_partly {
                            told.extend(indexes.iter().map(|level| *level == 1));
                        } else if count != here {
                            let what = "rows without a value, which the metadata denies";
                            return Err(Fault::Malformed(what.to_owned()));
                        }
                    }
                    if are_indexes {
                        let width = usize::from(*values.first().unwrap_or(&0));
                        indexes.clear();
                        let packed = values.slice(values.len().min(1)..);
                        if width > 32 {
                            return Err(short());
                        }
                        Runs::new(packed, width).read(count, &mut indexes).ok_or_else(short)?;
                        let known = match form {
                            Form::Document(_) => cells.documents.len(),
                            _ => dictionary.len(),
                        };
                        if indexes.iter().any(|index| *index as usize >= known) {
                            let what = "a number that the dictionary does not have";
                            return Err(Fault::Malformed(what.to_owned()));
                        }
                        look_up(form, &indexes, &dictionary, &mut cells.values);
                    } else if let Form::Document(_) = form {
                        let first = cells.documents.len();
                        documents(&values, count, &mut cells.documents).ok_or_else(short)?;
                        if let Values::U32(own) = &mut cells.values {
                            own.extend((first..first + count).map(|place| place as u32));
                        }
                    } else {
                        plain(form, &values, count, &mut cells.values).ok_or_else(short)?;
                    }
                }
            }
        }
        if is_partly {
            if told.len() != rows {
                return Err(short());
            }
            cells.values = spread(cells.values, &told).ok_or_else(short)?;
            cells.told = Some(told);
        }
        if cells.values.len() != rows {
            return Err(Fault::Malformed("fewer rows than the metadata says".to_owned()));
        }
        Ok(cells)
    }
}

/// Says which addresses a group may have.
#[derive(Debug)]
pub struct Filter(Sbbf);

impl Filter {
    /// Whether an address may be there, IPv4 ones mapped; where this says no, it is not.
    pub fn may_have(&self, address: u128) -> bool {
        self.0.check(&address.to_be_bytes()[..])
    }
}

impl Groups for Segment {
    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn told(&self, group: usize, item: Item) -> Told {
        self.told_of(group, self.groups[group].rows, item)
    }

    fn cells(&self, group: usize, item: Item) -> Result<Cells, Error> {
        let Some(column) = self.columns[item.place()] else {
            let what = "it is not in the file".to_owned();
            let fault = Fault::Column { column: item.name().to_owned(), what };
            return Err(self.fault(group, item, fault));
        };
        self.read(group, item, column).map_err(|fault| self.fault(group, item, fault))
    }

    fn fault(&self, group: usize, item: Item, fault: Fault) -> Error {
        let (path, source) = (self.path.clone(), Box::new(fault));
        Error::Group { path, group, column: item.name(), source }
    }
}

fn notes(metadata: &ParquetMetaData) -> HashMap<&str, &str> {
    let notes = metadata.file_metadata().key_value_metadata();
    let notes = notes.into_iter().flatten();
    notes.filter_map(|note| Some((note.key.as_str(), note.value.as_deref()?))).collect()
}

/// The places of items among the columns. Columns that are not known are those of somebody else.
fn columns(metadata: &ParquetMetaData) -> Result<Vec<Option<usize>>, Fault> {
    let schema = metadata.file_metadata().schema_descr();
    let mut places = vec![None; Item::all().len()];
    for (at, column) in schema.columns().iter().enumerate() {
        let name = column.path().string();
        let Some(item) = Item::find(&name) else { continue };
        let (physical, length, _) = schema::types(item.form());
        let is_ours = column.physical_type() == physical
            && length.is_none_or(|length| column.type_length() == length)
            && column.max_rep_level() == 0
            && column.max_def_level() <= 1;
        if !is_ours {
            let what = format!("values of the type {}", column.physical_type());
            return Err(Fault::Column { column: name, what });
        }
        places[item.place()] = Some(at);
    }
    for item in [Item::Sequence, Item::Received, Item::Source, Item::Destination] {
        if places[item.place()].is_none() {
            return Err(Fault::Malformed(format!("it has no column {}", item.name())));
        }
    }
    Ok(places)
}

/// Appends plain values.
fn plain(form: Form, octets: &[u8], count: usize, values: &mut Values) -> Option<()> {
    fn own<T, const OCTETS: usize>(
        octets: &[u8],
        count: usize,
        value: impl Fn([u8; OCTETS]) -> T,
        values: &mut Vec<T>,
    ) -> Option<()> {
        let octets = octets.get(..count.checked_mul(OCTETS)?)?;
        values.extend(octets.as_chunks::<OCTETS>().0.iter().map(|own| value(*own)));
        Some(())
    }
    match values {
        Values::U32(values) => own(octets, count, u32::from_le_bytes, values),
        Values::U64(values) if form == Form::Mac => own(octets, count, mac::number, values),
        Values::U64(values) => own(octets, count, u64::from_le_bytes, values),
        Values::U128(values) => own(octets, count, u128::from_be_bytes, values),
    }
}

/// Appends documents, each behind its length.
pub(super) fn documents(octets: &Bytes, count: usize, all: &mut Dictionary) -> Option<()> {
    let mut at = 0_usize;
    for _ in 0..count {
        let length = u32::from_le_bytes(*octets.get(at..)?.first_chunk()?) as usize;
        let begin = at + 4;
        at = begin.checked_add(length)?;
        all.push(octets.get(begin..at)?.into());
    }
    Some(())
}

/// Appends the values that indexes stand for.
fn look_up(form: Form, indexes: &[u32], dictionary: &Values, values: &mut Values) {
    match (values, dictionary) {
        (Values::U32(values), _) if matches!(form, Form::Document(_)) => {
            values.extend_from_slice(indexes);
        }
        (Values::U32(values), Values::U32(own)) => {
            values.extend(indexes.iter().map(|index| own[*index as usize]));
        }
        (Values::U64(values), Values::U64(own)) => {
            values.extend(indexes.iter().map(|index| own[*index as usize]));
        }
        (Values::U128(values), Values::U128(own)) => {
            values.extend(indexes.iter().map(|index| own[*index as usize]));
        }
        _ => {}
    }
}

/// Puts 0 in place of the values that are not told.
fn spread(values: Values, told: &[bool]) -> Option<Values> {
    fn own<T: Default>(values: Vec<T>, told: &[bool]) -> Option<Vec<T>> {
        let mut values = values.into_iter();
        let mut cell = |told: &bool| if *told { values.next() } else { Some(T::default()) };
        told.iter().map(&mut cell).collect()
    }
    Some(match values {
        Values::U32(values) => Values::U32(own(values, told)?),
        Values::U64(values) => Values::U64(own(values, told)?),
        Values::U128(values) => Values::U128(own(values, told)?),
    })
}
