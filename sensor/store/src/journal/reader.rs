//! Reads a journal: its whole frames, up to the first that is cut off or damaged.

use std::{
    fs::File,
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use sensor_core::flow::mac;
use sensor_wire::cloud::columnar::fault::Fault;

use crate::{
    cells::{Cells, Group, Groups, Told, Values},
    error::Error,
    frame::{self, BadHead, Entry, Frame, PRELUDE, Rows},
    layout::{Form, Item, Table, mark},
};

/// Octets in which a head fits.
const HEAD: usize = 64 << 10;
/// What IPv4 addresses have before them as IPv6 addresses.
pub(crate) const MAPPED: u128 = 0xffff << 32;

/// A journal.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    documents: [Vec<Arc<[u8]>>; Table::ALL.len()],
    groups: Vec<Group>,
    frames: Vec<Vec<Place>>,
    /// The numbers of its first record and of the one behind its last.
    sequence: Option<(u64, u64)>,
    received: Option<(u64, u64)>,
    /// Octets up to which it is whole, and all of them.
    length: (u64, u64),
    end: End,
}

/// How a journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a whole frame.
    Whole,
    /// In the middle of a frame, as when its writer was killed or is at work.
    Cut,
    /// With a frame that is all there, but is not what was written.
    Damaged,
}

/// A frame of rows, and where in the file it is.
#[derive(Debug)]
struct Place {
    rows: Rows,
    at: u64,
    entries: Vec<Entry>,
}

impl Journal {
    /// Reads where the frames are, but those of records before number `past`, which are sealed already.
    ///
    /// # Errors
    /// When it cannot be read, or is of a later version. One whose head is not all there has no records.
    pub fn open(path: &Path, past: u64) -> Result<Self, Error> {
        Self::read(Self::file(path)?, path, past)
    }

    /// Opens the file: as long as it is, the journal can be read, even if it is deleted.
    ///
    /// # Errors
    /// When that cannot be.
    pub fn file(path: &Path) -> Result<File, Error> {
        File::open(path).map_err(Error::system("open", path))
    }

    /// As [`Self::open`], of a file that is open already.
    ///
    /// # Errors
    /// As there.
    pub fn read(file: File, path: &Path, past: u64) -> Result<Self, Error> {
        let length = file.metadata().map_err(Error::system("read", path))?.len();
        let mut own = Self {
            file,
            path: path.to_owned(),
            documents: Table::ALL.map(|table| vec![table.nothing().into()]),
            groups: Vec::new(),
            frames: Vec::new(),
            sequence: None,
            received: None,
            length: (0, length),
            end: End::Cut,
        };
        own.find(past)?;
        Ok(own)
    }

    fn find(&mut self, past: u64) -> Result<(), Error> {
        let length = self.length.1;
        let mut head = vec![0; HEAD.min(usize::try_from(length).unwrap_or(HEAD))];
        self.read_at(0, &mut head)?;
        let damaged =
            |what: &str| Error::Journal { path: self.path.clone(), what: what.to_owned() };
        let (columns, mut at) = match frame::read_head(&head) {
            Ok((columns, octets)) => (columns, octets as u64),
            Err(BadHead::Cut) => return Ok(()),
            Err(BadHead::Damaged(what)) => return Err(damaged(what)),
            Err(BadHead::Newer(version)) => {
                return Err(Error::Newer {
                    path: self.path.clone(),
                    found: version.to_string(),
                    known: frame::VERSION,
                });
            }
        };
        self.length.0 = at;
        let mut octets = Vec::new();
        while length - at >= PRELUDE as u64 {
            let mut prelude = [0; PRELUDE];
            self.read_at(at, &mut prelude)?;
            let (size, crc) = frame::read_prelude(prelude);
            at += PRELUDE as u64;
            if size == 0 || size > frame::MOST_FRAME || size as u64 > length - at {
                break;
            }
            octets.resize(size, 0);
            self.read_at(at, &mut octets)?;
            if crc32fast::hash(&octets) != crc {
                self.end = End::Damaged;
                return Ok(());
            }
            match frame::read(&octets, &columns) {
                Some(Frame::Documents(table, first, places)) => {
                    let own = &mut self.documents[table as usize];
                    // They stand where they were, even if a frame before them was not to be had.
                    own.truncate(first as usize);
                    own.extend(places.into_iter().map(|place| octets[place].into()));
                }
                Some(Frame::Rows(rows, entries)) => self.enter(rows, entries, at, past),
                None => {
                    self.end = End::Damaged;
                    return Ok(());
                }
            }
            at += size as u64;
            self.length.0 = at;
        }
        if self.length.0 == length {
            self.end = End::Whole;
        }
        Ok(())
    }

    fn enter(&mut self, rows: Rows, entries: Vec<Entry>, at: u64, past: u64) {
        let next = rows.first + u64::from(rows.rows);
        if rows.first < past {
            return;
        }
        let (first, _) = *self.sequence.get_or_insert((rows.first, next));
        self.sequence = Some((first, next));
        let (from, to) = self.received.unwrap_or(rows.received);
        self.received = Some((from.min(rows.received.0), to.max(rows.received.1)));
        let labels = &self.documents[Table::PortLabels as usize];
        let group = Group {
            rows: 0,
            v6: rows.v6,
            source: rows.source,
            port_labels: labels.get(rows.port_labels as usize).unwrap_or(&labels[0]).clone(),
            whole: rows.whole,
        };
        let known = self.groups.iter().position(|own| own.takes(&group));
        let known = known.unwrap_or_else(|| {
            self.groups.push(group);
            self.frames.push(Vec::new());
            self.groups.len() - 1
        });
        self.groups[known].rows += rows.rows as usize;
        self.frames[known].push(Place { rows, at, entries });
    }

    fn read_at(&self, at: u64, octets: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(octets, at).map_err(Error::system("read", &self.path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of its first record and the one behind its last; none without records.
    pub fn sequence(&self) -> Option<(u64, u64)> {
        self.sequence
    }

    /// When its records were received: the first and the last time.
    pub fn received(&self) -> Option<(u64, u64)> {
        self.received
    }

    /// When those of a group were.
    pub fn received_in(&self, group: usize) -> Option<(u64, u64)> {
        let times = self.frames[group].iter().map(|place| place.rows.received);
        times.reduce(|(from, to), (least, most)| (from.min(least), to.max(most)))
    }

    /// How many records it has.
    pub fn rows(&self) -> u64 {
        self.groups.iter().map(|group| group.rows as u64).sum()
    }

    /// How it ends.
    pub fn end(&self) -> End {
        self.end
    }

    /// What is wrong with it, if a frame is not what was written: what stands behind it cannot be read either.
    pub fn damage(&self) -> Option<String> {
        let (whole, all) = self.length();
        let lost = all.saturating_sub(whole);
        (self.end == End::Damaged).then(|| {
            format!(
                "octet {whole}: a frame is not what was written; the {lost} octets from there on cannot be read"
            )
        })
    }

    /// Octets up to which it is whole, and all of them.
    pub fn length(&self) -> (u64, u64) {
        self.length
    }
}

impl Groups for Journal {
    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn told(&self, group: usize, item: Item) -> Told {
        if matches!(item, Item::Sequence | Item::Received) {
            return Told::Everywhere;
        }
        let (mut some, mut all) = (false, true);
        for frame in &self.frames[group] {
            match frame.entries.iter().find(|entry| entry.item == item) {
                Some(entry) => (some, all) = (true, all && entry.all_told),
                None => all = false,
            }
        }
        match (some, all) {
            (false, _) => Told::Nowhere,
            (true, false) => Told::Partly,
            (true, true) => Told::Everywhere,
        }
    }

    fn cells(&self, group: usize, item: Item) -> Result<Cells, Error> {
        self.cells_of(group, 0..self.frames[group].len(), item)
    }

    fn fault(&self, _group: usize, _item: Item, fault: Fault) -> Error {
        Error::Journal { path: self.path.clone(), what: fault.to_string() }
    }
}

impl Journal {
    /// The frames from `first` on of which a group consists, as many as have about `rows` rows, and how many they have.
    pub(crate) fn window(&self, group: usize, first: usize, rows: usize) -> (Range<usize>, usize) {
        let (mut end, mut found) = (first, 0);
        for frame in &self.frames[group][first..] {
            let more = frame.rows.rows as usize;
            if found > 0 && found + more > rows {
                break;
            }
            (end, found) = (end + 1, found + more);
        }
        (first..end, found)
    }

    /// The values of an item in some frames of a group.
    pub(crate) fn cells_of(
        &self,
        group: usize,
        frames: Range<usize>,
        item: Item,
    ) -> Result<Cells, Error> {
        let own = &self.groups[group];
        let form = item.form();
        let width = form.octets(own.v6);
        let frames = &self.frames[group][frames];
        let rows = frames.iter().map(|frame| frame.rows.rows as usize).sum();
        let mut values = Values::none(form, rows);
        let mut told =
            (self.told(group, item) != Told::Everywhere).then(|| Vec::with_capacity(rows));
        let mark = match item {
            Item::Column(column) => mark(column, own.source).map(u128::from),
            _ => None,
        };
        // As it is among the values.
        let mark = if form == Form::Ipv4 { mark.map(|mark| MAPPED | mark) } else { mark };
        let mut octets = Vec::new();
        for Place { rows, at, entries } in frames {
            let (count, begin) = (rows.rows as usize, values.len());
            match entries.iter().find(|entry| entry.item == item) {
                Some(entry) => {
                    octets.resize(count * width, 0);
                    self.read_at(at + entry.begin as u64, &mut octets)?;
                    take(form, own.v6, &octets, &mut values);
                    if let Some(told) = &mut told {
                        match mark {
                            Some(mark) if !entry.all_told => {
                                take_told(&mut values, begin, mark, told);
                            }
                            _ => told.resize(values.len(), true),
                        }
                    }
                }
                None => {
                    match (&mut values, item) {
                        (Values::U64(values), Item::Sequence) => {
                            values.extend(rows.first..rows.first + count as u64);
                        }
                        (Values::U64(values), Item::Received) => {
                            values.resize(begin + count, rows.received.0);
                        }
                        _ => values.fill_up(begin + count),
                    }
                    if let Some(told) = &mut told {
                        told.resize(begin + count, false);
                    }
                }
            }
        }
        let documents = match form {
            Form::Document(table) => self.documents[table as usize].clone(),
            _ => Vec::new(),
        };
        Ok(Cells { values, told, documents })
    }
}

/// Appends the values of which a frame has the octets.
fn take(form: Form, v6: bool, octets: &[u8], values: &mut Values) {
    match (values, form) {
        (Values::U32(values), Form::Number(8)) => {
            values.extend(octets.iter().map(|own| u32::from(*own)));
        }
        (Values::U32(values), Form::Number(16)) => {
            let all = octets.as_chunks().0.iter();
            values.extend(all.map(|own| u32::from(u16::from_le_bytes(*own))));
        }
        (Values::U32(values), _) => {
            values.extend(octets.as_chunks().0.iter().map(|own| u32::from_le_bytes(*own)));
        }
        (Values::U64(values), Form::Mac) => {
            values.extend(octets.as_chunks().0.iter().map(|own| mac::number(*own)));
        }
        (Values::U64(values), _) => {
            values.extend(octets.as_chunks().0.iter().map(|own| u64::from_le_bytes(*own)));
        }
        (Values::U128(values), Form::Address | Form::Ipv4) if !(v6 && form == Form::Address) => {
            let all = octets.as_chunks().0.iter();
            values.extend(all.map(|own| MAPPED | u128::from(u32::from_le_bytes(*own))));
        }
        (Values::U128(values), _) => {
            values.extend(octets.as_chunks().0.iter().map(|own| u128::from_le_bytes(*own)));
        }
    }
}

/// Says which of the values from `begin` on are told, and puts 0 in place of the others.
fn take_told(values: &mut Values, begin: usize, mark: u128, told: &mut Vec<bool>) {
    fn own<T: Copy + PartialEq + Default>(values: &mut [T], mark: T, told: &mut Vec<bool>) {
        told.extend(values.iter().map(|value| *value != mark));
        values.iter_mut().filter(|value| **value == mark).for_each(|value| *value = T::default());
    }
    match values {
        Values::U32(values) => own(&mut values[begin..], mark as u32, told),
        Values::U64(values) => own(&mut values[begin..], mark as u64, told),
        Values::U128(values) => own(&mut values[begin..], mark, told),
    }
}
