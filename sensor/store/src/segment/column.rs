//! One column of a row group, read into the type that batches have it in: any rows, in ascending order, page by page.

use std::sync::Arc;

use bytes::Bytes;
use sensor_wire::cloud::columnar::{
    fault::Fault,
    pages::{Page, Pages},
    runs::Runs,
};

use super::{packed::Packed, reader::documents};
use crate::{
    cells::Dictionary,
    layout::{Form, Table},
};

/// What a column of a batch has in a row.
pub(super) trait Cell: Copy + Default {
    /// Octets of a plain value.
    fn width(form: Form) -> usize;

    /// Appends plain values, of which these are the octets.
    fn append(form: Form, octets: &[u8], out: &mut Vec<Self>);

    /// Numbers of documents.
    fn numbers(_numbers: Vec<u32>) -> Vec<Self> {
        Vec::new()
    }
}

fn plain<T, const OCTETS: usize>(
    octets: &[u8],
    out: &mut Vec<T>,
    value: impl Fn([u8; OCTETS]) -> T,
) {
    out.extend(octets.as_chunks().0.iter().map(|own| value(*own)));
}

impl Cell for u8 {
    fn width(_form: Form) -> usize {
        4
    }

    fn append(_form: Form, octets: &[u8], out: &mut Vec<Self>) {
        plain(octets, out, |own| u32::from_le_bytes(own) as Self);
    }
}

impl Cell for u16 {
    fn width(_form: Form) -> usize {
        4
    }

    fn append(_form: Form, octets: &[u8], out: &mut Vec<Self>) {
        plain(octets, out, |own| u32::from_le_bytes(own) as Self);
    }
}

impl Cell for u32 {
    fn width(form: Form) -> usize {
        if matches!(form, Form::Address | Form::Ipv4) { 16 } else { 4 }
    }

    fn append(form: Form, octets: &[u8], out: &mut Vec<Self>) {
        match form {
            Form::Address | Form::Ipv4 => {
                plain(octets, out, |own| u128::from_be_bytes(own) as Self);
            }
            _ => plain(octets, out, Self::from_le_bytes),
        }
    }

    fn numbers(numbers: Vec<u32>) -> Vec<Self> {
        numbers
    }
}

impl Cell for u64 {
    fn width(_form: Form) -> usize {
        8
    }

    fn append(_form: Form, octets: &[u8], out: &mut Vec<Self>) {
        plain(octets, out, Self::from_le_bytes);
    }
}

impl Cell for u128 {
    fn width(_form: Form) -> usize {
        16
    }

    fn append(_form: Form, octets: &[u8], out: &mut Vec<Self>) {
        plain(octets, out, Self::from_be_bytes);
    }
}

impl Cell for [u8; 6] {
    fn width(_form: Form) -> usize {
        6
    }

    fn append(_form: Form, octets: &[u8], out: &mut Vec<Self>) {
        plain(octets, out, |own| own);
    }
}

/// What documents are in the table that a batch's column numbers.
pub(super) trait Enter {
    /// Their numbers.
    fn enter(&mut self, table: Table, documents: Dictionary) -> Result<Vec<u32>, Fault>;
}

/// A column that is being read.
pub(super) struct Column<T> {
    pages: Pages,
    form: Form,
    /// What stands in rows that do not tell it; none where all do.
    mark: Option<T>,
    dictionary: Vec<T>,
    /// The rows of the page that is open.
    first: usize,
    end: usize,
    /// How its values stand there.
    stand: Stand,
    packed: Packed,
    plain: Bytes,
    decoded: Vec<T>,
}

#[derive(Clone, Copy)]
enum Stand {
    Packed,
    Plain,
    Decoded,
}

impl<T: Cell> Column<T> {
    /// `mark` stands in rows that do not tell it, if there are such.
    pub(super) fn new(pages: Pages, form: Form, mark: Option<T>) -> Self {
        Self {
            pages,
            form,
            mark,
            dictionary: Vec::new(),
            first: 0,
            end: 0,
            stand: Stand::Decoded,
            packed: Packed::default(),
            plain: Bytes::new(),
            decoded: Vec::new(),
        }
    }

    /// Octets of the pages that were read, as they are stored.
    pub(super) fn octets(&self) -> u64 {
        self.pages.octets()
    }

    /// Puts `count` rows from `from` on into `out`, or those of them in `rows`, which ascend and are numbered from `from` on. No row is
    /// asked for that is before one that was.
    pub(super) fn read(
        &mut self,
        from: usize,
        count: usize,
        rows: Option<&[u32]>,
        out: &mut Vec<T>,
        tables: &mut dyn Enter,
    ) -> Result<(), Fault> {
        out.clear();
        let Some(mut rows) = rows else {
            let (mut at, end) = (from, from + count);
            out.reserve(count);
            while at < end {
                self.open(at, tables)?;
                let stop = end.min(self.end);
                self.append(at - self.first, stop - at, out)?;
                at = stop;
            }
            return Ok(());
        };
        out.reserve(rows.len());
        while let Some(next) = rows.first() {
            self.open(from + *next as usize, tables)?;
            let (here, behind) =
                rows.split_at(rows.partition_point(|row| from + (*row as usize) < self.end));
            let first = self.first;
            self.pick(here.iter().map(|row| from + *row as usize - first), out)?;
            rows = behind;
        }
        Ok(())
    }

    fn append(&mut self, from: usize, count: usize, out: &mut Vec<T>) -> Result<(), Fault> {
        match self.stand {
            Stand::Packed => {
                self.packed.append(from, count, &self.dictionary, out).ok_or_else(unknown)
            }
            Stand::Plain => {
                let width = T::width(self.form);
                T::append(self.form, &self.plain[from * width..(from + count) * width], out);
                Ok(())
            }
            Stand::Decoded => {
                out.extend_from_slice(&self.decoded[from..from + count]);
                Ok(())
            }
        }
    }

    fn pick(&mut self, rows: impl Iterator<Item = usize>, out: &mut Vec<T>) -> Result<(), Fault> {
        match self.stand {
            Stand::Packed => {
                for row in rows {
                    out.push(self.packed.get(row, &self.dictionary).ok_or_else(unknown)?);
                }
            }
            Stand::Plain => {
                let width = T::width(self.form);
                for row in rows {
                    T::append(self.form, &self.plain[row * width..(row + 1) * width], out);
                }
            }
            Stand::Decoded => out.extend(rows.map(|row| self.decoded[row])),
        }
        Ok(())
    }

    /// Opens the page of a row.
    fn open(&mut self, row: usize, tables: &mut dyn Enter) -> Result<(), Fault> {
        if row < self.first {
            return Err(short());
        }
        while row >= self.end {
            while let Some(rows) = self.pages.skip_page(row - self.end)? {
                self.end += rows;
                self.first = self.end;
            }
            if row < self.end {
                return Err(short());
            }
            match self.pages.next_page()?.ok_or_else(short)? {
                Page::Dictionary(octets, count) => self.open_dictionary(&octets, count, tables)?,
                Page::Data { rows, levels, values, are_indexes } => {
                    self.first = self.end;
                    self.end += rows;
                    self.open_data(rows, levels, values, are_indexes, tables)?;
                }
            }
        }
        Ok(())
    }

    fn open_dictionary(
        &mut self,
        octets: &Bytes,
        count: usize,
        tables: &mut dyn Enter,
    ) -> Result<(), Fault> {
        self.dictionary.clear();
        if let Form::Document(table) = self.form {
            let mut all = Dictionary::new();
            documents(octets, count, &mut all).ok_or_else(short)?;
            self.dictionary = T::numbers(tables.enter(table, all)?);
            return Ok(());
        }
        let octets = count.checked_mul(T::width(self.form)).and_then(|end| octets.get(..end));
        T::append(self.form, octets.ok_or_else(short)?, &mut self.dictionary);
        Ok(())
    }

    fn open_data(
        &mut self,
        rows: usize,
        levels: Option<Bytes>,
        values: Bytes,
        are_indexes: bool,
        tables: &mut dyn Enter,
    ) -> Result<(), Fault> {
        let mut told = Vec::new();
        let mut count = rows;
        if let Some(levels) = levels {
            Runs::new(levels, 1).read(rows, &mut told).ok_or_else(short)?;
            count = told.iter().filter(|level| **level == 1).count();
            if self.mark.is_none() && count != rows {
                let what = "rows without a value, which the metadata denies";
                return Err(Fault::Malformed(what.to_owned()));
            }
        }
        self.open_values(count, values, are_indexes, tables)?;
        // Where some rows have none, they are put where they belong at once.
        if let Some(mark) = self.mark.filter(|_| count != rows) {
            let mut dense = Vec::with_capacity(count);
            self.append(0, count, &mut dense)?;
            let mut dense = dense.into_iter();
            self.decoded.clear();
            self.decoded.extend(told.iter().map(|level| match level {
                1 => dense.next().unwrap_or(mark),
                _ => mark,
            }));
            self.stand = Stand::Decoded;
        }
        Ok(())
    }

    fn open_values(
        &mut self,
        count: usize,
        values: Bytes,
        are_indexes: bool,
        tables: &mut dyn Enter,
    ) -> Result<(), Fault> {
        if are_indexes {
            let width = usize::from(*values.first().unwrap_or(&0));
            let packed = values.slice(values.len().min(1)..);
            self.packed.open(packed, width, count).ok_or_else(short)?;
            self.stand = Stand::Packed;
        } else if let Form::Document(table) = self.form {
            let mut all: Vec<Arc<[u8]>> = Dictionary::new();
            documents(&values, count, &mut all).ok_or_else(short)?;
            self.decoded = T::numbers(tables.enter(table, all)?);
            self.stand = Stand::Decoded;
        } else {
            let octets = count.checked_mul(T::width(self.form));
            if octets.is_none_or(|octets| octets > values.len()) {
                return Err(short());
            }
            self.plain = values;
            self.stand = Stand::Plain;
        }
        Ok(())
    }
}

fn short() -> Fault {
    Fault::Malformed("a page that has fewer values than it says".to_owned())
}

fn unknown() -> Fault {
    Fault::Malformed("a number that the dictionary does not have".to_owned())
}
