//! The layout of journals: a head, then frames, each behind its length and a checksum. No I/O.
//!
//! ```text
//! head:      magic "FLOWJRNL", version u32, length of the document u32, its crc32 u32, document (JSON: names and widths of columns)
//! frame:     length u32, crc32 u32, then so many octets, of which the first is the kind
//! documents: kind 2, table u8, 0 u16, number of the first u32, how many u32, then each: length u32, octets
//! rows:      kind 1, family u8, source u8, 0 u8, rows u32, first sequence u64, received from u64, to u64, labels of ports u32,
//!            columns told as a whole u128 (by column of the head), columns u32, a directory entry each, then their values
//! entry:     column u16 (by the head), flags u16 (1: some rows are not told), where its values begin u32 (from the kind on)
//! ```
//!
//! All numbers are little-endian. A frame is valid when all of it is there and the checksum is right; behind the first that is not,
//! nothing is. The documents that rows number stand in frames before theirs.

use std::ops::Range;

use sensor_core::flow::{columns::Column, source::Source};
use serde::{Deserialize, Serialize};

use crate::layout::{Form, Item, Table};

/// What journals begin with.
pub const MAGIC: [u8; 8] = *b"FLOWJRNL";
/// The version of this layout.
pub const VERSION: u32 = 1;
/// Octets of a frame before those that its length counts.
pub const PRELUDE: usize = 8;
/// Octets of the longest frame that is read.
pub const MOST_FRAME: usize = 64 << 20;
/// Octets of the longest head that is read.
const MOST_HEAD: usize = 64 << 10;
/// Octets of a head before its document.
const HEAD: usize = 20;
/// Octets of a frame of rows before its directory.
const ROWS: usize = 56;
/// Octets of an entry of a directory.
const ENTRY: usize = 8;

const KIND_ROWS: u8 = 1;
const KIND_DOCUMENTS: u8 = 2;
const PARTLY_TOLD: u16 = 1;

/// The head of a journal.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Head {
    columns: Vec<(String, usize)>,
}

/// Which items the columns of a journal are.
#[derive(Clone, Debug)]
pub struct Columns(Vec<Option<Item>>);

/// What is wrong with a head.
#[derive(Debug, PartialEq, Eq)]
pub enum BadHead {
    /// It is not all there.
    Cut,
    /// It is that of another file, or damaged.
    Damaged(&'static str),
    /// It is of a later version.
    Newer(u32),
}

/// Octets of a value in a frame of IPv6 flows: what a head says of a column.
fn width(item: Item) -> usize {
    item.form().octets(true)
}

/// The head of a journal that is begun now.
pub fn head() -> Vec<u8> {
    let columns = Item::all().iter().map(|item| (item.name().to_owned(), width(*item))).collect();
    let document = serde_json::to_vec(&Head { columns }).unwrap_or_default();
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&(document.len() as u32).to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(&document).to_le_bytes());
    head.extend_from_slice(&document);
    head
}

/// Reads a head; what it says, and its octets.
///
/// # Errors
/// Where it is none.
pub fn read_head(octets: &[u8]) -> Result<(Columns, usize), BadHead> {
    let Some(fixed) = octets.first_chunk::<HEAD>() else { return Err(BadHead::Cut) };
    if fixed[..8] != MAGIC {
        return Err(BadHead::Damaged("it does not begin as journals do"));
    }
    let number =
        |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    match number(8) {
        1..=VERSION => {}
        0 => return Err(BadHead::Damaged("it has no version")),
        newer => return Err(BadHead::Newer(newer)),
    }
    let length = number(12) as usize;
    if length > MOST_HEAD {
        return Err(BadHead::Damaged("its head is too long"));
    }
    let Some(document) = octets.get(HEAD..HEAD + length) else { return Err(BadHead::Cut) };
    if crc32fast::hash(document) != number(16) {
        return Err(BadHead::Damaged("the checksum of its head is wrong"));
    }
    let damaged = BadHead::Damaged("its head makes no sense");
    let Ok(head) = serde_json::from_slice::<Head>(document) else { return Err(damaged) };
    let known =
        |(name, octets): &(String, usize)| Item::find(name).filter(|item| width(*item) == *octets);
    Ok((Columns(head.columns.iter().map(known).collect()), HEAD + length))
}

/// What is known of the rows of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Of IPv6.
    pub v6: bool,
    /// What observed them.
    pub source: Source,
    /// How many.
    pub rows: u32,
    /// The number of the first.
    pub first: u64,
    /// When they were received: the first and the last time.
    pub received: (u64, u64),
    /// Their labels of ports.
    pub port_labels: u32,
    /// Columns that are told in all rows or in none: those that are, a bit each.
    pub whole: u128,
}

/// A column of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub item: Item,
    /// Each row tells it.
    pub all_told: bool,
    /// Where its values begin.
    pub begin: usize,
}

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Rows, and their columns.
    Rows(Rows, Vec<Entry>),
    /// Documents, the number of the first, and where they are.
    Documents(Table, u32, Vec<Range<usize>>),
}

/// Begins a frame behind what is there; says where.
pub fn begin(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; PRELUDE]);
    out.len() - PRELUDE
}

/// Ends the frame that began at `at`.
pub fn end(out: &mut [u8], at: usize) {
    let (prelude, payload) = out[at..].split_at_mut(PRELUDE);
    prelude[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    prelude[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
}

/// Writes a frame of documents.
pub fn put_documents<'d>(
    table: Table,
    first: u32,
    documents: impl ExactSizeIterator<Item = &'d [u8]>,
    out: &mut Vec<u8>,
) {
    let at = begin(out);
    out.extend_from_slice(&[KIND_DOCUMENTS, table as u8, 0, 0]);
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&(documents.len() as u32).to_le_bytes());
    for document in documents {
        out.extend_from_slice(&(document.len() as u32).to_le_bytes());
        out.extend_from_slice(document);
    }
    end(out, at);
}

/// Writes what stands before the directory of rows, whose frame was begun.
pub fn put_rows(rows: &Rows, columns: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[KIND_ROWS, if rows.v6 { 6 } else { 4 }, rows.source as u8, 0]);
    out.extend_from_slice(&rows.rows.to_le_bytes());
    out.extend_from_slice(&rows.first.to_le_bytes());
    out.extend_from_slice(&rows.received.0.to_le_bytes());
    out.extend_from_slice(&rows.received.1.to_le_bytes());
    out.extend_from_slice(&rows.port_labels.to_le_bytes());
    let mut whole = 0_u128;
    for column in Column::ALL.iter().filter(|column| rows.whole & column.bit() != 0) {
        whole |= 1 << Item::of(*column).place();
    }
    out.extend_from_slice(&whole.to_le_bytes());
    out.extend_from_slice(&(columns as u32).to_le_bytes());
}

/// Writes an entry of a directory.
pub fn put_entry(entry: Entry, out: &mut Vec<u8>) {
    out.extend_from_slice(&(entry.item.place() as u16).to_le_bytes());
    out.extend_from_slice(&if entry.all_told { 0 } else { PARTLY_TOLD }.to_le_bytes());
    out.extend_from_slice(&(entry.begin as u32).to_le_bytes());
}

/// Where values begin behind a directory of so many columns.
pub const fn values_at(columns: usize) -> usize {
    ROWS + columns * ENTRY
}

/// The length and the checksum that stand before a frame.
pub fn read_prelude(octets: [u8; PRELUDE]) -> (usize, u32) {
    let [a, b, c, d, e, f, g, h] = octets;
    (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]))
}

/// Reads what a frame says, whose checksum was right; nothing where it contradicts itself.
pub fn read(octets: &[u8], columns: &Columns) -> Option<Frame> {
    match *octets.first()? {
        KIND_ROWS => read_rows(octets, columns),
        KIND_DOCUMENTS => read_documents(octets),
        _ => None,
    }
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}

fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}

fn read_documents(octets: &[u8]) -> Option<Frame> {
    let table = *Table::ALL.get(usize::from(*octets.get(1)?))?;
    let (first, count) = (u32_at(octets, 4)?, u32_at(octets, 8)?);
    let mut at = 12_usize;
    let mut documents = Vec::new();
    for _ in 0..count {
        let begin = at + 4;
        at = begin.checked_add(u32_at(octets, at)? as usize)?;
        octets.get(begin..at)?;
        documents.push(begin..at);
    }
    Some(Frame::Documents(table, first, documents))
}

fn read_rows(octets: &[u8], columns: &Columns) -> Option<Frame> {
    let v6 = match octets.get(1)? {
        4 => false,
        6 => true,
        _ => return None,
    };
    let bits = u128::from_le_bytes(*octets.get(36..)?.first_chunk()?);
    let mut whole = 0;
    for (at, item) in columns.0.iter().enumerate().take(128) {
        match item {
            Some(Item::Column(column)) if bits >> at & 1 != 0 => whole |= column.bit(),
            Some(Item::Received) if bits >> at & 1 != 0 => whole |= Column::Received.bit(),
            _ => {}
        }
    }
    let rows = Rows {
        v6,
        source: *Source::ALL.get(usize::from(*octets.get(2)?))?,
        rows: u32_at(octets, 4)?,
        first: u64_at(octets, 8)?,
        received: (u64_at(octets, 16)?, u64_at(octets, 24)?),
        port_labels: u32_at(octets, 32)?,
        whole,
    };
    rows.first.checked_add(rows.rows.into())?;
    let count = u32_at(octets, 52)? as usize;
    let directory = octets.get(ROWS..ROWS.checked_add(count.checked_mul(ENTRY)?)?)?;
    let mut entries = Vec::with_capacity(count);
    for entry in directory.as_chunks::<ENTRY>().0 {
        let [a, b, c, d, e, f, g, h] = *entry;
        let begin = u32::from_le_bytes([e, f, g, h]) as usize;
        let known = columns.0.get(usize::from(u16::from_le_bytes([a, b])))?;
        // A column that this version does not know.
        let Some(item) = *known else { continue };
        let octets_of = item.form().octets(v6).checked_mul(rows.rows as usize)?;
        octets.get(begin..begin.checked_add(octets_of)?)?;
        let all_told = u16::from_le_bytes([c, d]) & PARTLY_TOLD == 0;
        entries.push(Entry { item, all_told, begin });
    }
    Some(Frame::Rows(rows, entries))
}

/// Whether the values of a form are numbers of documents.
pub fn table(item: Item) -> Option<Table> {
    match item.form() {
        Form::Document(table) => Some(table),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Columns {
        read_head(&head()).expect("our own").0
    }

    #[test]
    fn a_head_says_what_it_was_made_of() {
        let own = head();
        let (columns, length) = read_head(&own).expect("our own");
        assert_eq!(length, own.len());
        assert_eq!(columns.0.iter().flatten().copied().collect::<Vec<_>>(), Item::all());
        for cut in 0..own.len() {
            assert_eq!(read_head(&own[..cut]).unwrap_err(), BadHead::Cut, "{cut}");
        }
        let mut newer = own.clone();
        newer[8] = 9;
        assert_eq!(read_head(&newer).unwrap_err(), BadHead::Newer(9));
        let mut flipped = own;
        flipped[40] ^= 1;
        assert!(matches!(read_head(&flipped), Err(BadHead::Damaged(_))));
    }

    fn rows() -> Rows {
        Rows {
            v6: false,
            source: Source::Sflow,
            rows: 2,
            first: 77,
            received: (5, 9),
            port_labels: 3,
            whole: Column::Received.bit() | Column::Communities.bit() | Column::SourcePort.bit(),
        }
    }

    fn frame() -> Vec<u8> {
        let mut out = Vec::new();
        let at = begin(&mut out);
        put_rows(&rows(), 2, &mut out);
        let entry = |item, all_told, begin| Entry { item, all_told, begin };
        put_entry(entry(Item::Source, true, values_at(2)), &mut out);
        put_entry(entry(Item::Column(Column::TtlMin), false, values_at(2) + 8), &mut out);
        out.extend_from_slice(&[0; 10]);
        end(&mut out, at);
        out
    }

    #[test]
    fn frames_are_read_as_written() {
        let out = frame();
        let (length, crc) = read_prelude(*out.first_chunk().expect("a prelude"));
        assert_eq!((length, crc), (out.len() - PRELUDE, crc32fast::hash(&out[PRELUDE..])));
        let Some(Frame::Rows(found, entries)) = read(&out[PRELUDE..], &columns()) else {
            panic!("no rows")
        };
        assert_eq!(found, rows());
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[1].all_told, entries[1].begin), (false, 80));
        // Values that would lie behind the end.
        assert_eq!(read(&out[PRELUDE..out.len() - 1], &columns()), None);

        let mut out = Vec::new();
        put_documents(Table::Lists, 4, [&b"[1]"[..], b"[]"].into_iter(), &mut out);
        let expected = Frame::Documents(Table::Lists, 4, vec![16..19, 23..25]);
        assert_eq!(read(&out[PRELUDE..], &columns()), Some(expected));
        assert_eq!(read(&out[PRELUDE..out.len() - 1], &columns()), None);
    }

    proptest! {
        #[test]
        fn whatever_octets_are_read_nothing_panics(at in 0..200_usize, octet in any::<u8>(), cut in 0..200_usize) {
            let mut out = frame().split_off(PRELUDE);
            if let Some(own) = out.get_mut(at) {
                *own = octet;
            }
            out.truncate(cut);
            let _ = read(&out, &columns());
            let mut head = head();
            if let Some(own) = head.get_mut(at) {
                *own = octet;
            }
            let _ = read_head(&head);
        }
    }
}
