//! A flow record as one line of CSV (RFC 4180, but lines end in LF): a column for every field of the table, or for chosen
//! ones, named in the first line.
//!
//! Values are written as in [`super::json`]. What is absent is an empty cell; the values of a list are joined by `;`. Where
//! all columns are shown, three more hold the labels of both ends and of the ports, each as `CONTEXT=VALUE`.

use std::io::Write as _;

use sensor_core::flow::{
    fields::{FIELDS, Field, Row, Value},
    labels,
};

/// The columns behind those of the table; labels whose name begins with one, and a dot, stand in it.
const LABELS: [&str; 3] = ["label.src", "label.dst", "label.port"];

/// What is shown of each record.
#[derive(Clone, Debug)]
pub struct Columns {
    fields: Vec<&'static Field>,
    labels: bool,
}

impl Columns {
    /// All fields, and all labels.
    pub fn all() -> Self {
        Self { fields: FIELDS.iter().collect(), labels: true }
    }

    /// Only these fields, in this order; all where there are none.
    pub fn chosen(fields: Vec<&'static Field>) -> Self {
        if fields.is_empty() { Self::all() } else { Self { fields, labels: false } }
    }

    /// The fields that were chosen; none where all are shown.
    pub fn choice(&self) -> Option<&[&'static Field]> {
        (!self.labels).then_some(&self.fields)
    }

    /// Appends the line that names the columns.
    pub fn write_heading(&self, out: &mut Vec<u8>) {
        let labels = LABELS.into_iter().filter(|_| self.labels);
        let names: Vec<&str> = self.fields.iter().map(|field| field.name).chain(labels).collect();
        out.extend_from_slice(names.join(",").as_bytes());
        out.push(b'\n');
    }

    /// Appends the record and a line end.
    pub fn write_row(&self, out: &mut Vec<u8>, row: Row<'_>) {
        for field in &self.fields {
            write_cell(out, field.value(row));
            out.push(b',');
        }
        if self.labels {
            for texts in &label_cells(row) {
                write_cell(out, Value::Texts(texts));
                out.push(b',');
            }
        }
        // There is always a cell, and a comma behind it.
        out.pop();
        out.push(b'\n');
    }
}

fn label_cells(row: Row<'_>) -> [Vec<String>; LABELS.len()] {
    let mut cells: [Vec<String>; LABELS.len()] = Default::default();
    labels::for_each(row, |name, values| {
        for (column, cell) in LABELS.iter().zip(&mut cells) {
            let context = name.strip_prefix(column).and_then(|rest| rest.strip_prefix('.'));
            cell.extend(
                context.into_iter().flat_map(|context| {
                    values.iter().map(move |value| format!("{context}={value}"))
                }),
            );
        }
    });
    cells
}

/// Appends one value, in double quotes where it needs them.
pub fn write_cell(out: &mut Vec<u8>, value: Value<'_>) {
    // Writing to a `Vec` cannot fail.
    let _: std::io::Result<()> = match value {
        Value::Absent => Ok(()),
        Value::Integer(number) | Value::NumberText(number) => {
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            Ok(())
        }
        Value::Float(number) => write!(out, "{number}"),
        Value::Bool(flag) => write!(out, "{flag}"),
        Value::Ip(address) => write!(out, "{address}"),
        Value::Mac([a, b, c, d, e, f]) => {
            write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        }
        Value::Text(text) => write_text(out, text),
        Value::Texts(texts) => write_text(out, &texts.join(";")),
    };
}

/// Quotes what holds a comma, a quote or a line end, and what a spreadsheet would take for a formula: names come from
/// devices and files of others.
fn write_text(out: &mut Vec<u8>, text: &str) -> std::io::Result<()> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t']);
    if !formula && !text.contains([',', '"', '\n', '\r']) {
        return out.write_all(text.as_bytes());
    }
    let shield = if formula { "'" } else { "" };
    write!(out, "\"{shield}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sensor_core::flow::{
        columns::Column, fields::find, interfaces::Interfaces, testing::batches,
    };

    fn cell(value: Value<'_>) -> String {
        let mut out = Vec::new();
        write_cell(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("", ""),
        ] {
            assert_eq!(cell(Value::Text(text)), expected);
        }
        assert_eq!(cell(Value::Texts(&["a".to_owned(), "b".to_owned()])), "a;b");
        assert_eq!(cell(Value::Absent), "");
    }

    #[test]
    fn the_heading_names_what_is_shown() {
        let heading = |columns: Columns| {
            let mut out = Vec::new();
            columns.write_heading(&mut out);
            String::from_utf8(out).unwrap()
        };
        let chosen = ["dstport", "srcip"].iter().filter_map(|name| find(name)).collect();
        assert_eq!(heading(Columns::chosen(chosen)), "dstport,srcip\n");
        let all = heading(Columns::all());
        assert!(all.starts_with("timestamp,start,end,"), "{all}");
        assert!(all.ends_with(",label.src,label.dst,label.port\n"), "{all}");
    }

    /// The cells of one line, by the rules of RFC 4180.
    fn split(line: &str) -> Vec<String> {
        let mut cells = vec![String::new()];
        let (mut quoted, mut characters) = (false, line.chars().peekable());
        while let Some(character) = characters.next() {
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    cells.last_mut().unwrap().push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                other => cells.last_mut().unwrap().push(other),
            }
        }
        cells
    }

    proptest! {
        /// As many cells as columns, and the numbers that the record has.
        #[test]
        fn a_row_has_a_cell_for_every_column(batch in batches(20)) {
            let columns = Columns::all();
            let interfaces = Interfaces::default();
            let octets = FIELDS.iter().position(|field| field.name == "octets").unwrap();
            for row in 0..batch.len() {
                let mut out = Vec::new();
                columns.write_row(&mut out, Row { batch: &batch, row, interfaces: &interfaces });
                let line = String::from_utf8(out).unwrap();
                let cells = split(line.trim_end_matches('\n'));
                prop_assert_eq!(cells.len(), FIELDS.len() + LABELS.len());
                let told = batch.tells(Column::Octets, row);
                let expected = if told { batch.octets[row].to_string() } else { String::new() };
                prop_assert_eq!(&cells[octets], &expected);
            }
        }
    }
}
