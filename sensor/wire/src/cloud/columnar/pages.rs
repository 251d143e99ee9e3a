//! The pages of a column: decompressed, and checked for what would make the crate `parquet` allocate or panic.
//!
//! The crate reads the pages as if they were not compressed: its own decompressors make as much of a page as it happens to hold.

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
    column::page::{Page, PageMetadata, PageReader},
    errors::{ParquetError, Result},
    file::{
        metadata::ColumnChunkMetaData, reader::Length as _, serialized_reader::SerializedPageReader,
    },
};

use super::{delta, fault::Fault, source::Source};

/// Octets of the largest page that is read, compressed or not. Writers make pages of about a megabyte.
pub const MOST_PAGE: usize = 32 << 20;
/// Octets of pages that may be in memory together, for all columns.
pub const MOST_HELD: usize = 128 << 20;
/// Octets of the largest window of zstd: that of its highest ordinary level.
const ZSTD_WINDOW: u32 = 23;
/// What a value of a dictionary costs, beside its octets.
const VALUE: usize = size_of::<Bytes>() + size_of::<usize>();

/// Octets of pages in memory.
#[derive(Clone, Debug, Default)]
pub struct Budget(Arc<AtomicUsize>);

/// The pages of one column in one row group.
pub struct Pages {
    inner: SerializedPageReader<Source>,
    codec: CompressionCodec,
    physical: Type,
    has_levels: bool,
    has_dictionary: bool,
    budget: Budget,
    /// Octets of the dictionary, and of the page that was read last.
    held: [usize; 2],
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
    ) -> Result<Self> {
        let begin = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let end = begin.checked_add(chunk.compressed_size());
        let is_there = |end: i64| u64::try_from(end).is_ok_and(|end| end <= source.len());
        if begin < 0 || chunk.compressed_size() < 0 || !end.is_some_and(is_there) {
            return Err(Fault::Cut.into());
        }
        let codec = chunk.compression_codec();
        match codec {
            CompressionCodec::UNCOMPRESSED
            | CompressionCodec::SNAPPY
            | CompressionCodec::GZIP
            | CompressionCodec::ZSTD => {}
            other => return Err(Fault::Codec(other).into()),
        }
        let plain = chunk.clone().into_builder();
        let plain = plain.set_compression_codec(CompressionCodec::UNCOMPRESSED).build()?;
        let rows = usize::try_from(rows)?;
        Ok(Self {
            inner: SerializedPageReader::new(source.clone(), &plain, rows, None)?,
            codec,
            physical: chunk.column_type(),
            has_levels,
            has_dictionary: false,
            budget: budget.clone(),
            held: [0; 2],
        })
    }

    /// A page as it is to be read: decompressed, in an encoding that claims nothing.
    fn plain(&mut self, page: Page) -> Result<Page> {
        match page {
            Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
                let buf = self.decompressed(&buf)?;
                let least = match self.physical {
                    Type::INT64 => 8,
                    _ => 4,
                };
                let values = num_values as usize;
                if values.checked_mul(least).is_none_or(|octets| octets > buf.len()) {
                    return Err(malformed("a dictionary that has fewer values than it says"));
                }
                self.hold(0, buf.len() + values * VALUE)?;
                self.has_dictionary = true;
                Ok(Page::DictionaryPage { buf, num_values, encoding, is_sorted })
            }
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                statistics,
            } => {
                let buf = self.decompressed(&buf)?;
                let mut levels = 0;
                if self.has_levels {
                    if def_level_encoding != Encoding::RLE {
                        return Err(malformed("levels that are not encoded by RLE"));
                    }
                    let size = buf.first_chunk().map(|size| u32::from_le_bytes(*size) as usize);
                    levels = 4 + size.unwrap_or(usize::MAX >> 1);
                }
                let (buf, encoding) = self.values(buf, levels, num_values, encoding)?;
                Ok(Page::DataPage {
                    buf,
                    num_values,
                    encoding,
                    def_level_encoding,
                    rep_level_encoding,
                    statistics,
                })
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                statistics,
            } => {
                let levels = def_levels_byte_len as usize + rep_levels_byte_len as usize;
                if levels > buf.len() || num_nulls > num_values {
                    return Err(malformed("a page whose parts are larger than it"));
                }
                let buf = if is_compressed && self.codec != CompressionCodec::UNCOMPRESSED {
                    let values = self.decompressed(&buf.slice(levels..))?;
                    [&buf[..levels], &values].concat().into()
                } else {
                    buf
                };
                let (buf, encoding) = self.values(buf, levels, num_values - num_nulls, encoding)?;
                Ok(Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    num_nulls,
                    num_rows,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    is_compressed: false,
                    statistics,
                })
            }
        }
    }

    /// The octets of a page whose values begin behind `levels`, and their encoding.
    fn values(
        &mut self,
        buf: Bytes,
        levels: usize,
        most: u32,
        encoding: Encoding,
    ) -> Result<(Bytes, Encoding)> {
        let Some(values) = buf.get(levels..) else {
            return Err(malformed("a page whose levels are longer than it"));
        };
        let buf = match encoding {
            Encoding::PLAIN => buf,
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                if !self.has_dictionary || values.first().is_some_and(|width| *width > 32) {
                    return Err(malformed("a page that refers to a dictionary which is not there"));
                }
                self.hold(1, buf.len())?;
                return Ok((buf, encoding));
            }
            Encoding::DELTA_BINARY_PACKED
            | Encoding::DELTA_LENGTH_BYTE_ARRAY
            | Encoding::DELTA_BYTE_ARRAY => {
                let mut plain = buf[..levels].to_vec();
                delta::write_out(self.physical, encoding, values, most as usize, &mut plain)
                    .ok_or_else(|| malformed("a page of differences that do not add up"))?;
                plain.into()
            }
            other => return Err(malformed(&format!("the encoding {other}, which is not read"))),
        };
        self.hold(1, buf.len())?;
        Ok((buf, Encoding::PLAIN))
    }

    /// Accounts for what takes the place of what was held before.
    fn hold(&mut self, place: usize, octets: usize) -> Result<()> {
        let before = std::mem::replace(&mut self.held[place], octets);
        self.budget.0.fetch_sub(before, Relaxed);
        if self.budget.0.fetch_add(octets, Relaxed) + octets > MOST_HELD {
            return Err(Fault::Held.into());
        }
        Ok(())
    }

    /// A page without its compression.
    fn decompressed(&self, page: &Bytes) -> Result<Bytes> {
        let mut plain = Vec::new();
        match self.codec {
            _ if page.is_empty() => {}
            CompressionCodec::SNAPPY => {
                let length = snap::raw::decompress_len(page).map_err(compression)?;
                if length > MOST_PAGE {
                    return Err(Fault::Page(length as u64).into());
                }
                plain.resize(length, 0);
                let mut decoder = snap::raw::Decoder::new();
                decoder.decompress(page, &mut plain).map_err(compression)?;
            }
            CompressionCodec::GZIP => {
                bounded(flate2::bufread::MultiGzDecoder::new(&page[..]), &mut plain)?;
            }
            CompressionCodec::ZSTD => {
                let mut decoder = zstd::Decoder::with_buffer(&page[..]).map_err(compression)?;
                decoder.window_log_max(ZSTD_WINDOW).map_err(compression)?;
                bounded(decoder, &mut plain)?;
            }
            _ => return Ok(page.clone()),
        }
        Ok(plain.into())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.held[0] + self.held[1], Relaxed);
    }
}

/// Reads to the end, unless that is further away than a page is long.
fn bounded(reader: impl Read, plain: &mut Vec<u8>) -> Result<()> {
    let read = reader.take(MOST_PAGE as u64 + 1).read_to_end(plain).map_err(compression)?;
    if read > MOST_PAGE { Err(Fault::Page(read as u64).into()) } else { Ok(()) }
}

fn compression(error: impl std::fmt::Display) -> ParquetError {
    malformed(&format!("a page that cannot be decompressed: {error}"))
}

fn malformed(what: &str) -> ParquetError {
    Fault::Malformed(what.to_owned()).into()
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        match self.inner.get_next_page()? {
            Some(page) => self.plain(page).map(Some),
            None => Ok(None),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }
}
