//! Fields that a column holds, whichever it is: the table of fields says which column that is and how its number is read, so
//! a field that is added there can be set in tests at once.

use std::net::IpAddr;

use super::values::{address, choice, flag, number};
use crate::{
    flow::{
        batch::FlowBatch,
        columns::{Column, DataType, Visitor},
        fields::{Field, Kind, Number, Quantity, Reading, Scale, Value},
        mac,
    },
    nql::literal,
    policy::testcase::raw::Scalar,
};

/// The column that holds `field`, and its number for `value`; none where the field is not just what a column holds.
pub fn cell(field: &Field, value: &Scalar) -> Option<Result<(Column, u128), String>> {
    let cell = match field.reading {
        Reading::Numbers(
            Number { quantity: Quantity::Column(column), scale: Scale::One, .. },
            None,
        ) if is_written(column) => number::<u64>(value).and_then(|number| match number {
            number if number <= column.maximum() => Ok((column, number.into())),
            _ => Err("is out of range".to_owned()),
        }),
        Reading::NotZero(column) => flag(value).map(|flag| (column, flag.into())),
        Reading::Mac(column) => match literal::mac(&value.shown()) {
            Some(octets) => Ok((column, mac::number(octets).into())),
            None => Err("must be a MAC address".to_owned()),
        },
        // What follows from more than a column can be set where that column tells it.
        Reading::Coded(Quantity::Opened, _) if field.kind == Kind::Bool => return None,
        Reading::Coded(Quantity::Opened, text) => {
            coded(text, value).map(|number| (Column::Initiator, number.into()))
        }
        Reading::Coded(Quantity::Column(column), text) => {
            coded(text, value).map(|number| (column, number.into()))
        }
        Reading::OptionalAddress(column) => address(value).map(|address| {
            let (v4, v6) = column.columns();
            match address {
                IpAddr::V4(address) => (v4, u32::from(address).into()),
                IpAddr::V6(address) => (v6, address.into()),
            }
        }),
        _ => return None,
    };
    Some(cell)
}

/// Whether [`put`] reaches the rows of a column.
fn is_written(column: Column) -> bool {
    !matches!(column.data_type(), DataType::Milliseconds | DataType::Application | DataType::Lists)
}

/// The number for which `text` gives `value`.
fn coded(text: fn(u8) -> Value<'static>, value: &Scalar) -> Result<u8, String> {
    let mut names: Vec<(&str, u8)> = Vec::new();
    for number in 0..=u8::MAX {
        if let Value::Text(name) = text(number)
            && names.iter().all(|(known, _)| *known != name)
        {
            names.push((name, number));
        }
    }
    let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    choice(value, &known).map(|place| names[place].1)
}

/// Writes `number` into the last row of `column`, which may have been filled already.
pub fn put(batch: &mut FlowBatch, column: Column, number: u128) {
    let row = batch.len() - 1;
    batch.visit(column, Cell { row, number });
}

struct Cell {
    row: usize,
    number: u128,
}

impl Cell {
    fn write<T>(&self, column: &mut Vec<T>, value: T) {
        match column.get_mut(self.row) {
            Some(cell) => *cell = value,
            None => column.push(value),
        }
    }
}

impl Visitor for Cell {
    fn unsigned8(self, column: &mut Vec<u8>) {
        self.write(column, self.number as u8);
    }

    fn unsigned16(self, column: &mut Vec<u16>) {
        self.write(column, self.number as u16);
    }

    fn unsigned32(self, column: &mut Vec<u32>) {
        self.write(column, self.number as u32);
    }

    fn unsigned64(self, column: &mut Vec<u64>) {
        self.write(column, self.number as u64);
    }

    fn ipv4_address(self, column: &mut Vec<u32>) {
        self.write(column, self.number as u32);
    }

    fn ipv6_address(self, column: &mut Vec<u128>) {
        self.write(column, self.number);
    }

    fn mac_address(self, column: &mut Vec<[u8; 6]>) {
        self.write(column, mac::octets(self.number as u64));
    }
}
