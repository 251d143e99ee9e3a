//! Blobs that grow, are read while they are written, or have very long records.

use super::*;

#[test]
fn a_blob_that_grows_is_read_on_where_it_ended() {
    const T: u64 = 1_782_658_800_000;
    let record = |minute: u64| {
        let tuple = |port: u64, part: &str| {
            let time = T + minute * 60_000 + port;
            format!("{time},10.0.0.4,10.0.0.5,{port},443,6,O,{part},NX,1,40,2,80")
        };
        let part = if minute == 0 { "C" } else { "E" };
        vnet(&[("r", &[&tuple(1, part), &tuple(2 + minute, "E")])])
    };
    // Versions as they are at different times, also with white space as of somebody who writes it prettily.
    for (between, end) in [(",", "]}"), (",\r\n", "\r\n]\r\n}\r\n")] {
        let version = |records: u64| {
            let records: Vec<_> = (0..records).map(record).collect();
            format!("\u{feff}{{\"records\":[{}{end}", records.join(between))
        };
        let mut whole = Decoded::new(Format::Azure);
        whole.object(BLOB, version(9).as_bytes(), usize::MAX);
        for pieces in [1, 7, usize::MAX] {
            let mut grown = Decoded::new(Format::Azure);
            let mut offset = 0;
            for records in [0, 0, 1, 2, 2, 5, 9, 9] {
                let text = version(records);
                offset += grown.object(BLOB, &text.as_bytes()[offset as usize..], pieces);
                // In front of what closes the array, which is written anew behind the next record.
                assert_eq!(text[offset as usize..], *end);
            }
            let all = ["srcip", "srcport", "packets", "start", "end", "flowstate", "flowsrcname"];
            let sorted = |decoded: &Decoded| {
                let mut rows = decoded.rows(&all);
                rows.sort();
                rows
            };
            assert_eq!(sorted(&grown), sorted(&whole));
            assert_eq!(grown.ledger().records, 18);
            assert_eq!(grown.ledger(), whole.ledger());
        }
    }
}

#[test]
fn a_blob_that_is_read_while_it_is_written_loses_nothing() {
    let record = |port: u64| {
        let tuple = format!("1782658803422,10.0.0.4,10.0.0.5,{port},443,6,O,E,NX,1,40,0,0");
        vnet(&[("r", &[&tuple])])
    };
    let text = blob(&[record(1), record(2), record(3)]);
    for cut in 0..text.len() {
        let mut decoded = Decoded::new(Format::Azure);
        let offset = decoded.object(BLOB, &text.as_bytes()[..cut], 64) as usize;
        let told = decoded.ledger().rows;
        decoded.object(BLOB, &text.as_bytes()[offset..], 64);
        let rest: Vec<_> = decoded.rows(&["srcport"]);
        assert_eq!(rest, ["1", "2", "3"], "{cut}, {told}");
    }
}

#[test]
fn a_record_of_many_tuples_is_sorted_by_parts() {
    const COUNT: u64 = 50_000;
    const T: u64 = 1_782_658_800_000;
    // The end of each flow comes directly behind its beginning, and both run backwards.
    let tuples: Vec<String> = (0..COUNT)
        .rev()
        .flat_map(|number| {
            let (time, port) = (T + number * 10, number % 65_536);
            let ends = format!("10.{}.0.4,10.0.0.5,{port},443,6,O", number / 65_536);
            [format!("{},{ends},E,NX,1,40,1,40", time + 5), format!("{time},{ends},B,NX,0,0,0,0")]
        })
        .collect();
    let tuples: Vec<&str> = tuples.iter().map(String::as_str).collect();
    let record = vnet(&[("r", &tuples)]);
    assert!(record.len() > 5 << 20);
    let (decoded, ledger) = azure(&blob(&[record]));
    assert_eq!((ledger.flows, ledger.without_counts, ledger.all_errors()), (COUNT, COUNT, 0));
    let starts = decoded.rows(&["start"]).iter().filter(|start| *start != "-").count();
    assert_eq!(starts as u64, 2 * COUNT);
}
