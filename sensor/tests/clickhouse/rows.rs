//! Reads RowBinary by the statement that makes the table, strictly: knows nothing of how rows are written.

use std::collections::BTreeMap;

/// A value as text; none for NULL.
pub type Row = BTreeMap<String, Option<String>>;

/// Names and types of the columns of a statement.
pub fn columns(statement: &str) -> Vec<(String, String)> {
    let inside = statement.split_once("(\n").expect("columns").1;
    let lines = inside.lines().take_while(|line| !line.trim().starts_with("INDEX"));
    let column = |line: &str| {
        let (name, rest) = line.trim().split_once(' ').expect("a name and a type");
        let kind = rest.split(" CODEC(").next().expect("a type");
        (name.to_owned(), kind.to_owned())
    };
    lines.map(column).collect()
}

/// All rows; octets that are too many or too few are a fault.
pub fn read(mut octets: &[u8], columns: &[(String, String)]) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    while !octets.is_empty() {
        let mut row = Row::new();
        for (name, kind) in columns {
            let value =
                value(&mut octets, kind).map_err(|fault| format!("{name} {kind}: {fault}"))?;
            row.insert(name.clone(), value);
        }
        rows.push(row);
    }
    Ok(rows)
}

fn take<'o>(octets: &mut &'o [u8], count: usize) -> Result<&'o [u8], String> {
    let (own, rest) = octets.split_at_checked(count).ok_or("cut off")?;
    *octets = rest;
    Ok(own)
}

fn inside<'k>(kind: &'k str, outer: &str) -> Option<&'k str> {
    kind.strip_prefix(outer)?.strip_prefix('(')?.strip_suffix(')')
}

fn value(octets: &mut &[u8], kind: &str) -> Result<Option<String>, String> {
    if let Some(kind) = inside(kind, "Nullable") {
        return match take(octets, 1)?[0] {
            1 => Ok(None),
            0 => value(octets, kind),
            other => Err(format!("{other} for NULL or not")),
        };
    }
    if let Some(kind) = inside(kind, "LowCardinality") {
        return value(octets, kind);
    }
    let little =
        |own: &[u8]| own.iter().rev().fold(0_u128, |all, octet| all << 8 | u128::from(*octet));
    let number =
        |octets: &mut &[u8], count| take(octets, count).map(|own| Some(little(own).to_string()));
    match kind {
        "UInt8" => number(octets, 1),
        "UInt16" => number(octets, 2),
        "UInt32" => number(octets, 4),
        "UInt64" | "DateTime64(3, 'UTC')" => number(octets, 8),
        "UInt128" => number(octets, 16),
        "IPv6" => {
            let own: [u8; 16] = take(octets, 16)?.try_into().expect("16");
            Ok(Some(std::net::Ipv6Addr::from(own).to_canonical().to_string()))
        }
        "FixedString(6)" => Ok(Some(format!("{:02x?}", take(octets, 6)?))),
        "String" => {
            let (mut length, mut shift) = (0_usize, 0);
            loop {
                let octet = take(octets, 1)?[0];
                length |= usize::from(octet & 0x7f) << shift;
                shift += 7;
                if octet & 0x80 == 0 {
                    break;
                }
            }
            let text =
                std::str::from_utf8(take(octets, length)?).map_err(|error| error.to_string())?;
            Ok(Some(text.to_owned()))
        }
        other => Err(format!("{other} is not read here")),
    }
}
