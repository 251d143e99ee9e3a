//! Reads columns of a row group straight into a batch, some rows at a time: so many that they stay in the cache.

use std::sync::Arc;

use sensor_core::{
    flow::{
        batch::{Addresses, FlowBatch},
        columns::{Column as BatchColumn, StoredAt},
        device::Device,
    },
    hunt::archive::Records,
};
use sensor_wire::cloud::columnar::fault::Fault;

use super::{
    column::{Cell, Column, Enter},
    reader::Segment,
};
use crate::{
    cells::{Dictionary, Groups as _, Steps, Told},
    documents::{self, tables::Tables},
    error::Error,
    layout::{Form, Item, Table, companion, is_of_profiles, is_shaping, mark},
};

/// Rows that are read at a time.
const STEP: usize = 1 << 14;

/// A row group that is being read.
pub struct GroupScan<'s> {
    segment: &'s Segment,
    group: usize,
    tables: &'s Tables,
    /// By the place of their item.
    columns: Vec<Option<Open>>,
    /// The rows at hand.
    from: usize,
    rows: usize,
    /// What is read of them, by the place of the item.
    is_read: Vec<bool>,
}

/// A column, by what batches have it in.
enum Open {
    U8(Column<u8>),
    U16(Column<u16>),
    U32(Column<u32>, Beside),
    U64(Column<u64>),
    U128(Column<u128>),
    Mac(Column<[u8; 6]>),
}

/// What the numbers of documents are numbers of, where no table of many batches has it.
#[derive(Default)]
struct Beside {
    devices: Vec<Arc<Device>>,
    lists: Vec<Vec<u32>>,
    /// Values of the rows at hand; kept for their memory.
    numbers: Vec<u32>,
}

struct Entering<'t> {
    tables: &'t Tables,
    item: Item,
    beside: Option<&'t mut Beside>,
}

impl Enter for Entering<'_> {
    fn enter(&mut self, table: Table, documents: Dictionary) -> Result<Vec<u32>, Fault> {
        let all = documents.iter().map(|document| &**document);
        let found = self.tables.enter(table, all).map_err(|at| {
            let text = String::from_utf8_lossy(&documents[at]);
            let what = format!("a document that makes no sense: {text:.80}");
            Fault::Column { column: self.item.name().to_owned(), what }
        })?;
        let mut numbers = found.numbers;
        if let Some(beside) = &mut self.beside {
            // Behind those of pages before.
            let (devices, lists) = (beside.devices.len() as u32, beside.lists.len() as u32);
            let shift = if table == Table::Devices { devices } else { lists };
            if matches!(table, Table::Devices | Table::Lists) {
                let known = numbers.iter_mut().filter(|number| **number != u32::MAX);
                known.for_each(|number| *number += shift);
            }
            beside.devices.extend(found.devices);
            beside.lists.extend(found.lists);
        }
        Ok(numbers)
    }
}

impl Steps for GroupScan<'_> {
    fn advance(&mut self, records: &mut Records) -> usize {
        let own = &self.segment.groups()[self.group];
        self.from += self.rows;
        self.rows = STEP.min(own.rows - self.from);
        self.is_read.fill(false);
        let is_v6 = matches!(records.batch.addresses, Addresses::V6 { .. });
        if is_v6 == own.v6 && records.batch.observed_by == own.source {
            records.batch.clear();
        } else {
            records.batch =
                if own.v6 { FlowBatch::v6(own.source) } else { FlowBatch::v4(own.source) };
        }
        // Once for a group.
        if self.from == 0 {
            let labels = documents::port_labels_of(&own.port_labels).unwrap_or_default();
            records.batch.port_labels = Arc::new(labels);
        }
        records.batch.packets.resize(self.rows, 0);
        records.received.clear();
        records.sequence.clear();
        self.rows
    }

    fn read(
        &mut self,
        items: &[Item],
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Error> {
        for item in items.iter().copied().chain(items.iter().filter_map(|item| companion(*item))) {
            if !std::mem::replace(&mut self.is_read[item.place()], true) {
                let read = self.read_item(item, rows, records);
                read.map_err(|fault| self.segment.fault(self.group, item, fault))?;
            }
        }
        let batch = &mut records.batch;
        // Where addresses were looked up anew, their profiles are in another table.
        if items.iter().any(|item| is_of_profiles(*item)) {
            batch.profiles.clone_from(&self.tables.profiles);
        }
        batch.points.clone_from(&self.tables.points);
        batch.properties.clone_from(&self.tables.properties);
        batch.label_sets.clone_from(&self.tables.labels);
        if self.is_read[Item::of(BatchColumn::Tags).place()] {
            batch.tag_sets = self.tables.tags();
        }
        Ok(())
    }

    fn octets(&self) -> u64 {
        let octets = |open: &Open| match open {
            Open::U8(column) => column.octets(),
            Open::U16(column) => column.octets(),
            Open::U32(column, _) => column.octets(),
            Open::U64(column) => column.octets(),
            Open::U128(column) => column.octets(),
            Open::Mac(column) => column.octets(),
        };
        self.columns.iter().flatten().map(octets).sum()
    }
}

impl<'s> GroupScan<'s> {
    /// Begins with the first rows.
    pub fn new(segment: &'s Segment, group: usize, tables: &'s Tables) -> Self {
        let none = Item::all().iter().map(|_| None).collect();
        let is_read = vec![false; Item::all().len()];
        Self { segment, group, tables, columns: none, from: 0, rows: 0, is_read }
    }

    fn read_item(
        &mut self,
        item: Item,
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Fault> {
        let own = &self.segment.groups()[self.group];
        let batch = &mut records.batch;
        if let Item::Column(column) = item
            && self.segment.told(self.group, item) == Told::Nowhere
        {
            let is_shaping = is_shaping(column) && own.whole & column.bit() != 0;
            if column.is_required() || is_shaping {
                batch.untold |= own.untold(column);
                let count = rows.map_or(self.rows, <[u32]>::len);
                fill(batch, column, mark(column, own.source).unwrap_or(0), count);
            }
            return Ok(());
        }
        if self.columns[item.place()].is_none() {
            self.columns[item.place()] = Some(self.open(item)?);
        }
        let Self { columns, tables, from, rows: count, .. } = self;
        let Some(open) = &mut columns[item.place()] else { return Ok(()) };
        let (from, count) = (*from, *count);
        let mut entering = Entering { tables, item, beside: None };
        match (open, item) {
            (Open::U64(column), Item::Sequence) => {
                column.read(from, count, rows, &mut records.sequence, &mut entering)
            }
            (Open::U64(column), Item::Received) => {
                column.read(from, count, rows, &mut records.received, &mut entering)?;
                if own.whole & BatchColumn::Received.bit() != 0 {
                    batch.received.clone_from(&records.received);
                }
                Ok(())
            }
            (Open::U32(column, _), Item::Source | Item::Destination) => {
                match (&mut batch.addresses, item) {
                    (Addresses::V4 { source, .. }, Item::Source) => {
                        column.read(from, count, rows, source, &mut entering)
                    }
                    (Addresses::V4 { destination, .. }, _) => {
                        column.read(from, count, rows, destination, &mut entering)
                    }
                    (Addresses::V6 { .. }, _) => Ok(()),
                }
            }
            (Open::U128(column), Item::Source | Item::Destination) => {
                match (&mut batch.addresses, item) {
                    (Addresses::V6 { source, .. }, Item::Source) => {
                        column.read(from, count, rows, source, &mut entering)
                    }
                    (Addresses::V6 { destination, .. }, _) => {
                        column.read(from, count, rows, destination, &mut entering)
                    }
                    (Addresses::V4 { .. }, _) => Ok(()),
                }
            }
            (Open::U32(column, beside), Item::Column(own)) if Beside::has(own) => {
                let mut numbers = std::mem::take(&mut beside.numbers);
                let mut entering = Entering { tables, item, beside: Some(beside) };
                column.read(from, count, rows, &mut numbers, &mut entering)?;
                beside.put(batch, own, &numbers);
                beside.numbers = numbers;
                Ok(())
            }
            (open, Item::Column(own)) => match (open, own.place()) {
                (Open::U8(column), StoredAt::U8(place)) => {
                    column.read(from, count, rows, place.of(batch), &mut entering)
                }
                (Open::U16(column), StoredAt::U16(place)) => {
                    column.read(from, count, rows, place.of(batch), &mut entering)
                }
                (Open::U32(column, _), StoredAt::U32(place)) => {
                    column.read(from, count, rows, place.of(batch), &mut entering)
                }
                (Open::U64(column), StoredAt::U64(place)) => {
                    column.read(from, count, rows, place.of(batch), &mut entering)
                }
                (Open::U128(column), StoredAt::U128(place)) => {
                    column.read(from, count, rows, place.of(batch), &mut entering)
                }
                (Open::Mac(column), StoredAt::Mac(place)) => {
                    column.read(from, count, rows, place.of(batch), &mut entering)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Opens the column of an item that some row tells.
    fn open(&self, item: Item) -> Result<Open, Fault> {
        let own = &self.segment.groups()[self.group];
        let form = item.form();
        let pages = self.segment.pages(self.group, item)?;
        let is_partly = self.segment.told(self.group, item) == Told::Partly;
        let Item::Column(column) = item else {
            return Ok(match item {
                Item::Sequence | Item::Received => Open::U64(Column::new(pages, form, None)),
                _ if own.v6 => Open::U128(Column::new(pages, form, None)),
                _ => Open::U32(Column::new(pages, form, None), Beside::default()),
            });
        };
        let mut number = None;
        if is_partly {
            let Some(mark) = mark(column, own.source) else {
                let what = "rows that do not tell it beside others that do".to_owned();
                return Err(Fault::Column { column: item.name().to_owned(), what });
            };
            // A number that stands for no list.
            let is_list = matches!(form, Form::Document(Table::Lists));
            number = Some(if is_list { u64::from(u32::MAX) } else { mark });
        }
        fn new<T: Cell>(
            pages: sensor_wire::cloud::columnar::pages::Pages,
            form: Form,
            mark: Option<T>,
        ) -> Column<T> {
            Column::new(pages, form, mark)
        }
        Ok(match column.place() {
            StoredAt::U8(_) => Open::U8(new(pages, form, number.map(|number| number as u8))),
            StoredAt::U16(_) => Open::U16(new(pages, form, number.map(|number| number as u16))),
            StoredAt::U32(_) | StoredAt::Lists => {
                let mark = number.map(|number| number as u32);
                Open::U32(new(pages, form, mark), Beside::default())
            }
            StoredAt::U64(_) => Open::U64(new(pages, form, number)),
            StoredAt::U128(_) => Open::U128(new(pages, form, number.map(u128::from))),
            StoredAt::Mac(_) => {
                let octets = |number: u64| sensor_core::flow::mac::octets(number);
                Open::Mac(new(pages, form, number.map(octets)))
            }
        })
    }
}

impl Beside {
    fn has(column: BatchColumn) -> bool {
        matches!(column, BatchColumn::Device | BatchColumn::AsPath | BatchColumn::Communities)
    }

    fn put(&self, batch: &mut FlowBatch, column: BatchColumn, numbers: &[u32]) {
        let lists = match column {
            BatchColumn::AsPath => &mut batch.as_path,
            BatchColumn::Communities => &mut batch.communities,
            _ => {
                batch.devices.clone_from(&self.devices);
                batch.device.clear();
                batch.device.extend_from_slice(numbers);
                return;
            }
        };
        for (row, number) in numbers.iter().enumerate() {
            let list = self.lists.get(*number as usize).map_or(&[][..], |list| list);
            lists.put(row, list.iter().copied());
        }
    }
}

/// Puts one value into all rows of a column.
fn fill(batch: &mut FlowBatch, column: BatchColumn, value: u64, rows: usize) {
    fn own<T: Clone>(column: &mut Vec<T>, rows: usize, value: T) {
        column.clear();
        column.resize(rows, value);
    }
    match column.place() {
        StoredAt::U8(place) => own(place.of(batch), rows, value as u8),
        StoredAt::U16(place) => own(place.of(batch), rows, value as u16),
        StoredAt::U32(place) => own(place.of(batch), rows, value as u32),
        StoredAt::U64(place) => own(place.of(batch), rows, value),
        StoredAt::U128(place) => own(place.of(batch), rows, value.into()),
        StoredAt::Mac(place) => own(place.of(batch), rows, sensor_core::flow::mac::octets(value)),
        StoredAt::Lists => {}
    }
}
