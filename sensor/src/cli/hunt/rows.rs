//! Flows as text, a line each.

use std::io::{self, Write};

use sensor_core::{
    flow::{
        fields::{Field, Kind, Row},
        interfaces::Interfaces,
    },
    hunt::{Place, Rows},
};

use super::table::{Column, Table, numbers, words};
use crate::{
    cli::when::Zone,
    export::log::{csv::Columns, json, line::Cells, people},
};

/// Octets after which text is written.
const PIECE: usize = 64 << 10;

/// What is shown of each flow.
#[derive(Clone, Debug)]
pub struct Shown {
    /// These fields; where there are none, all of them for machines, and a line for people.
    pub fields: Vec<&'static Field>,
    /// In which zone people see times.
    pub zone: Zone,
    /// Names of interfaces.
    pub interfaces: std::sync::Arc<Interfaces>,
}

impl Shown {
    /// Appends a flow as a JSON object.
    pub fn write_json(&self, out: &mut Vec<u8>, row: Row<'_>) {
        match self.fields.as_slice() {
            [] => json::write_row(out, row),
            fields => json::write_fields(out, row, fields),
        }
    }

    /// Calls `each` for every flow and its place.
    pub fn for_each(&self, rows: &mut Rows, mut each: impl FnMut(Row<'_>, Place)) {
        rows.for_each(|batch, row, place| {
            each(Row { batch, row, interfaces: &self.interfaces }, place);
        });
    }

    /// Writes all flows as `write` appends them, behind a heading.
    fn write(
        &self,
        rows: &mut Rows,
        out: &mut dyn Write,
        heading: Vec<u8>,
        mut write: impl FnMut(&mut Vec<u8>, Row<'_>),
    ) -> io::Result<()> {
        let (mut text, mut result) = (heading, Ok(()));
        self.for_each(rows, |row, _| {
            write(&mut text, row);
            if text.len() >= PIECE && result.is_ok() {
                result = out.write_all(&text);
                text.clear();
            }
        });
        result.and_then(|()| out.write_all(&text))
    }

    /// Writes JSON objects, one a line.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn json(&self, rows: &mut Rows, out: &mut dyn Write) -> io::Result<()> {
        self.write(rows, out, Vec::new(), |text, row| self.write_json(text, row))
    }

    /// Writes CSV.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn csv(&self, rows: &mut Rows, out: &mut dyn Write) -> io::Result<()> {
        let columns = Columns::chosen(self.fields.clone());
        let mut heading = Vec::new();
        columns.write_heading(&mut heading);
        self.write(rows, out, heading, |text, row| columns.write_row(text, row))
    }

    /// Writes a table, `width` characters wide where that can be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn table(
        &self,
        rows: &mut Rows,
        out: &mut dyn Write,
        width: Option<usize>,
    ) -> io::Result<()> {
        let mut table = Table::new(self.columns());
        self.for_each(rows, |row, _| table.push(self.cells(row)));
        out.write_all(table.text(width).as_bytes())
    }

    fn columns(&self) -> Vec<Column> {
        if !self.fields.is_empty() {
            let column = |field: &&'static Field| {
                let name = field.name.to_ascii_uppercase();
                match matches!(field.kind, Kind::Unsigned(_) | Kind::Integer | Kind::Float) {
                    true => numbers(&name, 0),
                    false => words(&name, 0),
                }
            };
            return self.fields.iter().map(column).collect();
        }
        vec![
            words("LAST SEEN", 0),
            numbers("DURATION", 3),
            words("INTERFACE", 2),
            words("PROTO", 8),
            words("SOURCE", 0),
            words("DESTINATION", 0),
            numbers("PACKETS", 5),
            numbers("OCTETS", 7),
            words("FLAGS", 4),
            words("END", 1),
        ]
    }

    fn cells(&self, row: Row<'_>) -> Vec<String> {
        if !self.fields.is_empty() {
            return self.fields.iter().map(|field| people::cell(field.value(row))).collect();
        }
        let cells = Cells::of(row);
        vec![
            self.zone.show(row.batch.end[row.row]),
            cells.duration,
            format!("{}{}", cells.arrow, cells.interface),
            cells.protocol,
            cells.source,
            cells.destination,
            cells.packets,
            cells.octets,
            cells.flags,
            cells.end,
        ]
    }
}
