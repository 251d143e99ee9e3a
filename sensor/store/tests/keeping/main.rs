//! What a store keeps: through rolling, sealing, compaction and retention, through crashes at every point, and beside readers.

mod crashes;
mod damage;
mod hits;
mod killed;
mod support;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use sensor_store::{
    error::Error,
    library::Library,
    plan::Retention,
    store::{self, Options},
};
use support::{HOUR, NOW, SMALL, files, numbered, numbers, open, up_to};

#[test]
fn records_are_found_wherever_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (mut appender, mut keeper, found) = open(path);
    assert_eq!(found, store::Recovered::default());
    for first in (1..=350).step_by(10) {
        appender.append(&numbered(first, 10), NOW).expect("stored");
    }
    // Three journals are full, one is not.
    assert_eq!(numbers(path).expect("readable"), up_to(350));
    let work = keeper.work(NOW);
    assert_eq!((work.sealed, work.errors.len()), (3, 0));
    assert_eq!(numbers(path).expect("readable"), up_to(350));
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!((now.offered, now.sealed, now.journaled), (350, 300, 50));

    // The last is sealed when it is old enough, also by a clock that was set back.
    appender.tick(NOW + 9_999).expect("synced");
    assert_eq!(keeper.work(NOW).sealed, 0);
    appender.tick(NOW - 10_000).expect("synced");
    assert_eq!(keeper.work(NOW).sealed, 1);
    assert_eq!(numbers(path).expect("readable"), up_to(350));
    assert_eq!(files(path, "journal-0000000000000301"), Vec::<std::path::PathBuf>::new());

    // Numbers go on behind those that are there.
    drop((appender, keeper));
    let (mut appender, keeper, found) = open(path);
    assert_eq!((found.sealed, found.journals), (350, 0));
    appender.append(&numbered(351, 5), NOW - 5 * HOUR).expect("stored");
    appender.close(NOW).expect("synced");
    assert_eq!(numbers(path).expect("readable"), up_to(355));
    assert!(keeper.accounts().statement().is_balanced());
    drop(keeper);
    let (_, _, found) = open(path);
    assert_eq!((found.sealed, found.journals, found.journaled), (350, 1, 5));
}

#[test]
fn readers_find_what_was_received_in_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, mut keeper, _) = open(folder.path());
    for hour in 0..4 {
        appender.append(&numbered(1 + hour * 100, 100), NOW + hour * HOUR).expect("stored");
    }
    keeper.work(NOW);
    let library = Library::open(folder.path()).expect("a store");
    let found = |from, to| {
        let own = library.holdings(from, to).expect("readable");
        (own.segments.iter().map(|own| own.first).collect::<Vec<_>>(), own.journals.len())
    };
    assert_eq!(found(NOW, NOW + 1), (vec![1], 0));
    assert_eq!(found(NOW + 1, NOW + HOUR), (vec![], 0));
    assert_eq!(found(NOW + 1, NOW + 2 * HOUR + 1), (vec![101, 201], 0));
    assert_eq!(found(NOW + 3 * HOUR, u64::MAX), (vec![], 1));
    assert_eq!(found(0, NOW), (vec![], 0));
}

#[test]
fn one_process_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let held = open(folder.path());
    let refused = store::open(folder.path(), SMALL).expect_err("locked");
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("another writer"), "{refused}");
    // Whoever reads is not in the way.
    assert_eq!(numbers(folder.path()).expect("readable"), up_to(0));
    drop(held);
    open(folder.path());
}

#[test]
fn what_a_later_version_wrote_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    std::fs::write(folder.path().join("format"), "2\n").expect("written");
    std::fs::write(folder.path().join("x.tmp"), "").expect("written");
    let refused = store::open(folder.path(), SMALL).expect_err("newer");
    assert!(matches!(refused, Error::Newer { .. }), "{refused}");
    assert!(refused.to_string().contains("format 2"), "{refused}");
    assert!(folder.path().join("x.tmp").exists());
    assert!(matches!(Library::open(folder.path()), Err(Error::Newer { .. })));
}

#[test]
fn small_files_become_large_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (mut appender, mut keeper, _) = open(path);
    for at in 0..10 {
        appender.append(&numbered(1 + at * 30, 30), NOW - at).expect("stored");
        appender.tick(NOW + 10_000 * (at + 1)).expect("synced");
        let time = NOW + 10_000 * (at + 1);
        appender.tick(time + 10_000).expect("synced");
    }
    assert_eq!(keeper.work(NOW).sealed, 10);
    assert_eq!(files(path, ".parquet").len(), 10);
    // The hour is not over: nothing is made of them.
    assert_eq!(keeper.work(NOW).compacted, 0);
    let work = keeper.work(NOW + HOUR);
    assert_eq!((work.compacted, work.errors.len()), (9, 0));
    // Those that were made into others stay for a while, and are not read.
    assert_eq!(files(path, ".parquet").len(), 13);
    assert_eq!(numbers(path).expect("readable"), up_to(300));
    keeper.work(NOW + HOUR + 60_000);
    assert_eq!(files(path, ".parquet").len(), 4);
    assert_eq!(numbers(path).expect("readable"), up_to(300));
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!(now.sealed, 300);
}

#[test]
fn files_expire_oldest_first_and_are_accounted_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let retention = Retention { age: Some(2 * HOUR), ..Retention::default() };
    let options = Options { retention, ..SMALL };
    let (mut appender, mut keeper, _) = store::open(path, options).expect("a store");
    for hour in 0..5 {
        appender.append(&numbered(1 + hour * 100, 100), NOW + hour * HOUR).expect("stored");
        appender.tick(NOW + hour * HOUR).expect("synced");
    }
    let work = keeper.work(NOW + 4 * HOUR);
    assert_eq!((work.sealed, work.expired), (5, 2));
    assert_eq!(numbers(path).expect("readable"), (201..=500).collect::<Vec<_>>());
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!((now.sealed, now.expired), (300, 200));
    // Folders of hours that have nothing any more are gone.
    let left = files(path, ".parquet");
    let hours =
        std::fs::read_dir(left[0].ancestors().nth(2).expect("a day")).expect("a day").count();
    assert!(hours <= 3, "{hours}");
    // With all that there was expired, numbers begin anew only for whoever has nothing.
    keeper.work(NOW + 9 * HOUR);
    assert_eq!(numbers(path).expect("readable"), up_to(0));
    appender.append(&numbered(501, 1), NOW + 9 * HOUR).expect("stored");
    assert_eq!(numbers(path).expect("readable"), [501]);
}

#[test]
fn whoever_reads_meanwhile_finds_each_record_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (mut appender, mut keeper, _) = open(path);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut before) = (0, 0);
            while !done.load(Relaxed) || reads == 0 {
                match numbers(path) {
                    Ok(found) => {
                        assert_eq!(found, up_to(found.len() as u64));
                        assert!(found.len() >= before);
                        before = found.len();
                        reads += 1;
                    }
                    // Its time as a file of its own was over.
                    Err(error) if error.is_gone() => {}
                    Err(error) => panic!("{error}"),
                }
            }
            reads
        });
        for at in 0..150 {
            let now = NOW + at * 400_000;
            appender.append(&numbered(1 + at * 10, 10), now).expect("stored");
            appender.tick(now).expect("synced");
            let work = keeper.work(now);
            assert!(work.errors.is_empty(), "{:?}", work.errors);
        }
        done.store(true, Relaxed);
        assert!(reader.join().expect("a reader") > 0);
    });
    assert_eq!(numbers(path).expect("readable"), up_to(1500));
    assert!(keeper.accounts().statement().is_balanced());
}
