//! A column of a row group: which encoding its values get, its pages, and what the metadata says of it.

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, Type, ZstdLevel},
    bloom_filter::Sbbf,
    column::writer::ColumnCloseResult,
    data_type::{ByteArray, FixedLenByteArray},
    file::{metadata::ColumnChunkMetaData, statistics::Statistics},
    schema::types::ColumnDescPtr,
};
use sensor_wire::cloud::columnar::fault::Fault;

use super::{
    bits::width,
    delta, distinct,
    page::{Kind, Pages, levels},
    runs,
};
use crate::{
    cells::{Cells, Dictionary, Values},
    layout::Form,
};

/// Rows of a page.
const PAGE: usize = 1 << 17;
/// Octets of the largest dictionary: a page that everybody reads.
pub const MOST_DICTIONARY: usize = 16 << 20;
/// How often a filter says that an address may be there which is not.
const FALSE_POSITIVES: f64 = 0.001;
/// Level of zstd.
const LEVEL: i32 = 1;

/// Writes chunks, one after the other.
pub struct Chunks {
    pages: Pages,
    values: Vec<u8>,
    levels: Vec<u8>,
}

/// A chunk, to be put into a row group.
pub struct Chunk {
    /// Its pages.
    pub octets: Bytes,
    /// What the metadata says of it.
    pub close: ColumnCloseResult,
}

/// Values with the encoding that they get.
enum Encoded<'v> {
    /// Indexes into a dictionary, whose page is written already.
    Indexes(Vec<u32>, usize),
    /// By differences.
    Differences(&'v [u64]),
    /// As they are.
    Plain(&'v Values),
}

impl Chunks {
    /// # Errors
    /// When zstd cannot be had.
    pub fn new() -> Result<Self, Fault> {
        let pages = Pages::new(LEVEL)?;
        Ok(Self { pages, values: Vec::new(), levels: Vec::new() })
    }

    /// The chunk of values of a form: `rows` cells, those that are told, or nothing where none is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(
        &mut self,
        form: Form,
        column: &ColumnDescPtr,
        rows: usize,
        cells: Option<Cells>,
    ) -> Result<Chunk, Fault> {
        self.pages.clear();
        let optional = column.max_def_level() > 0;
        let mut cells = cells.unwrap_or_else(|| Cells {
            values: Values::none(form, 0),
            told: Some(vec![false; rows]),
            documents: Dictionary::new(),
        });
        let told = cells.told.take();
        let values = match &told {
            Some(told) => told_values(cells.values, told),
            None => cells.values,
        };
        let count = values.len();
        let (statistics, encoded, filter) = self.encode(form, &values, &cells.documents)?;
        let begin = self.pages.octets.len();
        let mut encoding = Encoding::PLAIN;
        let mut at = 0;
        for first in (0..rows).step_by(PAGE) {
            let last = rows.min(first + PAGE);
            self.levels.clear();
            let here = match &told {
                Some(told) => {
                    levels(&told[first..last], &mut self.levels);
                    told[first..last].iter().filter(|told| **told).count()
                }
                None => {
                    if optional {
                        levels(&vec![true; last - first], &mut self.levels);
                    }
                    last - first
                }
            };
            self.values.clear();
            encoding = put_values(form, &encoded, at..at + here, &mut self.values);
            let kind = Kind::Data {
                rows: last - first,
                nulls: last - first - here,
                encoding,
                levels: self.levels.len(),
            };
            self.pages.put(kind, &self.levels, &self.values)?;
            at += here;
        }
        let octets = Bytes::copy_from_slice(&self.pages.octets);
        let mut encodings = vec![encoding];
        if optional {
            encodings.push(Encoding::RLE);
        }
        if begin > 0 {
            encodings.push(Encoding::PLAIN);
        }
        let statistics = with_nulls(statistics, (rows - count) as u64, column.physical_type());
        let metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
            .set_encodings(encodings)
            .set_num_values(rows as i64)
            .set_total_compressed_size(octets.len() as i64)
            .set_total_uncompressed_size(self.pages.plain as i64)
            .set_dictionary_page_offset((begin > 0).then_some(0))
            .set_data_page_offset(begin as i64)
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: octets.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: filter,
            column_index: None,
            offset_index: None,
        };
        Ok(Chunk { octets, close })
    }

    /// Writes the dictionary, where there is one.
    fn encode<'v>(
        &mut self,
        form: Form,
        values: &'v Values,
        documents: &Dictionary,
    ) -> Result<(Range, Encoded<'v>, Option<Sbbf>), Fault> {
        if let Form::Document(_) = form {
            return Ok((Range::Unknown, self.documents(values, documents)?, None));
        }
        match values {
            Values::U64(values) if matches!(form, Form::Time | Form::Sequence) => {
                let range = range(values).map_or(Range::Unknown, |(a, b)| Range::U64(a, b));
                Ok((range, Encoded::Differences(values), None))
            }
            Values::U32(own) => {
                let range = range(own).map_or(Range::Unknown, |(a, b)| Range::U32(a, b));
                let indexes =
                    self.dictionary(own, 4, |value, out| out.extend(value.to_le_bytes()))?;
                Ok((
                    range,
                    indexes.map_or(Encoded::Plain(values), |(a, b)| Encoded::Indexes(a, b.len())),
                    None,
                ))
            }
            Values::U64(own) => {
                let range = range(own).map_or(Range::Unknown, |(a, b)| match form {
                    Form::Mac => {
                        Range::Octets(a.to_be_bytes()[2..].to_vec(), b.to_be_bytes()[2..].to_vec())
                    }
                    _ => Range::U64(a, b),
                });
                let width = if form == Form::Mac { 6 } else { 8 };
                let indexes =
                    self.dictionary(own, width, |value, out| put_u64(form, value, out))?;
                Ok((
                    range,
                    indexes.map_or(Encoded::Plain(values), |(a, b)| Encoded::Indexes(a, b.len())),
                    None,
                ))
            }
            Values::U128(own) => {
                let octets = |value: u128| value.to_be_bytes().to_vec();
                let range =
                    range(own).map_or(Range::Unknown, |(a, b)| Range::Octets(octets(a), octets(b)));
                let found =
                    self.dictionary(own, 16, |value, out| out.extend(value.to_be_bytes()))?;
                let filter = match (&found, form == Form::Address) {
                    (_, false) => None,
                    (Some((_, distinct)), true) => Some(filter(distinct, distinct.len())?),
                    // Nearly all of them differ.
                    (None, true) => Some(filter(own, own.len())?),
                };
                Ok((
                    range,
                    found.map_or(Encoded::Plain(values), |(a, b)| Encoded::Indexes(a, b.len())),
                    filter,
                ))
            }
        }
    }

    /// Writes a dictionary where that takes less than the values do; the indexes, and the values of the dictionary.
    fn dictionary<T: distinct::Value>(
        &mut self,
        values: &[T],
        octets: usize,
        put: impl Fn(T, &mut Vec<u8>),
    ) -> Result<Option<Dictionaried<T>>, Fault> {
        let most = (MOST_DICTIONARY / octets).min(values.len() / 2 + 1);
        let Some((distinct, indexes)) = distinct::of(values, most) else { return Ok(None) };
        let bits = width(distinct.len().saturating_sub(1) as u64) as usize;
        if distinct.len() * octets * 8 + indexes.len() * bits > values.len() * octets * 8
            && values.len() > 1
        {
            return Ok(None);
        }
        if values.is_empty() {
            return Ok(None);
        }
        self.values.clear();
        distinct.iter().for_each(|value| put(*value, &mut self.values));
        let kind = Kind::Dictionary { values: distinct.len(), sorted: false };
        self.pages.put(kind, &[], &self.values)?;
        Ok(Some((indexes, distinct)))
    }

    /// A dictionary of the documents that are numbered.
    fn documents<'v>(
        &mut self,
        values: &'v Values,
        documents: &Dictionary,
    ) -> Result<Encoded<'v>, Fault> {
        let Values::U32(own) = values else { return Ok(Encoded::Plain(values)) };
        if own.is_empty() {
            return Ok(Encoded::Plain(values));
        }
        let mut places = vec![u32::MAX; documents.len().max(1)];
        let mut count = 0;
        let mut indexes = Vec::with_capacity(own.len());
        self.values.clear();
        for number in own {
            // What has no document is that of which nothing is known.
            let number = if (*number as usize) < places.len() { *number as usize } else { 0 };
            if places[number] == u32::MAX {
                places[number] = count;
                count += 1;
                let document = documents.get(number).map_or(&b"null"[..], |document| document);
                self.values.extend_from_slice(&(document.len() as u32).to_le_bytes());
                self.values.extend_from_slice(document);
            }
            indexes.push(places[number]);
        }
        let kind = Kind::Dictionary { values: count as usize, sorted: false };
        self.pages.put(kind, &[], &self.values)?;
        Ok(Encoded::Indexes(indexes, count as usize))
    }
}

/// Indexes into a dictionary, and its values.
type Dictionaried<T> = (Vec<u32>, Vec<T>);

/// The least and the greatest value.
enum Range {
    Unknown,
    U32(u32, u32),
    U64(u64, u64),
    Octets(Vec<u8>, Vec<u8>),
}

fn range<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    Some(values.iter().fold((first, first), |(least, most), own| (least.min(*own), most.max(*own))))
}

fn with_nulls(range: Range, nulls: u64, physical: Type) -> Statistics {
    let nulls = Some(nulls);
    match (range, physical) {
        (Range::U32(a, b), _) => {
            Statistics::int32(Some(a.cast_signed()), Some(b.cast_signed()), None, nulls, false)
        }
        (Range::U64(a, b), _) => {
            Statistics::int64(Some(a.cast_signed()), Some(b.cast_signed()), None, nulls, false)
        }
        (Range::Octets(a, b), _) => {
            let octets = |own: Vec<u8>| FixedLenByteArray::from(own);
            Statistics::fixed_len_byte_array(Some(octets(a)), Some(octets(b)), None, nulls, false)
        }
        (Range::Unknown, Type::INT32) => Statistics::int32(None, None, None, nulls, false),
        (Range::Unknown, Type::INT64) => Statistics::int64(None, None, None, nulls, false),
        (Range::Unknown, Type::FIXED_LEN_BYTE_ARRAY) => {
            Statistics::fixed_len_byte_array(None, None, None, nulls, false)
        }
        (Range::Unknown, _) => Statistics::byte_array(None::<ByteArray>, None, None, nulls, false),
    }
}

fn filter(addresses: &[u128], distinct: usize) -> Result<Sbbf, Fault> {
    let mut filter = Sbbf::new_with_ndv_fpp(distinct as u64, FALSE_POSITIVES)?;
    addresses.iter().for_each(|address| filter.insert(&address.to_be_bytes()[..]));
    Ok(filter)
}

/// The values of the rows that have one.
fn told_values(values: Values, told: &[bool]) -> Values {
    fn own<T>(values: Vec<T>, told: &[bool]) -> Vec<T> {
        values.into_iter().zip(told).filter(|(_, told)| **told).map(|(value, _)| value).collect()
    }
    match values {
        Values::U32(values) => Values::U32(own(values, told)),
        Values::U64(values) => Values::U64(own(values, told)),
        Values::U128(values) => Values::U128(own(values, told)),
    }
}

fn put_u64(form: Form, value: u64, out: &mut Vec<u8>) {
    match form {
        Form::Mac => out.extend_from_slice(&value.to_be_bytes()[2..]),
        _ => out.extend_from_slice(&value.to_le_bytes()),
    }
}

/// Appends some of the values; says in which encoding.
fn put_values(
    form: Form,
    encoded: &Encoded<'_>,
    range: std::ops::Range<usize>,
    out: &mut Vec<u8>,
) -> Encoding {
    match encoded {
        Encoded::Indexes(indexes, distinct) => {
            let bits = width(distinct.saturating_sub(1) as u64).max(1);
            out.push(bits as u8);
            runs::write(&indexes[range], bits, out);
            Encoding::RLE_DICTIONARY
        }
        Encoded::Differences(values) => {
            delta::write(&values[range], out);
            Encoding::DELTA_BINARY_PACKED
        }
        Encoded::Plain(values) => {
            match values {
                Values::U32(values) => {
                    values[range].iter().for_each(|own| out.extend(own.to_le_bytes()));
                }
                Values::U64(values) => {
                    values[range].iter().for_each(|own| put_u64(form, *own, out));
                }
                Values::U128(values) => {
                    values[range].iter().for_each(|own| out.extend(own.to_be_bytes()));
                }
            }
            Encoding::PLAIN
        }
    }
}
