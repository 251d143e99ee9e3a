//! Records as rows of a data base that has the same columns: ClickHouse's RowBinary, the columns in the order of
//! [`Stored::all`]. Documents are those of files, so that a query means the same in both.

use sensor_core::{
    flow::{
        batch::{Addresses, FlowBatch},
        columns::{Column, Presence, Reader},
    },
    nql::sql::stored::{MAPPED, Stored, Values},
};

use crate::{
    documents::views::Views,
    layout::{Form, Item, told},
};

/// Octets of documents that are remembered; beyond, they are made anew.
const REMEMBERED: usize = 16 << 20;

/// Writes rows.
#[derive(Debug)]
pub struct Rows {
    /// Who writes them.
    sensor: String,
    views: Views,
    /// The numbers of documents of each column, a row each.
    documents: Vec<Vec<u32>>,
}

impl Rows {
    /// Rows that say who wrote them.
    pub fn new(sensor: impl Into<String>) -> Self {
        Self { sensor: sensor.into(), views: Views::default(), documents: Vec::new() }
    }

    /// The columns, in their order, as a statement lists them.
    pub fn columns() -> String {
        let names: Vec<&str> = Stored::all().map(Stored::name).collect();
        names.join(", ")
    }

    /// Appends rows of a batch, the first of which is numbered `sequence`. `now`: when they were received, where the source does not say.
    /// `ended` is called behind each row.
    pub fn write(
        &mut self,
        batch: &FlowBatch,
        sequence: u64,
        now: u64,
        out: &mut Vec<u8>,
        mut ended: impl FnMut(&Vec<u8>),
    ) {
        if self.views.octets() > REMEMBERED {
            self.views = Views::default();
        }
        let plan: Vec<Cell<'_>> = self.plan(batch);
        let received = batch.presence(Column::Received);
        let name = batch.observed_by.name();
        let at_ingress = u8::from(!batch.destination_vlan.is_empty());
        for row in 0..batch.len() {
            for cell in &plan {
                match cell {
                    Cell::Sensor => text(self.sensor.as_bytes(), out),
                    Cell::Sequence => out.extend((sequence + row as u64).to_le_bytes()),
                    Cell::Received => {
                        let time = if received.at(row) { batch.received[row] } else { now };
                        out.extend(time.to_le_bytes());
                    }
                    Cell::Address(Stored::Source) => address(&batch.addresses, true, row, out),
                    Cell::Address(_) => address(&batch.addresses, false, row, out),
                    Cell::FlowType => text(name.as_bytes(), out),
                    Cell::ReceivedTold => out.push(received.at(row).into()),
                    Cell::VlanAtIngress => out.push(at_ingress),
                    Cell::Column { column, presence, is_optional } => {
                        if !presence.at(row) {
                            out.push(1);
                            continue;
                        }
                        if *is_optional {
                            out.push(0);
                        }
                        value(batch, *column, row, out);
                    }
                    Cell::Document { place, column, presence } => {
                        let number = self.documents[*place].get(row).copied().unwrap_or(0);
                        let Form::Document(table) = Item::of(*column).form() else { continue };
                        match presence.at(row) {
                            true => {
                                text(&self.views.documents(table).all()[number as usize], out);
                            }
                            false => out.push(0),
                        }
                    }
                }
            }
            ended(out);
        }
    }

    /// What stands in each column of this batch; documents are numbered.
    fn plan<'b>(&mut self, batch: &'b FlowBatch) -> Vec<Cell<'b>> {
        let mut documents = 0;
        let cell = |stored: Stored| match stored {
            Stored::Sensor => Cell::Sensor,
            Stored::Sequence => Cell::Sequence,
            Stored::Received => Cell::Received,
            Stored::Source | Stored::Destination => Cell::Address(stored),
            Stored::FlowType => Cell::FlowType,
            Stored::ReceivedTold => Cell::ReceivedTold,
            Stored::VlanAtIngress => Cell::VlanAtIngress,
            Stored::Column(column) if stored.values() == Values::Document => {
                if self.documents.len() == documents {
                    self.documents.push(Vec::new());
                }
                let presence = batch.presence(column);
                let numbers = &mut self.documents[documents];
                numbers.clear();
                if column.is_filled(batch) {
                    self.views.numbers(batch, column, numbers);
                }
                documents += 1;
                Cell::Document { place: documents - 1, column, presence }
            }
            Stored::Column(column) => Cell::Column {
                column,
                presence: told(batch, column),
                is_optional: stored.is_optional(),
            },
        };
        Stored::all().map(cell).collect()
    }
}

enum Cell<'b> {
    Sensor,
    Sequence,
    Received,
    Address(Stored),
    FlowType,
    ReceivedTold,
    VlanAtIngress,
    Column { column: Column, presence: Presence<'b>, is_optional: bool },
    Document { place: usize, column: Column, presence: Presence<'b> },
}

/// A text behind its length, seven bits an octet.
fn text(own: &[u8], out: &mut Vec<u8>) {
    let mut length = own.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(own);
}

fn address(addresses: &Addresses, source: bool, row: usize, out: &mut Vec<u8>) {
    let number = match (addresses, source) {
        (Addresses::V4 { source, .. }, true) => MAPPED | u128::from(source[row]),
        (Addresses::V4 { destination, .. }, false) => MAPPED | u128::from(destination[row]),
        (Addresses::V6 { source, .. }, true) => source[row],
        (Addresses::V6 { destination, .. }, false) => destination[row],
    };
    out.extend(number.to_be_bytes());
}

fn value(batch: &FlowBatch, column: Column, row: usize, out: &mut Vec<u8>) {
    match (column.reader(), Stored::of(column).values()) {
        (Reader::U8(rows), _) => out.push(rows(batch)[row]),
        (Reader::U16(rows), _) => out.extend(rows(batch)[row].to_le_bytes()),
        (Reader::U32(rows), Values::Address) => {
            out.extend((MAPPED | u128::from(rows(batch)[row])).to_be_bytes());
        }
        (Reader::U32(rows), _) => out.extend(rows(batch)[row].to_le_bytes()),
        (Reader::U64(rows), _) => out.extend(rows(batch)[row].to_le_bytes()),
        (Reader::U128(rows), Values::Address) => out.extend(rows(batch)[row].to_be_bytes()),
        (Reader::U128(rows), _) => out.extend(rows(batch)[row].to_le_bytes()),
        (Reader::Mac(rows), _) => out.extend(rows(batch)[row]),
        // They are documents.
        (Reader::Lists(_), _) => {}
    }
}
