//! The pages of a column, decompressed within bounds.
//!
//! The crate `parquet` reads their headers, as if they were not compressed: its own decompressors make as much of a page as it happens to hold.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use parquet::{
    basic::{CompressionCodec, Encoding, Type},
    column::page::{Page as Raw, PageReader as _},
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData, reader::Length as _, serialized_reader::SerializedPageReader,
    },
};

use super::{
    delta,
    fault::{Fault, guarded},
    limits::{MOST_HELD, MOST_PAGE, SLACK},
    source::Source,
    work::Work,
};

/// Octets of the largest window of zstd: that of its highest ordinary level.
const ZSTD_WINDOW: u32 = 23;
/// Octets that decompressing a page takes beside its own, for the tables of the compression.
const PAGE: usize = 4096;
/// What a value of a dictionary costs, beside its octets.
const VALUE: usize = 8;

/// Octets of pages in memory, and those that may still come.
#[derive(Clone, Debug)]
pub struct Budget {
    held: Arc<AtomicUsize>,
    /// Of the whole file.
    pub work: Work,
}

impl Budget {
    /// Nothing is in memory yet.
    pub fn new(work: Work) -> Self {
        Self { held: Arc::default(), work }
    }

    /// Octets that may still come.
    fn left(&self) -> usize {
        usize::try_from(self.work.left()).unwrap_or(usize::MAX)
    }
}

/// A page as it is to be read.
#[derive(Debug)]
pub enum Page {
    /// Values that later pages name by number, plain; how many.
    Dictionary(Bytes, usize),
    /// Rows.
    Data {
        /// How many.
        rows: usize,
        /// Which of them have a value, in runs; none where each has one.
        levels: Option<Bytes>,
        /// Their values, plain or as indexes.
        values: Bytes,
        /// The values are indexes into the dictionary.
        are_indexes: bool,
    },
}

/// The pages of one column in one row group.
pub struct Pages {
    inner: SerializedPageReader<Source>,
    codec: CompressionCodec,
    physical: Type,
    has_levels: bool,
    budget: Budget,
    /// Rows that may still come, and octets before compression.
    rows: u64,
    room: usize,
    /// Octets of the dictionary, and of the page that was read last.
    held: [usize; 2],
    /// Octets that were read, as they are stored.
    octets: u64,
}

impl Pages {
    /// # Errors
    /// Where the metadata cannot be true, or the compression is unknown.
    pub fn open(
        source: &Arc<Source>,
        chunk: &ColumnChunkMetaData,
        has_levels: bool,
        rows: u64,
        budget: &Budget,
    ) -> Result<Self, Fault> {
        let begin = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let end = begin.checked_add(chunk.compressed_size());
        let is_there = |end: i64| u64::try_from(end).is_ok_and(|end| end <= source.len());
        if begin < 0 || chunk.compressed_size() < 0 || !end.is_some_and(is_there) {
            return Err(Fault::Cut);
        }
        let codec = chunk.compression_codec();
        match codec {
            CompressionCodec::UNCOMPRESSED
            | CompressionCodec::SNAPPY
            | CompressionCodec::GZIP
            | CompressionCodec::ZSTD => {}
            other => return Err(Fault::Codec(other)),
        }
        let plain = chunk.clone().into_builder();
        let plain = plain.set_compression_codec(CompressionCodec::UNCOMPRESSED).build()?;
        Ok(Self {
            inner: SerializedPageReader::new(source.clone(), &plain, 0, None)?,
            codec,
            physical: chunk.column_type(),
            has_levels,
            rows,
            room: usize::try_from(chunk.uncompressed_size()).unwrap_or(0).saturating_add(SLACK),
            budget: budget.clone(),
            held: [0; 2],
            octets: 0,
        })
    }

    /// Octets of the pages that were read, before they were decompressed.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Leaves the next page out, if it is one of `most` rows at most, and says how many these are; nothing where it is another, or there
    /// is none.
    ///
    /// # Errors
    /// Where its header cannot be read.
    pub fn skip_page(&mut self, most: usize) -> Result<Option<usize>, Fault> {
        let inner = &mut self.inner;
        let Some(page) = guarded(|| Ok(inner.peek_next_page()?))? else { return Ok(None) };
        // Those of format 1 say how many values they have, which are rows where nothing is repeated.
        let rows = page.num_rows.or(page.num_levels);
        let Some(rows) = rows.filter(|rows| !page.is_dict && *rows <= most) else {
            return Ok(None);
        };
        let left = self.rows.checked_sub(rows as u64);
        self.rows = left.ok_or_else(|| malformed("more rows than the metadata says"))?;
        guarded(|| Ok(inner.skip_next_page()?))?;
        Ok(Some(rows))
    }

    /// The next page; none at the end.
    ///
    /// # Errors
    /// Where it cannot be read, or is too large.
    pub fn next_page(&mut self) -> Result<Option<Page>, Fault> {
        let page = loop {
            let Some(page) = guarded(|| Ok(self.inner.get_next_page()?))? else { return Ok(None) };
            self.octets += page.buffer().len() as u64;
            if !page.is_data_page() {
                break page;
            }
            // Before anything is made of it.
            let left = self.rows.checked_sub(page.num_values().into());
            self.rows = left.ok_or_else(|| malformed("more rows than the metadata says"))?;
            if page.num_values() != 0 {
                break page;
            }
        };
        match page {
            Raw::DictionaryPage { buf, num_values, .. } => {
                let (buf, values) = (self.decompressed(&buf)?, num_values as usize);
                // No value is shorter than four octets.
                if values > buf.len() / 4 {
                    return Err(malformed("a dictionary that has fewer values than it says"));
                }
                self.hold(0, buf.len() + values * VALUE)?;
                Ok(Some(Page::Dictionary(buf, values)))
            }
            Raw::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
                let buf = self.decompressed(&buf)?;
                let mut levels = 0..0;
                if self.has_levels {
                    if def_level_encoding != Encoding::RLE {
                        return Err(malformed("levels that are not encoded by RLE"));
                    }
                    let size = buf.first_chunk().map(|size| u32::from_le_bytes(*size) as usize);
                    levels = 4..4 + size.unwrap_or(usize::MAX >> 1);
                }
                self.page(&buf, levels, num_values as usize, encoding).map(Some)
            }
            Raw::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                ..
            } => {
                let begin = rep_levels_byte_len as usize;
                let end = begin + def_levels_byte_len as usize;
                if end > buf.len() {
                    return Err(malformed("a page whose levels are longer than it"));
                }
                let buf = if is_compressed && self.codec != CompressionCodec::UNCOMPRESSED {
                    let values = self.decompressed(&buf.slice(end..))?;
                    match end {
                        0 => values,
                        _ => [&buf[..end], &values].concat().into(),
                    }
                } else {
                    buf
                };
                self.page(&buf, begin..end, num_values as usize, encoding).map(Some)
            }
        }
    }

    /// A page of `rows`, of which `levels` say which have a value.
    fn page(
        &mut self,
        buf: &Bytes,
        levels: std::ops::Range<usize>,
        rows: usize,
        encoding: Encoding,
    ) -> Result<Page, Fault> {
        if levels.end > buf.len() {
            return Err(malformed("a page whose levels are longer than it"));
        }
        let mut values = buf.slice(levels.end..);
        let mut are_indexes = false;
        match encoding {
            Encoding::PLAIN => {}
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => are_indexes = true,
            Encoding::DELTA_BINARY_PACKED
            | Encoding::DELTA_LENGTH_BYTE_ARRAY
            | Encoding::DELTA_BYTE_ARRAY => {
                let mut plain = Vec::new();
                let most = self.budget.left().min(MOST_PAGE);
                let written =
                    delta::write_out(self.physical, encoding, &values, rows, most, &mut plain);
                self.budget.work.spend(plain.len());
                written.ok_or_else(|| malformed("a page of differences that do not add up"))?;
                values = plain.into();
            }
            other => return Err(malformed(&format!("the encoding {other}, which is not read"))),
        }
        self.hold(1, levels.end + values.len())?;
        let levels = self.has_levels.then(|| buf.slice(levels));
        Ok(Page::Data { rows, levels, values, are_indexes })
    }

    /// Accounts for what takes the place of what was held before.
    fn hold(&mut self, place: usize, octets: usize) -> Result<(), Fault> {
        let before = std::mem::replace(&mut self.held[place], octets);
        self.budget.held.fetch_sub(before, Relaxed);
        if self.budget.held.fetch_add(octets, Relaxed) + octets > MOST_HELD {
            return Err(Fault::Held);
        }
        Ok(())
    }

    /// A page without its compression.
    fn decompressed(&mut self, page: &Bytes) -> Result<Bytes, Fault> {
        if page.is_empty() || self.codec == CompressionCodec::UNCOMPRESSED {
            return Ok(page.clone());
        }
        let mut plain = Vec::new();
        let most = self.room.min(MOST_PAGE).min(self.budget.left());
        let result = decompress(self.codec, page, most, &mut plain);
        // Also what nothing came of.
        self.room = self.room.saturating_sub(plain.len());
        self.budget.work.spend(plain.len() + PAGE);
        result?;
        Ok(plain.into())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.held[0] + self.held[1], Relaxed);
    }
}

/// Decompresses a page of `most` octets at most.
fn decompress(
    codec: CompressionCodec,
    page: &[u8],
    most: usize,
    plain: &mut Vec<u8>,
) -> Result<(), Fault> {
    match codec {
        CompressionCodec::SNAPPY => {
            let length = snap::raw::decompress_len(page).map_err(compression)?;
            if length > most {
                return Err(Fault::Page(length as u64));
            }
            plain.resize(length, 0);
            snap::raw::Decoder::new().decompress(page, plain).map_err(compression)?;
            Ok(())
        }
        CompressionCodec::GZIP => bounded(flate2::bufread::MultiGzDecoder::new(page), most, plain),
        CompressionCodec::ZSTD => {
            // Most pages say how long they are: those come at once, without a window of what came before.
            if let Ok(Some(length)) = zstd::zstd_safe::get_frame_content_size(page)
                && let Some(length) = usize::try_from(length).ok().filter(|own| *own <= most)
            {
                plain.reserve_exact(length);
                let mut decoder = zstd::bulk::Decompressor::new().map_err(compression)?;
                if decoder.decompress_to_buffer(page, plain).is_ok() {
                    return Ok(());
                }
                // As far as it goes, so that what is wrong is said, and what it took is accounted for.
                plain.clear();
            }
            let mut decoder = zstd::Decoder::with_buffer(page).map_err(compression)?;
            decoder.window_log_max(ZSTD_WINDOW).map_err(compression)?;
            bounded(decoder, most, plain)
        }
        other => Err(Fault::Codec(other)),
    }
}

/// Reads to the end, unless that is further away than `most` octets.
fn bounded(reader: impl Read, most: usize, plain: &mut Vec<u8>) -> Result<(), Fault> {
    let read = reader.take(most as u64 + 1).read_to_end(plain).map_err(compression)?;
    if read > most { Err(Fault::Page(read as u64)) } else { Ok(()) }
}

fn compression(error: impl std::fmt::Display) -> Fault {
    malformed(&format!("a page that cannot be decompressed: {error}"))
}

fn malformed(what: &str) -> Fault {
    ParquetError::General(what.to_owned()).into()
}
