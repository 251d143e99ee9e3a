//! A full disk costs the records that find no room, and these are counted; when there is room again, the store goes on by itself.

use std::path::Path;

use sensor_core::flow::batch::FlowBatch;
use sensor_store::{
    accounts::Shed,
    cells::{Groups, read},
    documents::tables::Tables,
    journal::Sync,
    layout::Item,
    library::Library,
    plan::Retention,
    store::{self, Options},
    testing::Traffic,
};
use tests::disk::SmallDisk;

const NOW: u64 = 1_796_080_000_000;
const ROWS: u64 = 500;
const OPTIONS: Options = Options {
    segment_rows: 5 * ROWS,
    segment_age: 300_000,
    sync: Sync::Every(1000),
    retention: Retention { age: None, octets: None, free: None },
};

/// Records that say a number of their own in place of octets: `first` and so on.
fn numbered(first: u64) -> FlowBatch {
    let [mut batch, _] = Traffic::new(first).batches(2 * ROWS as usize);
    batch.keep(&(0..ROWS as usize).collect::<Vec<_>>());
    batch.octets = (first..first + ROWS).collect();
    batch
}

/// What all records say of themselves, and their numbers in the store.
fn found(path: &Path) -> (Vec<u64>, Vec<u64>) {
    fn take(groups: &impl Groups, own: &mut Vec<u64>, numbers: &mut Vec<u64>) {
        for group in 0..groups.groups().len() {
            let records = read(groups, group, Item::all(), &Tables::default()).expect("readable");
            own.extend(&records.batch.octets);
            numbers.extend(records.sequence);
        }
    }
    let library = Library::open(path).expect("a store");
    let holdings = library.holdings(0, u64::MAX).expect("readable");
    let (mut own, mut numbers) = (Vec::new(), Vec::new());
    for name in &holdings.segments {
        take(&library.segment(name).expect("a file"), &mut own, &mut numbers);
    }
    holdings.journals.iter().for_each(|journal| take(journal, &mut own, &mut numbers));
    own.sort_unstable();
    numbers.sort_unstable();
    (own, numbers)
}

#[test]
fn what_finds_no_room_is_counted_and_the_store_goes_on() {
    if !tests::root("a full disk") {
        return;
    }
    let disk = SmallDisk::new("4m").expect("a disk");
    let path = disk.path().join("store");
    let (mut appender, mut keeper, _) = store::open(&path, OPTIONS).expect("a store");
    let mut stored = Vec::new();
    let mut shed = 0;
    let mut next = 1;
    let mut append = |appender: &mut store::Appender, stored: &mut Vec<u64>, shed: &mut u64| {
        let result = appender.append(&numbered(next), NOW);
        match &result {
            Ok(()) => stored.extend(next..next + ROWS),
            Err(error) => {
                assert!(error.is_full(), "{error}");
                *shed += ROWS;
            }
        }
        next += ROWS;
        result.is_ok()
    };
    // Nobody seals: journals alone fill the disk.
    for _ in 0..7 {
        assert!(append(&mut appender, &mut stored, &mut shed));
    }
    disk.fill().expect("full");
    let mut refused = 0;
    while refused < 20 {
        refused += u64::from(!append(&mut appender, &mut stored, &mut shed));
    }
    // Sealing needs room as well: it fails, leaves nothing behind, and is tried again.
    let work = keeper.work(NOW);
    assert_eq!((work.sealed, work.errors.len()), (0, 1), "{work:?}");
    assert!(work.errors[0].is_full(), "{:?}", work.errors);
    assert_eq!(found(&path).0, stored);
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!(now.shed[Shed::DiskFull as usize], shed);
    assert_eq!(now.stored, stored.len() as u64);

    disk.relieve().expect("room");
    for _ in 0..4 {
        assert!(append(&mut appender, &mut stored, &mut shed));
    }
    let work = keeper.work(NOW);
    assert!(work.errors.is_empty() && work.sealed > 0, "{work:?}");
    let (own, numbers) = found(&path);
    assert_eq!(own, stored);
    assert_eq!(numbers, (1..=stored.len() as u64).collect::<Vec<_>>());
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!(now.offered, now.stored + shed);
    assert_eq!(now.failures, 1);
    // The next process finds the same.
    drop((appender, keeper));
    drop(store::open(&path, OPTIONS).expect("a store"));
    assert_eq!(found(&path).0, stored);
}

#[test]
fn what_is_to_stay_free_stays_free() {
    if !tests::root("a full disk") {
        return;
    }
    let disk = SmallDisk::new("8m").expect("a disk");
    let path = disk.path().join("store");
    let retention = Retention { free: Some(4 << 20), ..Retention::default() };
    let options = Options { retention, ..OPTIONS };
    let (mut appender, mut keeper, _) = store::open(&path, options).expect("a store");
    let mut next = 1;
    let mut expired = 0;
    while expired < 10 {
        appender.append(&numbered(next), NOW).expect("stored");
        next += ROWS;
        let work = keeper.work(NOW);
        assert!(work.errors.is_empty(), "{work:?}");
        expired += work.expired;
    }
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!(now.expired, expired as u64 * OPTIONS.segment_rows);
    // The oldest are gone, and none between.
    assert_eq!(found(&path).0, (now.expired + 1..next).collect::<Vec<_>>());
}
