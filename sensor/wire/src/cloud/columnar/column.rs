//! A column of a row group: some rows at a time, each with a number, octets or nothing.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type},
    file::metadata::ColumnChunkMetaData,
    schema::types::ColumnDescriptor,
};

use super::{
    fault::Fault,
    limits::SHORT,
    pages::{Budget, Page, Pages},
    runs::Runs,
    source::Source,
    work::Work,
};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Number,
    /// Text.
    Octets,
    /// Something that flow logs have no use for: fractions, truth values.
    Other,
    /// Any number of values a row.
    List,
}

impl Kind {
    /// What a column holds by the schema.
    pub fn of(column: &ColumnDescriptor) -> Self {
        match column.physical_type() {
            _ if column.max_rep_level() != 0 => Self::List,
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
    Number(i64),
    /// Text.
    Octets(&'c [u8]),
}

/// A column under way.
pub struct Column {
    name: String,
    pages: Pages,
    form: Form,
    dictionary: Dictionary,
    page: Rows,
    /// Levels of the rows that were read: how many of the groups around the value, and the value, are there.
    levels: Vec<u32>,
    /// The level of a row that has a value.
    present: u32,
    /// Where the value of each row stands; empty where each has one.
    places: Vec<u32>,
    /// What the values are: indexes into the dictionary, or places of texts in the page.
    indexes: Vec<u32>,
    texts: Vec<(u32, u32)>,
    numbers: Vec<i64>,
    /// The numbers as text, where somebody wants them so.
    shown: Vec<u8>,
    as_text: bool,
    work: Work,
}

/// What values of a column are like.
#[derive(Clone, Copy)]
struct Form {
    physical: Type,
    /// Numbers of 32 bits have no sign.
    unsigned: bool,
    /// What the numbers are to be divided by to be seconds, where they are times.
    divisor: i64,
}

/// Values that pages name by number.
#[derive(Default)]
struct Dictionary {
    octets: Bytes,
    texts: Vec<(u32, u32)>,
    /// Octets of the longest text.
    longest: u32,
    numbers: Vec<i64>,
}

/// What is left of a page.
#[derive(Default)]
struct Rows {
    left: usize,
    levels: Option<Runs>,
    values: Bytes,
    /// How far plain values have been read.
    at: usize,
    indexes: Option<Runs>,
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
        schema: &ColumnDescriptor,
        chunk: &ColumnChunkMetaData,
        rows: u64,
        as_text: bool,
        budget: &Budget,
    ) -> Result<Self, Fault> {
        let name = schema.path().string();
        let physical = schema.physical_type();
        let problem = match Kind::of(schema) {
            Kind::Number | Kind::Octets => None,
            Kind::Other => {
                Some(format!("values of the type {physical}: numbers and text are read"))
            }
            Kind::List => Some("lists: columns with one value a row are read".to_owned()),
        };
        if let Some(what) = problem {
            return Err(Fault::Column { column: name, what });
        }
        let form = Form { physical, unsigned: is_unsigned(schema), divisor: divisor(schema) };
        Ok(Self {
            name,
            pages: Pages::open(source, chunk, schema.max_def_level() != 0, rows, budget)?,
            present: u32::try_from(schema.max_def_level()).unwrap_or(0),
            form,
            dictionary: Dictionary::default(),
            page: Rows::default(),
            levels: Vec::new(),
            places: Vec::new(),
            indexes: Vec::new(),
            texts: Vec::new(),
            numbers: Vec::new(),
            shown: Vec::new(),
            as_text: as_text && physical != Type::BYTE_ARRAY,
            work: budget.work.clone(),
        })
    }

    /// How many rows can be read at once: what is left of a page.
    ///
    /// # Errors
    /// Where there are no more, or the next page cannot be read.
    pub fn ready(&mut self) -> Result<usize, Fault> {
        while self.page.left == 0 {
            let page = self.pages.next_page().map_err(|fault| self.own(fault))?;
            match page {
                None => return Err(self.fault("fewer rows than the metadata says")),
                Some(Page::Dictionary(octets, count)) => {
                    self.dictionary =
                        Dictionary::of(octets, count, self.form).ok_or_else(|| {
                            self.fault("a dictionary that has fewer values than it says")
                        })?;
                }
                Some(Page::Data { rows, levels, values, are_indexes }) => {
                    let width = values.first().copied().unwrap_or(0).into();
                    if are_indexes && width > 32 {
                        return Err(self.fault("indexes that are too wide"));
                    }
                    let indexes =
                        are_indexes.then(|| Runs::new(values.slice(values.len().min(1)..), width));
                    let width = u32::BITS - self.present.leading_zeros();
                    let levels = levels.map(|levels| Runs::new(levels, width as usize));
                    self.page = Rows { left: rows, levels, values, at: 0, indexes };
                }
            }
        }
        Ok(self.page.left)
    }

    /// Reads the next `rows`, as many as [`Self::ready`] said or fewer.
    ///
    /// # Errors
    /// Where there are fewer, or they cannot be read.
    pub fn read(&mut self, rows: usize) -> Result<(), Fault> {
        self.fill(rows)
            .ok_or_else(|| self.fault("a page with other levels or fewer values than it says"))?;
        let Self { dictionary, indexes, .. } = self;
        if dictionary.longest <= SHORT {
            return Ok(());
        }
        // A row reads its text from end to end, wherever that stands.
        let beyond = |index: &u32| {
            let text = dictionary.texts.get(*index as usize);
            text.map_or(0, |(_, length)| u64::from(length.saturating_sub(SHORT)))
        };
        self.work.take(indexes.iter().map(beyond).sum())
    }

    fn fill(&mut self, rows: usize) -> Option<()> {
        let present = self.present;
        let Self { page, levels, places, indexes, texts, numbers, dictionary, form, .. } = self;
        page.left = page.left.checked_sub(rows)?;
        let mut count = rows;
        places.clear();
        if let Some(runs) = &mut page.levels {
            levels.clear();
            runs.read(rows, levels)?;
            if levels.iter().any(|level| *level > present) {
                return None;
            }
            count = levels.iter().map(|level| usize::from(*level == present)).sum();
            if count != rows {
                let mut next = 0;
                places.extend(levels.iter().map(|level| {
                    let is_there = *level == present;
                    next += u32::from(is_there);
                    if is_there { next - 1 } else { NOWHERE }
                }));
            }
        }
        indexes.clear();
        texts.clear();
        numbers.clear();
        match (&mut page.indexes, form.physical) {
            (Some(runs), physical) => {
                runs.read(count, indexes)?;
                let most = indexes.iter().max().map_or(0, |most| *most as usize + 1);
                if physical == Type::BYTE_ARRAY {
                    dictionary.texts.get(..most)?;
                } else {
                    let known = dictionary.numbers.get(..most)?;
                    numbers.extend(indexes.iter().map(|index| known[*index as usize]));
                }
            }
            (None, Type::BYTE_ARRAY) => {
                page.at = texts_of(&page.values, page.at, count, texts)?;
            }
            (None, _) => page.at = numbers_of(&page.values, page.at, count, *form, numbers)?,
        }
        if self.as_text {
            self.show();
        }
        Some(())
    }

    /// Writes numbers as text.
    fn show(&mut self) {
        use std::io::Write as _;
        let Self { numbers, shown, texts, .. } = self;
        shown.clear();
        for number in numbers {
            let begin = shown.len();
            let _ = write!(shown, "{number}");
            texts.push((begin as u32, (shown.len() - begin) as u32));
        }
    }

    /// The value of one of the rows that were read last.
    #[inline(always)]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let place = match self.places.get(row) {
            Some(&NOWHERE) => return Cell::Nothing,
            Some(place) => *place as usize,
            None => row,
        };
        if self.form.physical != Type::BYTE_ARRAY {
            return match self.as_text {
                true => Cell::Octets(part(&self.shown, self.texts[place])),
                false => Cell::Number(self.numbers[place]),
            };
        }
        match self.page.indexes {
            Some(_) => {
                let text = self.dictionary.texts[self.indexes[place] as usize];
                Cell::Octets(part(&self.dictionary.octets, text))
            }
            None => Cell::Octets(part(&self.page.values, self.texts[place])),
        }
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::Column { column: self.name.clone(), what: what.to_owned() }
    }

    /// What is malformed is so in this column.
    fn own(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Malformed(what) => self.fault(&what),
            other => other,
        }
    }
}

impl Dictionary {
    /// Of `count` plain values.
    fn of(octets: Bytes, count: usize, form: Form) -> Option<Self> {
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        match form.physical {
            Type::BYTE_ARRAY => texts_of(&octets, 0, count, &mut texts)?,
            _ => numbers_of(&octets, 0, count, form, &mut numbers)?,
        };
        let longest = texts.iter().map(|(_, length)| *length).max().unwrap_or(0);
        Some(Self { octets, texts, longest, numbers })
    }
}

#[inline(always)]
fn part(octets: &[u8], (begin, length): (u32, u32)) -> &[u8] {
    &octets[begin as usize..][..length as usize]
}

/// Appends the places of `count` texts, each behind its length, that begin at `at`; says where they end.
fn texts_of(
    octets: &[u8],
    mut at: usize,
    count: usize,
    texts: &mut Vec<(u32, u32)>,
) -> Option<usize> {
    for _ in 0..count {
        let length = u32::from_le_bytes(*octets.get(at..)?.first_chunk()?);
        let end = (at + 4).checked_add(length as usize).filter(|end| *end <= octets.len())?;
        texts.push((u32::try_from(at + 4).ok()?, length));
        at = end;
    }
    Some(at)
}

/// Appends `count` numbers that begin at `at`; says where they end.
fn numbers_of(
    octets: &[u8],
    at: usize,
    count: usize,
    form: Form,
    numbers: &mut Vec<i64>,
) -> Option<usize> {
    let width = if form.physical == Type::INT32 { 4 } else { 8 };
    let end = at.checked_add(count.checked_mul(width)?)?;
    let octets = octets.get(at..end)?;
    match width {
        4 => numbers.extend(octets.as_chunks().0.iter().map(|octets| match form.unsigned {
            true => i64::from(u32::from_le_bytes(*octets)),
            false => i64::from(i32::from_le_bytes(*octets)),
        })),
        _ if form.divisor == 1 => {
            numbers.extend(octets.as_chunks().0.iter().map(|octets| i64::from_le_bytes(*octets)));
        }
        _ => {
            let seconds = |octets: &[u8; 8]| i64::from_le_bytes(*octets).div_euclid(form.divisor);
            numbers.extend(octets.as_chunks().0.iter().map(seconds));
        }
    }
    Some(end)
}

fn is_unsigned(schema: &ColumnDescriptor) -> bool {
    match schema.logical_type_ref() {
        Some(LogicalType::Integer(integer)) => !integer.is_signed,
        _ => schema.converted_type() == ConvertedType::UINT_32,
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
