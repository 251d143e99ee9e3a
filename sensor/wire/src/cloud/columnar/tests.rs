//! Files as writers make them become what the same records as text become; broken and lying ones end with a reason.

use std::sync::Arc;

use parquet::{
    basic::{Compression, Encoding},
    data_type::{DoubleType, Int64Type, Int96, Int96Type},
    file::{
        properties::{WriterProperties, WriterVersion},
        writer::SerializedFileWriter,
    },
    schema::{parser::parse_message_type, types::Type},
};
use proptest::prelude::*;

mod hostile;
mod nested;

use super::testing::{Writing, parquet};
use crate::cloud::{
    decoder::Table,
    flows::Flows,
    format::Format,
    ledger::{Ledger, Reason},
    tests::{HEADING, OBJECT, V5, all_values, corpus, decode},
};

/// What a file becomes, and what it says at the end.
fn table(octets: Vec<u8>) -> (Vec<Vec<String>>, Ledger, Option<String>) {
    assert_eq!(Format::detect(&octets).is_some(), octets.starts_with(b"PAR1"));
    let mut flows = Flows::new(Format::Aws.source());
    let mut batches = Vec::new();
    let mut error = None;
    match Table::open(Arc::new(octets), OBJECT, &mut flows) {
        Err(fault) => error = Some(fault.to_string()),
        Ok(mut table) => loop {
            match table.read(&mut flows) {
                Ok(true) => flows.take(false, |batch| batches.push(batch)),
                Ok(false) => break,
                Err(fault) => {
                    error = Some(fault.to_string());
                    break;
                }
            }
        },
    }
    flows.take(true, |batch| batches.push(batch));
    let mut ledger = Ledger::default();
    for (_, own) in flows.ledgers() {
        assert!(own.is_balanced(), "{own:?}");
        ledger.add(own);
    }
    let rows = all_values(&batches);
    assert_eq!(rows.len() as u64, ledger.rows);
    (rows, ledger, error)
}

/// Records of many kinds, in the layout of version 5.
fn records(count: u64) -> String {
    let mut text = V5.to_owned();
    for row in 0..count {
        let (port, vpc) = (row % 60_000, row / 700);
        let name = "x".repeat((row % 40) as usize + 1);
        let line = match row % 7 {
            0 => format!(
                "5 - - - - - 1790000000 1790000060 - - - 123456789012 vpc-{vpc} subnet-{name} - eni-{vpc} eu-west-1 - - - - - - - - - - - NODATA\n"
            ),
            1 => format!(
                "5 2001:db8::{vpc} 2001:db8::2 {port} 443 6 1790000000 1790000060 IPv6 {row} {row}000 123456789012 vpc-{vpc} subnet-{name} i-1 eni-{vpc} eu-west-1 euw1-az1 - - REJECT 2 2001:db8::{vpc} 2001:db8::2 - - - ingress OK\n"
            ),
            2 => format!(
                "5 10.0.0.256 10.0.0.1 {port} 443 6 1790000000 1790000060 IPv4 {row} {row}000 123456789012 vpc-{vpc} subnet-{name} i-1 eni-{vpc} eu-west-1 euw1-az1 - - REJECT 2 - - - - - ingress OK\n"
            ),
            _ => format!(
                "5 10.0.{} 10.0.0.1 {port} 443 6 1790000{:03} 1790000{:03} IPv4 {row} {row}000 210987654321 vpc-{vpc} subnet-{name} i-1 eni-{vpc} eu-west-1 euw1-az1 outpost op-1 ACCEPT 19 172.16.0.1 10.0.0.1 S3 AMAZON 8 egress OK\n",
                format_args!("{}.{}", row % 256, row / 256 % 256),
                row % 900,
                row % 900 + 60
            ),
        };
        text += &line;
    }
    text
}

/// The same values, and the same ledger but for numbers of rows, which have no heading before them.
fn check_same(text: &str, writing: &Writing) {
    let (batches, mut expected) = decode(text.as_bytes(), usize::MAX, &Default::default());
    let (rows, mut ledger, error) = table(parquet(text, writing));
    assert_eq!(error, None, "{writing:?}");
    let wanted = all_values(&batches);
    assert_eq!(rows.len(), wanted.len(), "{writing:?}");
    for (number, (row, wanted)) in rows.iter().zip(&wanted).enumerate() {
        assert_eq!(row, wanted, "row {number}, {writing:?}");
    }
    expected.headings = 0;
    for fault in &mut expected.faults {
        fault.line -= 1;
    }
    for ledger in [&mut ledger, &mut expected] {
        ledger.faults.sort_by_key(|fault| (fault.line, fault.reason));
    }
    assert_eq!(ledger, expected, "{writing:?}");
}

#[test]
fn whatever_a_file_is_written_with_it_becomes_what_the_text_becomes() {
    let text = records(3000);
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for (dictionary, encodings) in [
                (true, [Encoding::PLAIN, Encoding::PLAIN]),
                (false, [Encoding::PLAIN, Encoding::PLAIN]),
                (false, [Encoding::DELTA_BINARY_PACKED, Encoding::DELTA_LENGTH_BYTE_ARRAY]),
                (false, [Encoding::DELTA_BINARY_PACKED, Encoding::DELTA_BYTE_ARRAY]),
            ] {
                let rows = [1300, 170];
                let required = false;
                let writing = Writing { codec, version, dictionary, encodings, rows, required };
                check_same(&text, &writing);
            }
        }
    }
}

#[test]
fn columns_that_always_have_a_value_need_no_levels() {
    let line = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1790000000 1790000060 ACCEPT OK\n";
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let writing = Writing { required: true, version, ..Writing::default() };
        check_same(&format!("{HEADING}{}", line.repeat(2500)), &writing);
    }
}

#[test]
fn unknown_columns_become_labels_and_are_counted() {
    let text = "srcaddr dstaddr protocol end interface-id team\n\
        10.0.0.1 10.0.0.2 6 1790000060 eni-1 red\n10.0.0.1 10.0.0.2 6 1790000060 eni-1 -\n";
    check_same(text, &Writing::default());
    let (_, ledger, _) = table(parquet(text, &Writing::default()));
    assert_eq!(ledger.unknown.get("team"), Some(&1));
}

#[test]
fn a_file_of_the_corpus_is_its_text() {
    let files = corpus("aws");
    let find = |name: &str| files.iter().find(|file| file.ends_with(name));
    let (Some(file), Some(text)) =
        (find("made-v5-service-path.parquet"), find("doc-service-path-direction.log"))
    else {
        return;
    };
    let octets = std::fs::read(file).expect("readable");
    let text = std::fs::read(text).expect("readable");
    let (batches, _) = decode(&text, usize::MAX, &Default::default());
    let (rows, ledger, error) = table(octets);
    assert_eq!((rows, error), (all_values(&batches), None));
    assert_eq!(ledger.flows, 2);
}

/// A file whose columns a schema in Parquet's language says, each with one value.
fn file_of(
    schema: &str,
    write: impl Fn(usize, &mut parquet::file::writer::SerializedColumnWriter<'_>),
) -> Vec<u8> {
    let schema: Type = parse_message_type(schema).expect("a schema");
    let properties = Arc::new(WriterProperties::default());
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties).expect("a file");
    let mut group = writer.next_row_group().expect("a group");
    let mut number = 0;
    while let Some(mut column) = group.next_column().expect("a column") {
        write(number, &mut column);
        column.close().expect("a column");
        number += 1;
    }
    group.close().expect("a group");
    writer.into_inner().expect("a file")
}

#[test]
fn columns_of_the_wrong_type_and_doubled_ones_are_named() {
    let octets =
        file_of("message m { required double srcport; required int64 end; }", |number, column| {
            match number {
                0 => drop(column.typed::<DoubleType>().write_batch(&[1.5], None, None)),
                _ => drop(column.typed::<Int64Type>().write_batch(&[1_790_000_000], None, None)),
            }
        });
    let (rows, ledger, error) = table(octets);
    let error = error.expect("an error");
    assert!(error.contains("in column `srcport` values of the type DOUBLE"), "{error}");
    assert_eq!((rows.len(), ledger.errors[Reason::Syntax as usize]), (0, 1));

    let octets =
        file_of("message m { required int96 end; required int64 END; }", |number, column| {
            match number {
                0 => drop(column.typed::<Int96Type>().write_batch(&[Int96::new()], None, None)),
                _ => drop(column.typed::<Int64Type>().write_batch(&[1_790_000_000], None, None)),
            }
        });
    let (_, ledger, error) = table(octets);
    let error = error.expect("an error");
    assert!(error.contains("the field `END` twice"), "{error}");
    assert_eq!(ledger.records, 1);
}

#[test]
fn numbers_out_of_range_are_errors_of_their_row() {
    let text = format!(
        "{HEADING}2 1 eni-1 10.0.0.1 10.0.0.2 70000 2 6 1 40 1790000000 1790000060 ACCEPT OK\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 -1 2 6 1 40 1790000000 1790000060 ACCEPT OK\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1790000000 99000000000000 ACCEPT OK\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1790000000 1790000060 ACCEPT OK\n"
    );
    let (rows, ledger, error) = table(parquet(&text, &Writing::default()));
    assert_eq!((rows.len(), error), (1, None));
    let faults: Vec<_> = ledger.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            format!("{OBJECT}:1: not a number, or too high: 70000"),
            format!("{OBJECT}:2: not a number, or too high: -1"),
            format!("{OBJECT}:3: no plausible time: 99000000000000"),
        ]
    );
}

#[test]
fn text_may_hold_numbers_and_numbers_text() {
    // As tools write that guess types: an account is a number then, and so is a port text.
    let schema = "message m { required binary srcaddr; required binary dstaddr; required int64 account_id; \
        required binary srcport; required int32 protocol; required int64 end (TIMESTAMP(MILLIS,true)); }";
    let octets = file_of(schema, |number, column| {
        use parquet::data_type::{ByteArrayType, Int32Type};
        match number {
            0 => {
                drop(column.typed::<ByteArrayType>().write_batch(&["10.0.0.1".into()], None, None));
            }
            1 => {
                drop(column.typed::<ByteArrayType>().write_batch(&["10.0.0.2".into()], None, None));
            }
            2 => drop(column.typed::<Int64Type>().write_batch(&[123_456_789_012], None, None)),
            3 => drop(column.typed::<ByteArrayType>().write_batch(&["443".into()], None, None)),
            4 => drop(column.typed::<Int32Type>().write_batch(&[6], None, None)),
            _ => drop(column.typed::<Int64Type>().write_batch(&[1_790_000_060_000], None, None)),
        }
    });
    let text = "srcaddr dstaddr account-id srcport protocol end\n10.0.0.1 10.0.0.2 123456789012 443 6 1790000060\n";
    let (batches, _) = decode(text.as_bytes(), usize::MAX, &Default::default());
    let (rows, _, error) = table(octets);
    assert_eq!((rows, error), (all_values(&batches), None));
}

/// A made file, and what it is without its end, wherever that begins.
#[test]
fn a_file_that_is_cut_short_says_so() {
    let whole = parquet(&records(50), &Writing::default());
    for length in (0..whole.len()).step_by(7) {
        let (rows, ledger, error) = table(whole[..length].to_vec());
        let error = error.expect("an error");
        assert!(error.contains("cut short"), "{length}: {error}");
        assert_eq!((rows.len(), ledger.records, ledger.all_errors()), (0, 1, 1));
    }
}

#[test]
fn a_row_group_that_cannot_be_read_costs_its_rows_and_no_others() {
    let writing = Writing { rows: [1000, 100], codec: Compression::SNAPPY, ..Writing::default() };
    let mut octets = parquet(&records(3000), &writing);
    // Somewhere in the second of three.
    let middle = octets.len() / 2;
    octets[middle..middle + 4000].fill(0xff);
    let (rows, ledger, error) = table(octets);
    let lost = ledger.errors[Reason::Syntax as usize];
    assert!((1..=1000).contains(&lost), "{lost}");
    assert_eq!(ledger.records, 3000);
    assert!(rows.len() >= 1000, "{}", rows.len());
    let error = error.expect("an error");
    assert!(error.starts_with("the Parquet file "), "{error}");
}

#[test]
fn metadata_that_claims_what_cannot_be_is_refused() {
    let whole = parquet(&records(50), &Writing::default());
    let end = whole.len();
    let with_size = |size: u32| {
        let mut octets = whole.clone();
        octets[end - 8..end - 4].copy_from_slice(&size.to_le_bytes());
        table(octets).2.expect("an error")
    };
    for size in [end as u32, 5 << 20, u32::MAX] {
        let error = with_size(size);
        assert!(error.contains(&format!("claims {size} octets of metadata")), "{error}");
    }
    for size in [0, 1, 100] {
        let error = with_size(size);
        assert!(error.contains("malformed"), "{error}");
    }
    let mut encrypted = whole.clone();
    encrypted[end - 4..].copy_from_slice(b"PARE");
    assert_eq!(table(encrypted).2.as_deref(), Some("the Parquet file is encrypted"));
}

#[test]
fn a_page_that_decompresses_to_gigabytes_is_refused() {
    let name = "x".repeat(super::limits::MOST_PAGE);
    let text =
        format!("srcaddr dstaddr protocol end team\n10.0.0.1 10.0.0.2 6 1790000060 {name}\n");
    for codec in [
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
    ] {
        let writing = Writing { codec, dictionary: false, ..Writing::default() };
        let octets = parquet(&text, &writing);
        assert!(octets.len() < super::limits::MOST_PAGE / 8, "{}", octets.len());
        let (rows, ledger, error) = table(octets);
        let error = error.expect("an error");
        // Zstd packs it so tightly that the claim alone is beyond belief.
        let why = match codec {
            Compression::ZSTD(_) => "cannot hold so many",
            _ => "has a page of",
        };
        assert!(error.contains(why), "{codec:?}: {error}");
        assert_eq!((rows.len(), ledger.all_errors()), (0, 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn octets_that_are_changed_anywhere_are_accounted_for(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        kind in 0..4_usize,
    ) {
        let (version, dictionary, text) = [
            (WriterVersion::PARQUET_1_0, true, Encoding::PLAIN),
            (WriterVersion::PARQUET_1_0, false, Encoding::PLAIN),
            (WriterVersion::PARQUET_2_0, true, Encoding::PLAIN),
            (WriterVersion::PARQUET_2_0, false, Encoding::DELTA_BYTE_ARRAY),
        ][kind];
        let numbers = if kind == 3 { Encoding::DELTA_BINARY_PACKED } else { Encoding::PLAIN };
        let encodings = [numbers, text];
        let codec = Compression::UNCOMPRESSED;
        let writing = Writing { codec, version, dictionary, encodings, rows: [40, 13], required: false };
        let mut octets = parquet(&records(60), &writing);
        let behind = 4;
        for (place, octet) in changes {
            let place = behind + place.index(octets.len() - behind);
            octets[place] = octet;
        }
        table(octets);
    }
}

/// A file of `rows` that all have the same text of so many octets as the name of their interface: its octets are few, however many.
fn repeated(rows: usize, length: usize) -> Vec<u8> {
    let line = format!(
        "2 1 eni-{} 10.0.0.1 10.0.0.2 1 22 6 20 4249 1790000000 1790000060 ACCEPT OK\n",
        "x".repeat(length)
    );
    let text = format!("{HEADING}{}", line.repeat(rows));
    parquet(&text, &Writing { rows: [rows, rows], ..Writing::default() })
}

#[test]
fn a_long_text_that_every_row_repeats_costs_no_more_than_the_file_can_hold() {
    // As many octets as a file of that size may stand for, and more.
    for (length, is_read) in [(60, true), (100, true), (2_000, false)] {
        let rows = 20_000;
        let file = repeated(rows, length);
        assert!(file.len() < 20_000, "{}", file.len());
        let (read, ledger, error) = table(file);
        let expected = (!is_read).then_some(
            "the Parquet file repeats its values too often: its octets cannot hold so many",
        );
        assert_eq!(error.as_deref(), expected, "{length}");
        assert_eq!(ledger.records, rows as u64, "rows that are not read are accounted for");
        assert_eq!(read.len() == rows, is_read, "{length}");
        if !is_read {
            // It went on as long as it could be true.
            assert!(!read.is_empty() && read.len() < rows / 2, "{}", read.len());
        }
    }
}
