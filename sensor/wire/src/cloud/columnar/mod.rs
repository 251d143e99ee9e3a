//! Parquet files, read a row group at a time: only the columns somebody wants, in bounded memory, whatever the file claims.
//!
//! * [`source`]: octets that can be read at any place. [`pages`]: pages of a column, decompressed within bounds.
//! * [`delta`]: encodings by differences, written out. [`runs`]: numbers of few bits. [`mod@column`]: values of a column by row.
//! * `filter`: the Bloom filter of a column. [`fault`]: what is wrong with a file. `limits`: what it may claim; `work`: what reading it may still cost.
//! * `thrift`: whether its structures take no more steps than they have octets; `shapes`: what is known of their members. `schema`:
//!   whether its columns are few, and lie in few others.
//!
//! The crate `parquet` reads metadata and headers of pages that were checked so, and what it panics on becomes a [`Fault`]. Pages are decompressed and decoded here: the
//! crate allocates on a file's word there, copies a reference with every text, and is compiled without optimization for that.

pub mod column;
pub mod delta;
pub mod fault;
mod filter;
mod limits;
pub mod pages;
pub mod runs;
mod schema;
mod shapes;
pub mod source;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod thrift;
pub mod work;

use std::sync::Arc;

use parquet::{
    bloom_filter::Sbbf,
    file::{
        FOOTER_SIZE,
        metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader},
    },
};

use self::{
    column::{Column, Kind},
    fault::{Fault, guarded},
    limits::{MOST_METADATA, OCTETS_PER_OCTET, ROWS_PER_OCTET, SLACK, VALUES_PER_OCTET},
    pages::{Budget, Pages},
    source::{Seekable, Source},
    work::Work,
};

/// The octets that Parquet files begin and end with.
pub const MAGIC: [u8; 4] = *b"PAR1";

/// Rows that are read at once.
const STEP: usize = 1024;

/// A Parquet file.
pub struct File {
    source: Arc<Source>,
    metadata: ParquetMetaData,
    rows: u64,
    /// Octets that its pages and values may still take.
    work: Work,
    /// Values that may still be read.
    values: Work,
}

impl File {
    /// Reads the metadata of the file that `octets` are.
    ///
    /// # Errors
    /// Where these are no Parquet file, or claim to be a larger one than can be.
    pub fn open(octets: Arc<dyn Seekable>) -> Result<Self, Fault> {
        let most = octets.length().saturating_mul(ROWS_PER_OCTET);
        Self::open_within(octets, most)
    }

    /// As [`Self::open`], but for files of up to `most` rows, however few octets these take.
    ///
    /// # Errors
    /// Where these are no Parquet file, or claim to be a larger one.
    pub fn open_within(octets: Arc<dyn Seekable>, most: u64) -> Result<Self, Fault> {
        let length = octets.length();
        let mut tail = [0; FOOTER_SIZE];
        let begin = length.checked_sub((MAGIC.len() + FOOTER_SIZE) as u64).ok_or(Fault::Cut)?;
        octets.read_at(length - FOOTER_SIZE as u64, &mut tail)?;
        if tail.ends_with(b"PARE") {
            return Err(Fault::Encrypted);
        }
        if !tail.ends_with(&MAGIC) {
            return Err(Fault::Cut);
        }
        let size = FooterTail::try_new(&tail)?.metadata_length();
        if size > MOST_METADATA || size as u64 > begin {
            return Err(Fault::Metadata(size as u64));
        }
        let mut metadata = vec![0; size];
        octets.read_at(length - (FOOTER_SIZE + size) as u64, &mut metadata)?;
        schema::check(&metadata)?;
        let metadata = guarded(|| Ok(ParquetMetaDataReader::decode_metadata(&metadata)?))?;
        let mut rows = 0_u64;
        for group in metadata.row_groups() {
            let more = u64::try_from(group.num_rows()).ok();
            let sum = more.and_then(|more| rows.checked_add(more));
            rows = sum.filter(|sum| *sum <= most).ok_or(Fault::Rows(group.num_rows()))?;
        }
        let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
        let octets_at_most = length.saturating_mul(OCTETS_PER_OCTET);
        let sizes = chunks.map(|chunk| u64::try_from(chunk.uncompressed_size()).unwrap_or(0));
        let plain = sizes.fold(0_u64, u64::saturating_add);
        if plain > octets_at_most {
            return Err(Fault::Plain(plain));
        }
        let work = Work::of(octets_at_most.saturating_add(SLACK as u64));
        let values = Work::of(length.saturating_mul(VALUES_PER_OCTET));
        let source = Arc::new(Source::new(octets));
        Ok(Self { source, metadata, rows, work, values })
    }

    /// What its end says of it.
    pub fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    /// The pages of a column in a row group: for whoever knows what they hold.
    ///
    /// # Errors
    /// Where the metadata contradicts itself.
    pub fn pages(&self, group: usize, column: usize) -> Result<Pages, Fault> {
        let schema = self.metadata.file_metadata().schema_descr().column(column);
        let chunk = self.metadata.row_group(group).column(column);
        let has_levels = schema.max_def_level() != 0;
        Pages::open(
            &self.source,
            chunk,
            has_levels,
            self.rows_of(group),
            &Budget::new(self.work.clone()),
        )
    }

    /// The Bloom filter of a column in a row group; none where it has none.
    ///
    /// # Errors
    /// Where there is one that cannot be read, or contradicts itself.
    pub fn filter(&self, group: usize, column: usize) -> Result<Option<Sbbf>, Fault> {
        let chunk = self.metadata.row_group(group).column(column);
        let Some(begin) = chunk.bloom_filter_offset() else { return Ok(None) };
        filter::read(&self.source, filter::Place { begin, length: chunk.bloom_filter_length() })
    }

    /// Rows of all groups together, as the metadata claims.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The columns: their names, of those within others joined by dots, and what they hold.
    pub fn columns(&self) -> impl Iterator<Item = (String, Kind)> {
        let columns = self.metadata.file_metadata().schema_descr().columns().iter();
        columns.map(|column| (column.path().string(), Kind::of(column)))
    }

    /// How many row groups there are.
    pub fn groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    /// Rows of a row group, as the metadata claims.
    pub fn rows_of(&self, group: usize) -> u64 {
        self.metadata.row_group(group).num_rows().try_into().unwrap_or(0)
    }

    /// A row group, of which the columns `wanted` are read: by their places, and whether as text even where they hold numbers.
    ///
    /// # Errors
    /// Where the metadata contradicts itself, or the group has more values than the file can hold.
    pub fn group(&self, group: usize, wanted: &[(usize, bool)]) -> Result<Group, Fault> {
        let metadata = self.metadata.row_group(group);
        let rows = self.rows_of(group);
        self.values.take(rows.saturating_mul(wanted.len() as u64))?;
        let schema = self.metadata.file_metadata().schema_descr();
        let budget = Budget::new(self.work.clone());
        let column = |(place, as_text): &(usize, bool)| {
            let chunk = metadata.column(*place);
            Column::open(&self.source, &schema.column(*place), chunk, rows, *as_text, &budget)
        };
        let columns = wanted.iter().map(column).collect::<Result<_, _>>()?;
        Ok(Group { columns, left: rows })
    }
}

/// A row group under way.
pub struct Group {
    /// The columns that were wanted, in that order.
    pub columns: Vec<Column>,
    left: u64,
}

impl Group {
    /// Rows that have not been read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Reads the next rows into the columns, and says how many: none at the end.
    ///
    /// # Errors
    /// Where a column cannot be read, or ends before the others. There is no way on in this group then.
    pub fn read(&mut self) -> Result<usize, Fault> {
        let mut rows = STEP.min(usize::try_from(self.left).unwrap_or(STEP));
        if rows == 0 {
            return Ok(0);
        }
        // As far as the pages of all columns go.
        for column in &mut self.columns {
            rows = rows.min(column.ready()?);
        }
        for column in &mut self.columns {
            column.read(rows)?;
        }
        self.left -= rows as u64;
        Ok(rows)
    }
}
