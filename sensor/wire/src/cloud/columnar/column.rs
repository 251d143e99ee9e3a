//! A column of a row group: some rows at a time, each with a number, octets or nothing.

use std::sync::Arc;

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type},
    column::reader::ColumnReaderImpl,
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    file::metadata::ColumnChunkMetaData,
    schema::types::{ColumnDescPtr, ColumnDescriptor},
};

use super::{
    fault::Fault,
    pages::{Budget, Pages},
    source::Source,
};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Number,
    /// Text.
    Octets,
    /// Something that flow logs have no use for: lists, fractions.
    Other,
}

impl Kind {
    /// What a column holds by the schema.
    pub fn of(column: &ColumnDescriptor) -> Self {
        match column.physical_type() {
            _ if column.max_rep_level() != 0 => Self::Other,
            Type::INT32 | Type::INT64 if column.converted_type() == ConvertedType::DECIMAL => {
                Self::Other
            }
            Type::INT32 | Type::INT64 => Self::Number,
            Type::BYTE_ARRAY => Self::Octets,
            _ => Self::Other,
        }
    }
}

/// The value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'c> {
    /// `NULL`.
    Nothing,
    /// A number.
    Number(i128),
    /// Text.
    Octets(&'c [u8]),
}

/// A column under way.
pub struct Column {
    name: String,
    values: Values,
    /// Levels of the rows that were read, and the one of those that have a value; without, each has one.
    levels: Vec<i16>,
    full: i16,
    /// Where the value of each row stands; empty where each has one.
    places: Vec<u32>,
    /// Values as text, where somebody wants numbers so.
    text: Option<Vec<ByteArray>>,
    /// The numbers have no sign.
    unsigned: bool,
    /// What the numbers are to be divided by to be seconds, where they are times.
    divisor: i64,
}

enum Values {
    Narrow(ColumnReaderImpl<Int32Type>, Vec<i32>),
    Wide(ColumnReaderImpl<Int64Type>, Vec<i64>),
    Octets(ColumnReaderImpl<ByteArrayType>, Vec<ByteArray>),
}

/// The place of what is nothing.
const NOWHERE: u32 = u32::MAX;

impl Column {
    /// A column of a row group of `rows`.
    ///
    /// # Errors
    /// Where it holds something else than numbers or text, or its metadata cannot be true.
    pub fn open(
        source: &Arc<Source>,
        schema: ColumnDescPtr,
        chunk: &ColumnChunkMetaData,
        rows: u64,
        as_text: bool,
        budget: &Budget,
    ) -> Result<Self, Fault> {
        let name = schema.path().string();
        let full = schema.max_def_level();
        if Kind::of(&schema) == Kind::Other {
            let what =
                format!("values of the type {}: numbers and text are read", schema.physical_type());
            return Err(Fault::Column { column: name, what });
        }
        let (unsigned, divisor) = (is_unsigned(&schema), divisor(&schema));
        let pages = Box::new(Pages::open(source, chunk, full != 0, rows, budget)?);
        let is_number = schema.physical_type() != Type::BYTE_ARRAY;
        let values = match schema.physical_type() {
            Type::INT32 => Values::Narrow(ColumnReaderImpl::new(schema, pages), Vec::new()),
            Type::INT64 => Values::Wide(ColumnReaderImpl::new(schema, pages), Vec::new()),
            _ => Values::Octets(ColumnReaderImpl::new(schema, pages), Vec::new()),
        };
        let text = (as_text && is_number).then(Vec::new);
        Ok(Self {
            name,
            values,
            levels: Vec::new(),
            full,
            places: Vec::new(),
            text,
            unsigned,
            divisor,
        })
    }

    /// Reads the next `rows`.
    ///
    /// # Errors
    /// Where there are fewer, or they cannot be read.
    pub fn read(&mut self, rows: usize) -> Result<(), Fault> {
        let Self { values, levels, full, places, .. } = self;
        levels.clear();
        let read = match values {
            Values::Narrow(reader, values) => fill(reader, rows, levels, *full, values),
            Values::Wide(reader, values) => fill(reader, rows, levels, *full, values),
            Values::Octets(reader, values) => fill(reader, rows, levels, *full, values),
        };
        let (read, there) = read.map_err(|fault| match fault {
            Fault::Malformed(what) => Fault::Column { column: self.name.clone(), what },
            other => other,
        })?;
        if read != rows {
            let what = "fewer rows than the metadata says".to_owned();
            return Err(Fault::Column { column: self.name.clone(), what });
        }
        places.clear();
        if there != rows {
            let mut next = 0;
            places.extend(levels.iter().map(|level| {
                let has = *level == *full;
                next += u32::from(has);
                if has { next - 1 } else { NOWHERE }
            }));
        }
        let (unsigned, divisor) = (self.unsigned, self.divisor);
        if let Some(text) = &mut self.text {
            let shown = |number: i128| ByteArray::from(number.to_string().into_bytes());
            text.clear();
            match &self.values {
                Values::Narrow(_, numbers) => {
                    text.extend(numbers.iter().map(|number| shown(narrow(*number, unsigned))));
                }
                Values::Wide(_, numbers) => {
                    text.extend(
                        numbers.iter().map(|number| shown(wide(*number, unsigned, divisor))),
                    );
                }
                Values::Octets(..) => {}
            }
        }
        Ok(())
    }

    /// The value of one of the rows that were read last.
    #[inline(always)]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let place = match self.places.get(row) {
            Some(&NOWHERE) => return Cell::Nothing,
            Some(place) => *place as usize,
            None => row,
        };
        if let Some(text) = &self.text {
            return Cell::Octets(text[place].data());
        }
        match &self.values {
            Values::Narrow(_, numbers) => Cell::Number(narrow(numbers[place], self.unsigned)),
            Values::Wide(_, numbers) => {
                Cell::Number(wide(numbers[place], self.unsigned, self.divisor))
            }
            Values::Octets(_, octets) => Cell::Octets(octets[place].data()),
        }
    }
}

/// Reads `rows`; says how many there were, and how many of them have a value.
fn fill<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: &mut Vec<i16>,
    full: i16,
    values: &mut Vec<T::T>,
) -> Result<(usize, usize), Fault> {
    values.clear();
    let levels = (full != 0).then_some(levels);
    let (read, there, _) = reader.read_records(rows, levels, None, values)?;
    Ok((read, there))
}

#[inline(always)]
fn narrow(number: i32, unsigned: bool) -> i128 {
    if unsigned { i128::from(number.cast_unsigned()) } else { i128::from(number) }
}

#[inline(always)]
fn wide(number: i64, unsigned: bool, divisor: i64) -> i128 {
    if divisor != 1 {
        i128::from(number.div_euclid(divisor))
    } else if unsigned {
        i128::from(number.cast_unsigned())
    } else {
        i128::from(number)
    }
}

fn is_unsigned(schema: &ColumnDescriptor) -> bool {
    match schema.logical_type_ref() {
        Some(LogicalType::Integer(integer)) => !integer.is_signed,
        _ => matches!(
            schema.converted_type(),
            ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64
        ),
    }
}

fn divisor(schema: &ColumnDescriptor) -> i64 {
    match (schema.logical_type_ref(), schema.converted_type()) {
        (Some(LogicalType::Timestamp(time)), _) => match time.unit {
            TimeUnit::MILLIS => 1000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        },
        (_, ConvertedType::TIMESTAMP_MILLIS) => 1000,
        (_, ConvertedType::TIMESTAMP_MICROS) => 1_000_000,
        _ => 1,
    }
}
