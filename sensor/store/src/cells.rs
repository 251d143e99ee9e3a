//! Values of one item for many records, and records made of them: what journals and files have in common for whoever reads them.

use std::sync::Arc;

use sensor_core::flow::{
    batch::{Addresses, FlowBatch, Source},
    columns::{Column, StoredAt},
    mac,
};
pub use sensor_core::hunt::archive::Records;
use sensor_wire::cloud::columnar::fault::Fault;

use crate::{
    documents::{self, tables::Tables},
    error::Error,
    layout::{Form, Item, companion, is_of_profiles, is_shaping, mark},
};

/// Values, a row each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// Of up to 32 bits, or numbers of documents.
    U32(Vec<u32>),
    /// Of up to 64 bits; MAC addresses.
    U64(Vec<u64>),
    /// Addresses, IPv4 ones mapped; applications.
    U128(Vec<u128>),
}

/// Documents by number.
pub type Dictionary = Vec<Arc<[u8]>>;

/// The values of an item in some rows.
#[derive(Clone, Debug)]
pub struct Cells {
    /// A value for each row; 0 where it is not told.
    pub values: Values,
    /// Which rows tell it; none where all do.
    pub told: Option<Vec<bool>>,
    /// What the values number, where they do.
    pub documents: Dictionary,
}

/// How many rows of a group tell an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// None.
    Nowhere,
    /// Some.
    Partly,
    /// All.
    Everywhere,
}

/// A group that is being read into a batch, some rows at a time.
pub trait Steps {
    /// Goes on to the next rows; says how many, 0 at the end.
    fn advance(&mut self, records: &mut Records) -> usize;

    /// Reads items of all rows at hand, or of some.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn read(
        &mut self,
        items: &[Item],
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Error>;

    /// Octets that were read, as they are stored.
    fn octets(&self) -> u64;
}

/// Records that fit into one batch: of one family, of one kind of source, with the same columns told as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub rows: usize,
    /// Of IPv6.
    pub v6: bool,
    /// What observed them.
    pub source: Source,
    /// The document of their labels of ports.
    pub port_labels: Arc<[u8]>,
    /// Columns that are told in all rows or in none: those that are ([`crate::layout::whole_columns`]).
    pub whole: u128,
}

impl Group {
    /// The column as a set, if batches may say of it that they tell nothing in it, and the records of this group do; else the empty set.
    pub fn untold(&self, column: Column) -> u128 {
        Column::UNTELLABLE & column.bit() & !self.whole
    }

    /// Whether records of another can stand in this one.
    pub fn takes(&self, other: &Self) -> bool {
        self.v6 == other.v6
            && self.source == other.source
            && self.whole == other.whole
            && self.port_labels == other.port_labels
    }
}

/// Records in groups, read an item at a time.
pub trait Groups {
    /// The groups.
    fn groups(&self) -> &[Group];

    /// How many rows of a group tell an item.
    fn told(&self, group: usize, item: Item) -> Told;

    /// The values of an item.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn cells(&self, group: usize, item: Item) -> Result<Cells, Error>;

    /// What is wrong with an item of a group.
    fn fault(&self, group: usize, item: Item, fault: Fault) -> Error;
}

impl Values {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::U128(values) => values.len(),
        }
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// None yet, for values of a form.
    pub fn none(form: Form, rows: usize) -> Self {
        match form {
            Form::Number(..=32) | Form::Document(_) => Self::U32(Vec::with_capacity(rows)),
            Form::Number(_) | Form::Sequence | Form::Time | Form::Mac => {
                Self::U64(Vec::with_capacity(rows))
            }
            Form::Address | Form::Ipv4 | Form::Ipv6 | Form::Application => {
                Self::U128(Vec::with_capacity(rows))
            }
        }
    }

    /// Makes it `rows` long, with 0 in those behind.
    pub fn fill_up(&mut self, rows: usize) {
        match self {
            Self::U32(values) => values.resize(rows, 0),
            Self::U64(values) => values.resize(rows, 0),
            Self::U128(values) => values.resize(rows, 0),
        }
    }
}

/// The numbers, whatever they are stored in.
macro_rules! numbers {
    ($values:expr, $type:ty) => {
        match $values {
            Values::U32(values) => values.into_iter().map(|value| value as $type).collect(),
            Values::U64(values) => values.into_iter().map(|value| value as $type).collect(),
            Values::U128(values) => values.into_iter().map(|value| value as $type).collect(),
        }
    };
}

/// Numbers of 64 bits.
pub fn u64s(values: Values) -> Vec<u64> {
    match values {
        Values::U64(values) => values,
        values => numbers!(values, u64),
    }
}

fn u32s(values: Values) -> Vec<u32> {
    match values {
        Values::U32(values) => values,
        values => numbers!(values, u32),
    }
}

fn u128s(values: Values) -> Vec<u128> {
    match values {
        Values::U128(values) => values,
        values => numbers!(values, u128),
    }
}

/// Reads items of a group.
///
/// # Errors
/// Where they cannot be read.
pub fn read(
    groups: &impl Groups,
    group: usize,
    items: &[Item],
    tables: &Tables,
) -> Result<Records, Error> {
    let own = &groups.groups()[group];
    let batch = if own.v6 { FlowBatch::v6(own.source) } else { FlowBatch::v4(own.source) };
    let mut records = Records { batch, received: Vec::new(), sequence: Vec::new() };
    if let Some(labels) = documents::port_labels_of(&own.port_labels) {
        records.batch.port_labels = Arc::new(labels);
    }
    records.batch.packets.resize(own.rows, 0);
    read_items(groups, group, items, None, tables, &mut records)?;
    Ok(records)
}

/// Reads items of a group: of all rows, or of those in `rows`, which ascend. `records` has that many.
///
/// # Errors
/// Where they cannot be read.
pub fn read_items(
    groups: &impl Groups,
    group: usize,
    items: &[Item],
    rows: Option<&[u32]>,
    tables: &Tables,
    records: &mut Records,
) -> Result<(), Error> {
    let along = items.iter().filter_map(|item| companion(*item));
    for item in items.iter().copied().chain(along.filter(|item| !items.contains(item))) {
        read_item(groups, group, item, rows, tables, records)?;
    }
    let batch = &mut records.batch;
    // Where addresses were looked up anew, their profiles are in another table.
    if items.iter().any(|item| is_of_profiles(*item)) {
        batch.profiles = tables.profiles.clone();
    }
    batch.points = tables.points.clone();
    batch.properties = tables.properties.clone();
    batch.label_sets = tables.labels.clone();
    batch.tag_sets = tables.tags();
    Ok(())
}

impl Cells {
    /// Those of some rows.
    fn of_rows(self, rows: Option<&[u32]>) -> Self {
        fn own<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|row| values[*row as usize]).collect()
        }
        let Some(rows) = rows else { return self };
        Self {
            values: match self.values {
                Values::U32(values) => Values::U32(own(&values, rows)),
                Values::U64(values) => Values::U64(own(&values, rows)),
                Values::U128(values) => Values::U128(own(&values, rows)),
            },
            told: self.told.map(|told| own(&told, rows)),
            documents: self.documents,
        }
    }
}

fn read_item(
    groups: &impl Groups,
    group: usize,
    item: Item,
    rows: Option<&[u32]>,
    tables: &Tables,
    records: &mut Records,
) -> Result<(), Error> {
    let own = &groups.groups()[group];
    let told = groups.told(group, item);
    let column = match item {
        Item::Sequence => {
            records.sequence = u64s(groups.cells(group, item)?.of_rows(rows).values);
            return Ok(());
        }
        Item::Received => {
            records.received = u64s(groups.cells(group, item)?.of_rows(rows).values);
            if own.whole & Column::Received.bit() != 0 {
                records.batch.received.clone_from(&records.received);
            }
            return Ok(());
        }
        Item::Source | Item::Destination => {
            put_addresses(
                &mut records.batch.addresses,
                item,
                groups.cells(group, item)?.of_rows(rows).values,
            );
            return Ok(());
        }
        Item::Column(column) => column,
    };
    let batch = &mut records.batch;
    let mark = mark(column, own.source);
    if told == Told::Nowhere {
        let is_shaping = is_shaping(column) && own.whole & column.bit() != 0;
        if !column.is_required() && !is_shaping {
            return Ok(());
        }
        batch.untold |= own.untold(column);
        let cells = Cells {
            values: Values::U64(vec![mark.unwrap_or(0); rows.map_or(own.rows, <[u32]>::len)]),
            told: None,
            documents: Dictionary::new(),
        };
        put(batch, column, cells);
        return Ok(());
    }
    let mut cells = groups.cells(group, item)?.of_rows(rows);
    if let Some(told) = cells.told.take() {
        let Some(mark) = mark else {
            let what = "rows that do not tell it beside others that do".to_owned();
            let fault = Fault::Column { column: item.name().to_owned(), what };
            return Err(groups.fault(group, item, fault));
        };
        if mark != 0 {
            fill(&mut cells.values, &told, mark.into());
        } else if let Form::Document(_) = item.form() {
            // No document has this number.
            fill(&mut cells.values, &told, u32::MAX.into());
        }
    }
    if let Form::Document(table) = item.form() {
        let documents = cells.documents.iter().map(|document| &**document);
        let numbers = tables.enter(table, documents).map_err(|at| {
            let text = String::from_utf8_lossy(&cells.documents[at]);
            let what = format!("a document that makes no sense: {text:.80}");
            groups.fault(group, item, Fault::Column { column: item.name().to_owned(), what })
        })?;
        let number = |place: u32| numbers.numbers.get(place as usize).copied();
        match column {
            Column::AsPath | Column::Communities => {
                let lists = if column == Column::AsPath {
                    &mut batch.as_path
                } else {
                    &mut batch.communities
                };
                for (row, place) in u32s(cells.values).into_iter().enumerate() {
                    let list = number(place).and_then(|at| numbers.lists.get(at as usize));
                    lists.put(row, list.map_or(&[][..], |list| list).iter().copied());
                }
                return Ok(());
            }
            Column::Device => batch.devices = numbers.devices,
            _ => {}
        }
        if let Values::U32(values) = &mut cells.values {
            for value in values {
                *value = numbers.numbers.get(*value as usize).copied().unwrap_or(0);
            }
        }
    }
    put(batch, column, cells);
    Ok(())
}

/// Puts the mark into rows that tell nothing.
fn fill(values: &mut Values, told: &[bool], mark: u128) {
    fn own<T: Copy>(values: &mut [T], told: &[bool], mark: T) {
        values
            .iter_mut()
            .zip(told)
            .filter(|(_, told)| !**told)
            .for_each(|(value, _)| *value = mark);
    }
    match values {
        Values::U32(values) => own(values, told, mark as u32),
        Values::U64(values) => own(values, told, mark as u64),
        Values::U128(values) => own(values, told, mark),
    }
}

fn put_addresses(addresses: &mut Addresses, item: Item, values: Values) {
    let values = u128s(values);
    let v4 = |values: Vec<u128>| values.into_iter().map(|value| value as u32).collect();
    match (addresses, item) {
        (Addresses::V4 { source, .. }, Item::Source) => *source = v4(values),
        (Addresses::V4 { destination, .. }, _) => *destination = v4(values),
        (Addresses::V6 { source, .. }, Item::Source) => *source = values,
        (Addresses::V6 { destination, .. }, _) => *destination = values,
    }
}

fn put(batch: &mut FlowBatch, column: Column, cells: Cells) {
    match column.place() {
        StoredAt::U8(place) => *place.of(batch) = numbers!(cells.values, u8),
        StoredAt::U16(place) => *place.of(batch) = numbers!(cells.values, u16),
        StoredAt::U32(place) => *place.of(batch) = u32s(cells.values),
        StoredAt::U64(place) => *place.of(batch) = u64s(cells.values),
        StoredAt::U128(place) => *place.of(batch) = u128s(cells.values),
        StoredAt::Mac(place) => {
            *place.of(batch) = u64s(cells.values).into_iter().map(mac::octets).collect();
        }
        StoredAt::Lists => {}
    }
}
