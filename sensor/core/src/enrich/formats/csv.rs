//! Labels as CSV: `address,context,value[,value...]`, no header line, as Netography takes them.
//!
//! A field may stand in double quotes (RFC 4180), but not run over the end of its line: then one lost quote costs one
//! line and not the rest of the file. Empty lines and lines that begin with `#` do not count, nor do spaces around fields.

use std::borrow::Cow;

use super::label_file::{LabelFile, Piece};
use crate::diagnostic::Diagnostic;

pub(super) fn read(file: &mut LabelFile<'_, '_>) {
    let text = file.text;
    let mut offset = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut fields = Vec::new();
    for (number, line) in text[offset..].split_inclusive('\n').enumerate() {
        let start = offset;
        offset += line.len();
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Err(fault) = split(line.trim_end_matches(['\r', '\n']), start, &mut fields) {
            file.report.fault(fault);
            continue;
        }
        // A spreadsheet ends every line with as many commas as the longest one needs.
        while fields.len() > 3 && fields.last().is_some_and(|field| field.text.is_empty()) {
            fields.pop();
        }
        match fields.as_slice() {
            [subject, context, values @ ..] if !values.is_empty() => {
                file.entry(number as u32 + 1, subject, context, values);
            }
            _ => {
                let end = start + line.trim_end().len();
                let fault = Diagnostic::error("a label needs at least three fields", start..end);
                file.report.fault(fault.help("address,context,value such as 10.0.0.5,role,web"));
            }
        }
    }
}

/// The fields of a line that begins at `start`, without the spaces around them.
pub(super) fn split<'t>(
    line: &'t str,
    start: usize,
    fields: &mut Vec<Piece<'t>>,
) -> Result<(), Diagnostic> {
    fields.clear();
    let mut at = 0;
    loop {
        at += line[at..].len() - line[at..].trim_start().len();
        let end = if line[at..].starts_with('"') {
            quoted(line, start, &mut at, fields)?
        } else {
            let end = line[at..].find(',').map_or(line.len(), |comma| at + comma);
            let text = line[at..end].trim_end();
            fields.push(Piece { span: start + at..start + at + text.len(), text: text.into() });
            end
        };
        if end == line.len() {
            return Ok(());
        }
        at = end + 1;
    }
}

/// Reads a field in quotes, and says where the comma behind it is.
fn quoted<'t>(
    line: &'t str,
    start: usize,
    at: &mut usize,
    fields: &mut Vec<Piece<'t>>,
) -> Result<usize, Diagnostic> {
    let open = *at;
    let mut text = Cow::Borrowed("");
    let mut from = open + 1;
    loop {
        let Some(quote) = line[from..].find('"').map(|quote| from + quote) else {
            let span = start + open..start + open + 1;
            return Err(Diagnostic::error("this quote is not closed on its line", span));
        };
        text += &line[from..quote];
        if line[quote + 1..].starts_with('"') {
            text += "\"";
            from = quote + 2;
            continue;
        }
        let rest = &line[quote + 1..];
        let end = rest.find(',').map_or(line.len(), |comma| quote + 1 + comma);
        if !line[quote + 1..end].trim().is_empty() {
            let span = start + quote + 1..start + end;
            return Err(Diagnostic::error("a comma must follow the closing quote", span));
        }
        fields.push(Piece {
            text: text.trim().to_owned().into(),
            span: start + open..start + quote + 1,
        });
        return Ok(end);
    }
}

/// Writes a field so that [`split`] reads it.
pub(in crate::enrich) fn quote(field: &str) -> Cow<'_, str> {
    let plain = !field.contains([',', '"']) && !field.starts_with('#') && field.trim() == field;
    if plain { field.into() } else { format!("\"{}\"", field.replace('"', "\"\"")).into() }
}
