//! Records come out of journals, of files and of files made of files as they went in.

mod made;
mod support;

use made::all_batches;
use proptest::prelude::*;
use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    columns::Column,
};
use sensor_store::{
    cells::Groups as _,
    journal::{
        Sync,
        reader::{End, Journal},
        writer::Writer,
    },
    layout::Item,
    segment::{merge::Merged, reader::Segment, writer::write},
    testing::Traffic,
};
use support::{assert_same, read_all};

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

/// The addresses on one side of a batch, IPv4 ones mapped.
fn addresses(batch: &FlowBatch, side: Item) -> Vec<u128> {
    let mapped = |own: &Vec<u32>| own.iter().map(|own| 0xffff << 32 | u128::from(*own)).collect();
    match (&batch.addresses, side) {
        (Addresses::V4 { source, .. }, Item::Source) => mapped(source),
        (Addresses::V4 { destination, .. }, _) => mapped(destination),
        (Addresses::V6 { source, .. }, Item::Source) => source.clone(),
        (Addresses::V6 { destination, .. }, _) => destination.clone(),
    }
}

#[test]
fn filters_and_ranges_say_what_may_be_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut traffic = Traffic::new(3);
    let batches: Vec<FlowBatch> = (0..5).flat_map(|_| traffic.batches(4000)).collect();
    let journal = Journal::open(&journal(folder.path(), &batches, 1), 0).expect("a journal");
    let path = folder.path().join("file.parquet");
    write(&journal, &path).expect("a file");
    let file = Segment::open(&path).expect("a file");
    assert_eq!(file.groups().iter().map(|own| own.v6).collect::<Vec<_>>(), [false, true]);
    for (group, own) in file.groups().iter().enumerate() {
        let batches = || batches.iter().filter(|batch| (batch.ip_version() == 6) == own.v6);
        for side in [Item::Source, Item::Destination] {
            let filter = file.filter(group, side).expect("readable").expect("a filter");
            let mut all: Vec<u128> = batches().flat_map(|batch| addresses(batch, side)).collect();
            assert!(all.iter().all(|address| filter.may_have(*address)));
            // Neighbours of those that are there.
            all.sort_unstable();
            let absent =
                all.iter().map(|own| own ^ 1 << 31).filter(|own| all.binary_search(own).is_err());
            let (mut asked, mut wrong) = (0, 0);
            for address in absent {
                asked += 1;
                wrong += usize::from(filter.may_have(address));
            }
            assert!(asked > 1000 && wrong * 200 < asked, "{wrong} of {asked}");
            assert_eq!(file.range(group, side), Some((all[0], all[all.len() - 1])));
        }
        assert!(file.filter(group, Item::of(Column::Octets)).expect("readable").is_none());
        let octets = || batches().flat_map(|batch| &batch.octets).copied();
        let range =
            octets().min().zip(octets().max()).map(|(least, most)| (least.into(), most.into()));
        assert_eq!(file.range(group, Item::of(Column::Octets)), range);
        assert_eq!(file.range(group, Item::of(Column::SourceProfile)), None);
        assert_eq!(file.range(group, Item::Received), Some((NOW.into(), NOW.into())));
    }
}
