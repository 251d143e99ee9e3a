//! The store as a sink: what is offered is stored or counted, through stops, reloads, crashes and folders that are gone.

use std::{fs, path::Path};

use sensor_core::flow::{batch::FlowBatch, lot::LotPart, testing};
use sensor_store::{journal::Sync, plan::Retention, store::Options, testing::reading};

use super::*;
use crate::export::set::{Plan, SinkSet};

const QUEUE: u64 = 1 << 20;

fn options(folder: &Path, segment_rows: u64) -> StoreOptions {
    let store = Options {
        segment_rows,
        segment_age: 3_600_000,
        sync: Sync::Every(1000),
        retention: Retention::default(),
    };
    StoreOptions { folder: folder.to_owned(), store }
}

/// Records that say a number of their own in place of octets: `first` and so on.
fn numbered(first: u64, rows: u64) -> Arc<FlowBatch> {
    let mut batch = testing::flow(1, 1000, 1005, first);
    (first + 1..first + rows).for_each(|number| testing::push(&mut batch, 1, 1000, 1005, number));
    Arc::new(batch)
}

/// What all records say of themselves, ascending.
fn found(folder: &Path) -> Vec<u64> {
    let mut all = Vec::new();
    reading::each(folder, |records| all.extend(&records.batch.octets)).expect("readable");
    all.sort_unstable();
    all
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}");
}

#[test]
fn a_stop_stores_all_that_waits_and_the_next_start_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), 100);
    let mut sink = StoreSink::start(&options, QUEUE).expect("started");
    for first in (1..=950).step_by(10) {
        assert!(sink.offer(&numbered(first, 10)));
    }
    sink.stop(Duration::from_secs(60));
    sink.leave();
    let account = sink.account();
    assert!(account.balances());
    assert_eq!((account.sent.flows, account.not_sent.totals.flows), (950, 0));
    assert!(account.message_octets > 950);
    let report = sink.store().expect("it has ended, and is known");
    assert!(report.statement.is_balanced());
    assert_eq!((report.statement.stored, report.trouble), (950, None));
    assert_eq!(found(folder.path()), (1..=950).collect::<Vec<_>>());
    assert!(!sink.offer(&numbered(1000, 1)), "it has ended");

    // What is full is sealed behind its back.
    let sink = StoreSink::start(&options, QUEUE).expect("started again");
    assert!(sink.offer(&numbered(951, 50)));
    until("sealed", || {
        let report = sink.store().expect("a report");
        report.figures.files >= 9 && report.statement.stored == 50
    });
    assert_eq!(sink.join().sent.flows, 50);
    assert_eq!(found(folder.path()), (1..=1000).collect::<Vec<_>>());
}

#[test]
fn a_deadline_that_is_over_costs_what_waits_and_that_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sink = StoreSink::start(&options(folder.path(), 1000), QUEUE).expect("started");
    (0..500).for_each(|at| assert!(sink.offer(&numbered(1 + at * 100, 100))));
    sink.stop(Duration::ZERO);
    sink.leave();
    let account = sink.account();
    assert!(account.balances() && account.queued.flows == 0, "{account:?}");
    assert_eq!(found(folder.path()).len() as u64, account.sent.flows);
}

/// The same records as a part of a lot.
fn of_lot(first: u64, rows: u64, lot: u64) -> Arc<FlowBatch> {
    let mut batch = Arc::unwrap_or_clone(numbered(first, rows));
    let first = first - 1;
    batch.lot =
        Some(Box::new(LotPart { source: "a".into(), lot: (1, lot), v6: false, first, rows }));
    Arc::new(batch)
}

#[test]
fn what_is_read_again_after_a_crash_is_not_stored_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), 1000);
    let lot = [of_lot(1, 10, 7), of_lot(11, 20, 7)];
    let sink = StoreSink::start(&options, QUEUE).expect("started");
    lot.iter().for_each(|batch| assert!(sink.offer(batch)));
    assert_eq!(sink.join().sent.flows, 30);
    // Its state had not moved on: the source reads the lot again, and goes on.
    let sink = StoreSink::start(&options, QUEUE).expect("started");
    lot.iter().chain([&of_lot(31, 5, 7)]).for_each(|batch| assert!(sink.offer(batch)));
    assert_eq!(sink.store().map(|report| report.statement.shed), Some([0; 3]));
    assert_eq!(sink.join().sent.flows, 35, "what it has counts as sent");
    assert_eq!(found(folder.path()), (1..=35).collect::<Vec<_>>());
    // It was killed before it could append what it was about to.
    let journal = folder.path().join("journal-0000000000000031");
    fs::remove_file(journal).expect("deleted");
    let sink = StoreSink::start(&options, QUEUE).expect("started");
    assert!(sink.offer(&of_lot(31, 5, 7)) && sink.offer(&of_lot(36, 5, 7)));
    sink.join();
    assert_eq!(found(folder.path()), (1..=40).collect::<Vec<_>>());
    // Another lot begins anew.
    let sink = StoreSink::start(&options, QUEUE).expect("started");
    assert!(sink.offer(&of_lot(1, 10, 8)));
    assert_eq!(sink.join().sent.flows, 10);
    assert_eq!(found(folder.path()).len(), 50);
}

#[test]
fn one_sensor_writes_to_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), 1000);
    let sink = StoreSink::start(&options, QUEUE).expect("started");
    let refused = StoreSink::start(&options, QUEUE).map(drop).expect_err("taken");
    assert!(refused.to_string().contains("has another writer"), "{refused}");
    drop(sink);
    StoreSink::start(&options, QUEUE).expect("free again");
}

#[test]
fn what_cannot_be_written_is_counted_and_told_until_it_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    let sink = StoreSink::start(&options(&path, 10), QUEUE).expect("started");
    assert!(sink.offer(&numbered(1, 10)));
    let lost = |sink: &StoreSink| sink.account().not_sent.totals.flows;
    until("stored", || sink.account().sent.flows == 10);
    until("sealed", || {
        // The journal is ended by what comes next, or by time.
        sink.store().is_some_and(|report| report.statement.sealed == 10)
    });
    // Somebody takes the folder away.
    fs::rename(&path, folder.path().join("away")).expect("moved");
    assert!(sink.offer(&numbered(11, 10)) && sink.offer(&numbered(21, 10)));
    until("lost", || lost(&sink) == 20);
    let report = sink.store().expect("a report");
    assert_eq!(report.statement.shed, [0, 20, 0]);
    let trouble = report.trouble.expect("trouble");
    assert!(trouble.contains("cannot make ") && trouble.contains("No such file"), "{trouble}");
    fs::rename(folder.path().join("away"), &path).expect("moved back");
    assert!(sink.offer(&numbered(31, 10)));
    until("stored", || sink.account().sent.flows == 20);
    until("over", || sink.store().is_some_and(|report| report.trouble.is_none()));
    assert!(sink.last_error().is_some(), "what went wrong last stays known");
    drop(sink);
    let expected: Vec<u64> = (1..=10).chain(31..=40).collect();
    assert_eq!(found(&path), expected);
}

#[derive(Clone, Debug)]
struct Wanted(StoreOptions);

impl Plan for Wanted {
    fn is_served_by(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn place(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn tuning(&self) -> super::super::sink::Tuning {
        super::super::sink::Tuning { queue: QUEUE, ipfix: None }
    }
}

#[test]
fn a_reload_opens_the_folder_anew_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = |wanted: &Wanted| {
        let sink = StoreSink::start(&wanted.0, QUEUE)?;
        Ok::<_, StartError>(Box::new(sink) as Box<dyn Sink>)
    };
    let set = SinkSet::start(vec![Wanted(options(folder.path(), 50))], start).expect("started");
    let offer = |first| {
        set.read().iter().for_each(|running| assert!(running.sink.offer(&numbered(first, 25))));
    };
    offer(1);
    let prepared = set.prepare(vec![Wanted(options(folder.path(), 500))], start).expect("ready");
    let swapped = set.swap(prepared);
    offer(26);
    set.settle(swapped, Duration::from_secs(60), start).expect("opened anew");
    offer(51);
    // What was counted before goes on, and so does what comes now.
    until("stored", || set.store().is_some_and(|(report, _)| report.statement.stored == 75));
    let (report, not_sent) = set.store().expect("a store");
    assert!(report.statement.is_balanced(), "{report:?}");
    assert_eq!((report.statement.carried, not_sent.flows), (0, 0));
    // Another folder is another store.
    let other = tempfile::tempdir().expect("a folder");
    let wanted = Wanted(options(other.path(), 50));
    let prepared = set.prepare(vec![wanted.clone()], start).expect("ready");
    let swapped = set.swap(prepared);
    set.settle(swapped, Duration::from_secs(60), start).expect("opened");
    assert_eq!(set.store().map(|(report, _)| report.statement.stored), Some(0));
    // And one that comes back has its account again.
    let prepared = set.prepare(vec![Wanted(options(folder.path(), 100))], start).expect("ready");
    let swapped = set.swap(prepared);
    set.settle(swapped, Duration::from_secs(60), start).expect("opened");
    let (report, _) = set.store().expect("a store");
    assert!(report.statement.is_balanced(), "{report:?}");
    assert_eq!(report.statement.stored, 75);
    set.stop(Duration::from_secs(60));
    set.end(false);
    assert_eq!(found(folder.path()), (1..=75).collect::<Vec<_>>());
}
