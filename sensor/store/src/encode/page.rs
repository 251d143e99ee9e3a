//! Pages as they stand in a file: header (Thrift, compact protocol), checksum, compressed octets.

use parquet::basic::Encoding;

use super::bits::zigzag;

/// Types of the compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const STRUCT: u8 = 12;
const STOP: u8 = 0;
/// Types of pages.
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A dictionary of so many values.
    Dictionary {
        /// How many.
        values: usize,
        /// They ascend.
        sorted: bool,
    },
    /// Rows.
    Data {
        /// How many.
        rows: usize,
        /// How many of them have no value.
        nulls: usize,
        /// How the values are encoded.
        encoding: Encoding,
        /// Octets of the levels, which stand before the values.
        levels: usize,
    },
}

/// Writes pages of a chunk.
pub struct Pages {
    /// The pages so far.
    pub octets: Vec<u8>,
    /// Octets of the pages, headers included, before compression.
    pub plain: usize,
    compressor: zstd::bulk::Compressor<'static>,
}

impl Pages {
    /// # Errors
    /// When zstd cannot be had.
    pub fn new(level: i32) -> std::io::Result<Self> {
        let compressor = zstd::bulk::Compressor::new(level)?;
        Ok(Self { octets: Vec::new(), plain: 0, compressor })
    }

    /// Forgets the pages.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.plain = 0;
    }

    /// Writes a page: of rows the levels as they are, and the values compressed.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub fn put(&mut self, kind: Kind, levels: &[u8], values: &[u8]) -> std::io::Result<()> {
        let compressed = match values {
            [] => Vec::new(),
            _ => self.compressor.compress(values)?,
        };
        let is_compressed = !values.is_empty();
        let mut crc = crc32fast::Hasher::new();
        crc.update(levels);
        crc.update(&compressed);
        let plain = levels.len() + values.len();
        let octets = levels.len() + compressed.len();
        let begin = self.octets.len();
        header(kind, plain, octets, crc.finalize(), is_compressed, &mut self.octets);
        self.plain += self.octets.len() - begin + plain;
        self.octets.extend_from_slice(levels);
        self.octets.extend_from_slice(&compressed);
        Ok(())
    }
}

fn header(
    kind: Kind,
    plain: usize,
    octets: usize,
    crc: u32,
    is_compressed: bool,
    out: &mut Vec<u8>,
) {
    let (page, field) = match kind {
        Kind::Dictionary { .. } => (DICTIONARY, 7),
        Kind::Data { .. } => (DATA_V2, 8),
    };
    number(1, page, out);
    number(1, plain as i64, out);
    number(1, octets as i64, out);
    number(1, i64::from(crc.cast_signed()), out);
    // Behind field 4.
    out.push((field - 4) << 4 | STRUCT);
    let flag = |is: bool, out: &mut Vec<u8>| out.push(1 << 4 | if is { TRUE } else { FALSE });
    match kind {
        Kind::Dictionary { values, sorted } => {
            number(1, values as i64, out);
            number(1, i64::from(encoding_number(Encoding::PLAIN)), out);
            flag(sorted, out);
        }
        Kind::Data { rows, nulls, encoding, levels } => {
            number(1, rows as i64, out);
            number(1, nulls as i64, out);
            number(1, rows as i64, out);
            number(1, i64::from(encoding_number(encoding)), out);
            number(1, levels as i64, out);
            number(1, 0, out);
            flag(is_compressed, out);
        }
    }
    out.extend_from_slice(&[STOP, STOP]);
}

/// A field of 32 bits, whose number is `step` above that of the one before.
fn number(step: u8, value: i64, out: &mut Vec<u8>) {
    out.push(step << 4 | I32);
    zigzag(value, out);
}

/// The number of an encoding in the format.
fn encoding_number(encoding: Encoding) -> i32 {
    match encoding {
        Encoding::DELTA_BINARY_PACKED => 5,
        Encoding::RLE_DICTIONARY => 8,
        _ => 0,
    }
}

/// Definition levels: 1 where there is a value.
pub fn levels(told: &[bool], out: &mut Vec<u8>) {
    let numbers: Vec<u32> = told.iter().map(|told| u32::from(*told)).collect();
    super::runs::write(&numbers, 1, out);
}
