//! Records come out of journals, of files and of files made of files as they went in.

mod support;

use proptest::prelude::*;
use sensor_core::flow::batch::FlowBatch;
use sensor_store::{
    cells::Groups as _,
    journal::{
        Sync,
        reader::{End, Journal},
        writer::Writer,
    },
    segment::{merge::Merged, reader::Segment, writer::write},
};
use support::{all_batches, assert_same, read_all};

const NOW: u64 = 1_796_080_000_000;

/// A journal of batches, whose first record is numbered `first`.
fn journal(folder: &std::path::Path, batches: &[FlowBatch], first: u64) -> std::path::PathBuf {
    let path = folder.join(first.to_string());
    let mut writer = Writer::create(&path, first, NOW).expect("a journal");
    for batch in batches {
        writer.append(batch, NOW, Sync::Never).expect("a frame");
    }
    path
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn records_come_out_as_they_went_in(batches in proptest::collection::vec(all_batches(30), 1..5)) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = journal(folder.path(), &batches, 7);
        let journal = Journal::open(&path, 0).expect("a journal");
        prop_assert_eq!(journal.end(), End::Whole);
        assert_same(&batches, 7, NOW, &read_all(&journal).expect("records"));

        let path = folder.path().join("file.parquet");
        write(&journal, &path).expect("a file");
        let file = Segment::open(&path).expect("a file");
        prop_assert_eq!(file.groups(), journal.groups());
        assert_same(&batches, 7, NOW, &read_all(&file).expect("records"));
    }

    #[test]
    fn files_made_of_files_have_their_records_in_order_of_time(
        batches in proptest::collection::vec(all_batches(20), 2..5),
        at in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = batches.split_at(at.index(batches.len() - 1) + 1);
        let rows: usize = one.iter().map(FlowBatch::len).sum();
        let mut inputs = Vec::new();
        for (batches, first) in [(one, 1), (other, 1 + rows as u64)] {
            let journal = Journal::open(&journal(folder.path(), batches, first), 0).expect("a journal");
            let path = folder.path().join(format!("{first}.parquet"));
            write(&journal, &path).expect("a file");
            inputs.push(Segment::open(&path).expect("a file"));
        }
        let path = folder.path().join("merged.parquet");
        write(&Merged::new(inputs).expect("inputs"), &path).expect("a file");
        let found = read_all(&Segment::open(&path).expect("a file")).expect("records");
        assert_same(&batches, 1, NOW, &found);
        for records in found {
            let times: Vec<_> = records.received.iter().zip(&records.sequence).collect();
            prop_assert!(times.is_sorted());
        }
    }
}
