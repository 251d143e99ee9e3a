//! Files that ask for much more than they have octets. What it costs to refuse them is counted.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parquet::{
    basic::Compression,
    file::metadata::{
        ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader,
        ParquetMetaDataWriter,
    },
};

use super::{repeated, table};
use crate::cloud::{
    columnar::{
        File,
        fault::Fault,
        limits::{MOST_METADATA, READS_PER_OCTET, SLACK},
        source::Seekable,
        testing::{Writing, parquet},
    },
    ledger::Reason,
};

/// A member that nobody knows: a list of 2^31 - 1 booleans, which take no octets.
const ENDLESS: [u8; 8] = [0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 0];

/// What a file with this as its metadata says.
fn with_metadata(metadata: &[u8]) -> String {
    let length = (metadata.len() as u32).to_le_bytes();
    let octets = [&b"PAR1"[..], metadata, &length, b"PAR1"].concat();
    let (rows, ledger, error) = table(octets);
    let errors = u64::from(error.is_some());
    assert_eq!((rows.len(), ledger.records, ledger.all_errors()), (0, errors, errors));
    error.unwrap_or_else(|| "no rows".to_owned())
}

/// What a file with this before its first page says.
fn with_header(header: &[u8]) -> String {
    let mut file = repeated(10, 1);
    file[4..4 + header.len()].copy_from_slice(header);
    let (rows, ledger, error) = table(file);
    assert_eq!(rows.len(), 0);
    assert_eq!((ledger.records, ledger.errors[Reason::Syntax as usize]), (10, 10));
    error.expect("an error")
}

#[test]
fn what_asks_for_more_steps_than_it_has_octets_is_not_read() {
    let metadata = "the Parquet file is malformed: metadata that cannot be read";
    let header =
        "the Parquet file has in column `version` the header of a page that cannot be read";
    assert_eq!(with_metadata(&ENDLESS), metadata);
    assert_eq!(with_header(&ENDLESS), header);
    // To the crate, a value that is to be passed over is there even behind the end.
    let fractions = [0x99, 0xf7, 0xff, 0xff, 0xff, 0xff, 0x07];
    assert_eq!(with_metadata(&fractions), metadata);
    let mut file = repeated(10, 1);
    let behind = file.len() - 8;
    file[4..11].copy_from_slice(&fractions);
    file[11..behind].fill(0xff);
    assert_eq!(table(file).0.len(), 0);
}

#[test]
fn members_that_are_known_must_be_what_they_are() {
    // Of octets that hold such a list, the crate takes the length for the number that should be there, and reads on within.
    let within = |length: u8| [&[0x18, length, 0x99][..], &ENDLESS[1..]].concat();
    assert_eq!(
        with_header(&within(8)),
        "the Parquet file has in column `version` the header of a page that cannot be read"
    );
    assert_eq!(
        with_metadata(&within(8)),
        "the Parquet file is malformed: metadata that cannot be read"
    );
}

/// Metadata with these columns: their names, and how many of the next ones lie within.
fn with_schema(elements: &[(&str, i32)]) -> String {
    let mut metadata = vec![0x15, 2, 0x19, 0xfc];
    number(elements.len() as u64, &mut metadata);
    for (name, children) in elements {
        // A column of octets has a type; each may be missing.
        metadata.extend(if *children == 0 {
            &[0x15, 12, 0x25, 2, 0x18][..]
        } else {
            &[0x35, 2, 0x18]
        });
        number(name.len() as u64, &mut metadata);
        metadata.extend(name.as_bytes());
        if *children != 0 {
            metadata.push(0x15);
            number(u64::from((children << 1) as u32 ^ (children >> 31) as u32), &mut metadata);
        }
        metadata.push(0);
    }
    metadata.extend([0x16, 0, 0x19, 0x0c, 0]);
    with_metadata(&metadata)
}

fn number(mut value: u64, into: &mut Vec<u8>) {
    while value > 0x7f {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

#[test]
fn columns_lie_in_few_others_and_no_more_of_them_are_there_than_the_file_says() {
    let nested = |depth: usize| {
        let mut all = vec![("a", 1); depth];
        all.push(("a", 0));
        with_schema(&all)
    };
    assert_eq!(nested(32), "no rows");
    for depth in [33, 200_000] {
        assert_eq!(
            nested(depth),
            "the Parquet file is malformed: columns within more than 32 others"
        );
    }
    for children in [2, i32::MAX] {
        assert_eq!(
            with_schema(&[("m", children), ("a", 0)]),
            "the Parquet file is malformed: columns that are not there"
        );
    }
    assert_eq!(
        with_schema(&[("m", 1), ("a", 0), ("b", 0)]),
        "the Parquet file is malformed: columns that lie in nothing"
    );
    assert_eq!(
        with_schema(&[("m", 2), ("a", 2), ("b", 0)]),
        "the Parquet file is malformed: columns that are not there"
    );
}

#[test]
fn columns_are_few_and_their_names_together_no_longer_than_metadata() {
    let many = |count: usize, around: &str| {
        let mut all = vec![("m", 1), (around, count as i32)];
        all.resize(2 + count, ("a", 0));
        with_schema(&all)
    };
    assert_eq!(many(1024, "a"), "the Parquet file is malformed: it has more than 256 fields");
    assert!(many(1025, "a").contains("has 1025 columns"), "{}", many(1025, "a"));
    // Each column is called after all that it lies in.
    let long = "x".repeat(MOST_METADATA / 1024);
    assert_eq!(
        many(1024, &long),
        format!(
            "the Parquet file is malformed: names of columns of more than {MOST_METADATA} octets"
        )
    );
}

/// Octets of which is counted how many are read.
struct Counted {
    octets: Vec<u8>,
    read: AtomicU64,
}

impl Seekable for Counted {
    fn length(&self) -> u64 {
        self.octets.length()
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read.fetch_add(buffer.len() as u64, Relaxed);
        self.octets.read_at(at, buffer)
    }
}

/// The same pages as so many row groups.
fn as_groups(
    mut file: Vec<u8>,
    count: usize,
    change: impl Fn(ColumnChunkMetaData) -> ColumnChunkMetaData,
) -> Vec<u8> {
    let length = u32::from_le_bytes(file[file.len() - 8..].first_chunk().copied().expect("four"));
    let end = file.len() - 8;
    let begin = end - length as usize;
    let metadata = ParquetMetaDataReader::decode_metadata(&file[begin..end]).expect("metadata");
    let group = metadata.row_group(0).clone();
    let columns = group.columns().iter().cloned().map(change).collect();
    let group = group.into_builder().set_column_metadata(columns).build().expect("a group");
    let metadata: ParquetMetaData = ParquetMetaDataBuilder::new(metadata.file_metadata().clone())
        .set_row_groups(vec![group; count])
        .build();
    file.truncate(begin);
    ParquetMetaDataWriter::new(&mut file, &metadata).finish().expect("metadata");
    file
}

/// Reads all groups of a file, whatever comes of each: how many octets it has, how many of these were read in all, and what was said.
fn read(octets: Vec<u8>) -> (u64, u64, Vec<Fault>) {
    let octets = Arc::new(Counted { octets, read: AtomicU64::new(0) });
    let file = File::open(octets.clone()).expect("a file");
    let wanted: Vec<_> = (0..file.columns().count()).map(|column| (column, false)).collect();
    let mut faults = Vec::new();
    for group in 0..file.groups() {
        let read = file.group(group, &wanted).and_then(|mut group| {
            while group.read()? != 0 {}
            Ok(())
        });
        faults.extend(read.err());
    }
    (octets.length(), octets.read.load(Relaxed), faults)
}

/// A record with a long name.
fn long(octets: usize, codec: Compression) -> Vec<u8> {
    let mut state = 7_u64;
    let name: String = (0..octets)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + (state >> 40) as u8 % 26)
        })
        .collect();
    let text =
        format!("srcaddr dstaddr protocol end team\n10.0.0.1 10.0.0.2 6 1790000060 {name}\n");
    parquet(&text, &Writing { codec, dictionary: false, ..Writing::default() })
}

#[test]
fn pages_that_many_groups_share_are_read_some_times_and_no_more() {
    let file = as_groups(long(200_000, Compression::UNCOMPRESSED), 1_000, |column| column);
    let (length, read, faults) = read(file);
    assert!(read <= length * (READS_PER_OCTET + 1) + SLACK as u64, "{read} of {length}");
    assert!(faults.iter().all(|fault| matches!(fault, Fault::Repeated)), "{faults:?}");
    assert!(!faults.is_empty());
}

#[test]
fn pages_that_cannot_be_decompressed_are_paid_for() {
    // What the page becomes is more than the metadata says. Before that is found out, it is decompressed so far.
    let file = long(3 << 20, Compression::GZIP(Default::default()));
    let file = as_groups(file, 4_000, |column| {
        column.into_builder().set_total_uncompressed_size(1).build().expect("a column")
    });
    let before = file.len() as u64;
    let octets = Arc::new(file);
    let file = File::open(octets).expect("a file");
    let wanted: Vec<_> = (0..file.columns().count()).map(|column| (column, false)).collect();
    let before = (before, file.work.left());
    let faults = (0..4).filter_map(|group| {
        let read = file.group(group, &wanted).and_then(|mut group| group.read());
        read.err()
    });
    assert!(faults.count() == 4);
    let done = before.1 - file.work.left();
    assert!(done >= 4 * SLACK as u64, "{done}");
}
