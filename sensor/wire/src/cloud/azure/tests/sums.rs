//! Sums over whole logs: made ones, and those of the corpus.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_blob_becomes_the_same_however_it_is_cut(cut in 1..300_usize, kinds in proptest::collection::vec(0..5_usize, 0..6)) {
        let whole = vnet(&[("r", &["1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,1,40,0,0", "x"])]);
        let v6 = whole.replace("10.0.0.4", "fd00::4").replace("10.0.0.5", "fd00::5");
        let kinds_of = [whole.clone(), v6, group(1, &[("s", &["1782658803,10.0.0.4,10.0.0.5,1,2,T,O,D"])]), whole.replace("\\\"r\\\"", "3 4"), "junk".to_owned()];
        let records: Vec<_> = kinds.into_iter().map(|kind| kinds_of[kind].clone()).collect();
        let text = blob(&records);
        let (whole, ledger) = azure(&text);
        let mut pieces = Decoded::new(Format::Azure);
        pieces.object(BLOB, text.as_bytes(), cut);
        prop_assert_eq!(pieces.ledger(), ledger);
        let fields = [&WHO[..], &["flowtype", "rule", "encryption", "srcport"]].concat();
        prop_assert_eq!(pieces.rows(&fields), whole.rows(&fields));
    }

    #[test]
    fn any_octets_are_accounted_for(octets in proptest::collection::vec(any::<u8>(), 0..200), at in 0..2000_usize, length in 0..50_usize) {
        let record = vnet(&[("r", &["1782658803422,10.0.0.4,10.0.0.5,1,2,6,O,E,NX,1,40,0,0"])]);
        let mut text = blob(&[record.clone(), record]).into_bytes();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        text.splice(at..end, octets);
        let mut decoded = Decoded::new(Format::Azure);
        decoded.object(BLOB, &text, 31);
        decoded.ledger();
    }

    #[test]
    fn any_tuples_are_accounted_for(tuples in proptest::collection::vec("[0-9]{9,14},10\\.0\\.0\\.[0-9]{1,3},10\\.0\\.0\\.1,[0-9]{0,6},1,[0-9TU]{1,3},[IOX],[ABCDE],[A-Z]{0,3}(,[0-9]{0,20}){0,6}", 0..12), is_vnet in any::<bool>()) {
        let tuples: Vec<&str> = tuples.iter().map(String::as_str).collect();
        let groups = [("r", &tuples[..])];
        let record = if is_vnet { vnet(&groups) } else { group(2, &groups) };
        let (_, ledger) = azure(&blob(&[record]));
        prop_assert_eq!(ledger.records, tuples.len().max(1) as u64);
    }
}

/// A file of the corpus; none where it is not there.
fn corpus(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("SENSOR_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    fs::read(root.join("cloud/azure").join(name)).ok()
}

fn sums(decoded: &Decoded) -> [u64; 4] {
    let mut sums = [0; 4];
    for row in decoded.rows(&["initiator", "packets", "octets"]) {
        let values: Vec<&str> = row.split(' ').collect();
        let at = if values[0] == "src" { 0 } else { 2 };
        sums[at] += values[1].parse::<u64>().unwrap_or(0);
        sums[at + 1] += values[2].parse::<u64>().unwrap_or(0);
    }
    sums
}

#[test]
fn the_documented_samples_have_the_documented_sums() {
    if let Some(text) = corpus("msdocs-nsg-v2.json") {
        assert_eq!(Format::detect(&text), Some(Format::Azure));
        let (decoded, ledger) = azure(std::str::from_utf8(&text).expect("text"));
        assert_eq!((ledger.records, ledger.flows, ledger.without_counts), (11, 10, 1));
        let rejected = decoded.rows(&["action"]).iter().filter(|row| *row == "rejected").count();
        assert_eq!((rejected, sums(&decoded)), (7, [46, 25_533, 37, 21_128]));
    }
    if let Some(text) = corpus("msdocs-nsg-v1.json") {
        assert_eq!(Format::detect(&text), Some(Format::Azure));
        let (decoded, ledger) = azure(std::str::from_utf8(&text).expect("text"));
        assert_eq!((ledger.records, ledger.flows, ledger.rows, ledger.all_errors()), (5, 5, 5, 0));
        let actions = decoded.rows(&["flowversion", "action", "srcport"]);
        assert_eq!(actions.iter().filter(|row| row.starts_with("1 accepted")).count(), 4);
        assert!(actions.contains(&"1 rejected 51529".to_owned()), "{actions:?}");
    }
    if let Some(text) = corpus("msdocs-bandwidth-example.csv") {
        let text = String::from_utf8(text).expect("text");
        let tuples: Vec<&str> = text.lines().collect();
        let (decoded, ledger) = azure(&blob(&[vnet(&[("r", &tuples)])]));
        assert_eq!((ledger.records, ledger.flows, ledger.without_counts), (3, 2, 1));
        let [a, b, c, d] = sums(&decoded);
        assert_eq!((a + c, b + d), (9125, 5_256_000));
    }
}

#[test]
fn sums_are_kept_of_a_connection_whose_beginning_is_told_last() {
    // The same as the documented example, in other numbers.
    let record = vnet(&[(
        "r",
        &[
            "1493763938,203.0.113.7,10.2.0.4,35370,23,6,I,B,NX,,,,",
            "1493695838,203.0.113.7,10.2.0.4,35370,23,6,I,C,NX,1000,500000,8000,4000000",
            "1493696138,203.0.113.7,10.2.0.4,35370,23,6,I,E,NX,50,25000,40,20000",
        ],
    )]);
    let (decoded, ledger) = azure(&blob(&[record]));
    assert_eq!((ledger.flows, ledger.without_counts), (2, 1));
    assert_eq!(sums(&decoded), [1050, 525_000, 8040, 4_020_000]);
    assert_eq!(
        decoded.rows(&["start", "end"]),
        [
            "- 1493695838000",
            "- 1493695838000",
            "1493695838000 1493696138000",
            "1493695838000 1493696138000",
        ]
    );
}
