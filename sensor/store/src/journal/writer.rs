//! Appends batches to a journal, a frame each: no allocation per record, and what did not fit on the disk leaves no trace.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    ops::Range,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    columns::{Column, Reader},
};

use super::Sync;
use crate::{
    documents::views::Views,
    error::Error,
    frame::{self, Entry, Rows},
    layout::{self, Form, Item, Table, whole_columns},
};

/// Rows of the longest frame.
const MOST_ROWS: usize = 1 << 16;
/// Octets of documents in a journal: as dictionaries of the file that it becomes, they have to be pages that everybody reads.
const MOST_DOCUMENTS: usize = 8 << 20;
/// Frames of a journal: whoever reads it remembers where they are.
const MOST_FRAMES: usize = 1 << 14;

/// A journal that is being written.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    first: u64,
    next: u64,
    frames: usize,
    /// Octets that are whole frames.
    length: u64,
    begun: u64,
    synced: u64,
    is_synced: bool,
    views: Views,
    /// How many documents of each table are in the file.
    written: [usize; Table::ALL.len()],
    documents: Vec<u8>,
    rows: Vec<u8>,
    numbers: Vec<u32>,
    entries: Vec<Entry>,
}

impl Writer {
    /// Begins a journal whose first record will be numbered `first`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, first: u64, now: u64) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o640);
        let mut file = options.open(path).map_err(Error::system("make", path))?;
        let head = frame::head();
        if let Err(error) = file.write_all(&head) {
            // A file without a head would have to be explained.
            let _ = std::fs::remove_file(path);
            return Err(Error::system("write", path)(error));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            first,
            next: first,
            frames: 0,
            length: head.len() as u64,
            begun: now,
            synced: now,
            is_synced: false,
            views: Views::default(),
            written: [1; _],
            documents: Vec::new(),
            rows: Vec::new(),
            numbers: Vec::new(),
            entries: Vec::new(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of its first record, and of the one that comes next.
    pub fn sequence(&self) -> (u64, u64) {
        (self.first, self.next)
    }

    /// When it was begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Its octets.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether it should be followed by another, however few records it has.
    pub fn is_full(&self) -> bool {
        self.frames >= MOST_FRAMES || self.views.octets() >= MOST_DOCUMENTS
    }

    /// Appends the rows of a batch; says how many there were.
    ///
    /// # Errors
    /// When they cannot be written. None of those that were not counted in [`Self::sequence`] are there then.
    pub fn append(&mut self, batch: &FlowBatch, now: u64, sync: Sync) -> Result<(), Error> {
        for begin in (0..batch.len()).step_by(MOST_ROWS) {
            self.append_rows(batch, begin..batch.len().min(begin + MOST_ROWS), now)?;
        }
        match sync {
            Sync::EachBatch => self.sync(now),
            Sync::Every(_) | Sync::Never => Ok(()),
        }
    }

    /// Makes what was appended outlast a failure of the machine, where that is due.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn sync_if_due(&mut self, now: u64, sync: Sync) -> Result<(), Error> {
        match sync {
            // A clock that was set back is no reason to wait.
            Sync::Every(time) if now.abs_diff(self.synced) >= time => self.sync(now),
            _ => Ok(()),
        }
    }

    /// Makes what was appended outlast a failure of the machine.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn sync(&mut self, now: u64) -> Result<(), Error> {
        self.synced = now;
        if !self.is_synced {
            self.file.sync_data().map_err(Error::system("sync", &self.path))?;
            self.is_synced = true;
        }
        Ok(())
    }

    fn append_rows(
        &mut self,
        batch: &FlowBatch,
        range: Range<usize>,
        now: u64,
    ) -> Result<(), Error> {
        self.lay_out(batch, range.clone(), now);
        self.lay_out_documents();
        let written = self.file.write_all(&self.documents);
        if let Err(error) = written.and_then(|()| self.file.write_all(&self.rows)) {
            return Err(self.take_back(error));
        }
        for (written, table) in self.written.iter_mut().zip(Table::ALL) {
            *written = self.views.documents(table).all().len();
        }
        self.length += (self.documents.len() + self.rows.len()) as u64;
        self.frames += 1;
        self.next += range.len() as u64;
        self.is_synced = false;
        Ok(())
    }

    /// Takes back what was written of a frame. Its documents will stand before the next one.
    fn take_back(&mut self, error: std::io::Error) -> Error {
        use std::io::{Seek as _, SeekFrom};
        let cut = self.file.set_len(self.length);
        // Where even that fails, the next frame is written over it.
        let _ = self.file.seek(SeekFrom::Start(self.length));
        drop(cut);
        Error::system("write", &self.path)(error)
    }

    /// Frames of the documents that are not in the file yet.
    fn lay_out_documents(&mut self) {
        self.documents.clear();
        for (table, written) in Table::ALL.into_iter().zip(self.written) {
            let new = &self.views.documents(table).all()[written..];
            if !new.is_empty() {
                let new = new.iter().map(|document| &**document);
                frame::put_documents(table, written as u32, new, &mut self.documents);
            }
        }
    }

    /// The frame of some rows.
    fn lay_out(&mut self, batch: &FlowBatch, range: Range<usize>, now: u64) {
        let rows = range.len();
        let v6 = matches!(batch.addresses, Addresses::V6 { .. });
        let told = |column: Column| layout::told(batch, column).any();
        self.entries.clear();
        for item in Item::all() {
            let all_told = match item {
                Item::Sequence => continue,
                Item::Received if !told(Column::Received) => continue,
                Item::Received | Item::Source | Item::Destination => true,
                Item::Column(column) if !told(*column) => continue,
                Item::Column(column) => layout::told(batch, *column).all(),
            };
            self.entries.push(Entry { item: *item, all_told, begin: 0 });
        }
        let received = match batch.received.get(range.clone()) {
            Some(received) if !received.is_empty() => {
                let (least, most) = (received.iter().min(), received.iter().max());
                (least.copied().unwrap_or(now), most.copied().unwrap_or(now))
            }
            _ => (now, now),
        };
        let header = Rows {
            v6,
            source: batch.observed_by,
            rows: rows as u32,
            first: self.next,
            received,
            port_labels: self.views.port_labels(batch),
            whole: whole_columns(batch),
        };
        let out = &mut self.rows;
        out.clear();
        let at = frame::begin(out);
        frame::put_rows(&header, self.entries.len(), out);
        let mut begin = frame::values_at(self.entries.len());
        for entry in &self.entries {
            frame::put_entry(Entry { begin, ..*entry }, out);
            begin += entry.item.form().octets(v6) * rows;
        }
        for entry in &self.entries {
            match entry.item {
                Item::Sequence => {}
                Item::Received => put(&batch.received[range.clone()], u64::to_le_bytes, out),
                Item::Source | Item::Destination => {
                    put_addresses(&batch.addresses, entry.item, range.clone(), out);
                }
                Item::Column(column) => {
                    if let Form::Document(_) = entry.item.form() {
                        self.views.numbers(batch, column, &mut self.numbers);
                        put(&self.numbers[range.clone()], u32::to_le_bytes, out);
                    } else {
                        put_column(batch, column, range.clone(), out);
                    }
                }
            }
        }
        frame::end(out, at);
    }
}

fn put<T: Copy, const OCTETS: usize>(
    values: &[T],
    octets: impl Fn(T) -> [u8; OCTETS],
    out: &mut Vec<u8>,
) {
    let begin = out.len();
    out.resize(begin + values.len() * OCTETS, 0);
    let places = out[begin..].as_chunks_mut::<OCTETS>().0;
    places.iter_mut().zip(values).for_each(|(place, value)| *place = octets(*value));
}

fn put_addresses(addresses: &Addresses, item: Item, range: Range<usize>, out: &mut Vec<u8>) {
    match (addresses, item) {
        (Addresses::V4 { source, .. }, Item::Source) => put(&source[range], u32::to_le_bytes, out),
        (Addresses::V4 { destination, .. }, _) => put(&destination[range], u32::to_le_bytes, out),
        (Addresses::V6 { source, .. }, Item::Source) => put(&source[range], u128::to_le_bytes, out),
        (Addresses::V6 { destination, .. }, _) => put(&destination[range], u128::to_le_bytes, out),
    }
}

fn put_column(batch: &FlowBatch, column: Column, range: Range<usize>, out: &mut Vec<u8>) {
    match column.reader() {
        Reader::U8(values) => out.extend_from_slice(&values(batch)[range]),
        Reader::U16(values) => put(&values(batch)[range], u16::to_le_bytes, out),
        Reader::U32(values) => put(&values(batch)[range], u32::to_le_bytes, out),
        Reader::U64(values) => put(&values(batch)[range], u64::to_le_bytes, out),
        Reader::U128(values) => put(&values(batch)[range], u128::to_le_bytes, out),
        Reader::Mac(values) => put(&values(batch)[range], |address| address, out),
        Reader::Lists(_) => {}
    }
}
