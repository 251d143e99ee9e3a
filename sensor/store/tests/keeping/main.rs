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
fn what_expires_out_of_turn_is_not_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let retention = Retention { age: Some(HOUR), ..Retention::default() };
    let (mut appender, mut keeper, _) =
        store::open(folder.path(), Options { retention, ..SMALL }).expect("a store");
    // The clock is set back for a while: the second file is older than the first, which stays.
    for (first, now) in [(1, NOW), (101, NOW - 2 * HOUR), (201, NOW)] {
        appender.append(&numbered(first, 100), now).expect("stored");
        appender.tick(now + 10_000).expect("synced");
    }
    let work = keeper.work(NOW);
    assert_eq!((work.expired, work.errors.len()), (1, 0), "{:?}", work.errors);
    let expected: Vec<u64> = (1..=100).chain(201..=300).collect();
    assert_eq!(numbers(folder.path()).expect("readable"), expected);
    let missing = || Library::open(folder.path())?.holdings(0, u64::MAX).map(|own| own.gaps);
    assert_eq!(missing().expect("readable"), []);
    assert_eq!(appender.watched().figures().0.missing, 0);
    drop((appender, keeper));
    assert_eq!(open(folder.path()).2.missing, 0);
    // It is the note that says so.
    std::fs::remove_file(folder.path().join("expired")).expect("a note");
    assert_eq!(missing().expect("readable")[0].records(), 100);
}

#[test]
fn numbers_are_not_given_twice_once_all_files_have_expired() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let retention = Retention { age: Some(HOUR), ..Retention::default() };
    let options = Options { retention, ..SMALL };
    let (mut appender, mut keeper, _) = store::open(path, options).expect("a store");
    appender.append(&numbered(1, 100), NOW).expect("stored");
    appender.tick(NOW).expect("synced");
    assert_eq!(keeper.work(NOW + 2 * HOUR).expired, 1);
    drop((appender, keeper));
    let (mut appender, keeper, found) = store::open(path, options).expect("a store");
    assert_eq!((found.sealed, found.journals), (0, 0));
    appender.append(&numbered(101, 1), NOW + 2 * HOUR).expect("stored");
    assert_eq!(numbers(path).expect("readable"), [101]);
    drop((appender, keeper));
    // A journal whose file has expired is not sealed again.
    std::fs::rename(path.join("journal-0000000000000101"), path.join("aside")).expect("moved");
    std::fs::write(path.join("sequence"), "102\n").expect("written");
    std::fs::rename(path.join("aside"), path.join("journal-0000000000000101")).expect("moved");
    let (appender, _, found) = store::open(path, options).expect("a store");
    assert_eq!((found.journals, appender.watched().next()), (0, 102));
    assert_eq!(files(path, "journal-0000000000000101"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_journal_that_somebody_deletes_is_counted_and_holds_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, mut keeper, _) = open(folder.path());
    for first in [1, 101] {
        appender.append(&numbered(first, 100), NOW).expect("stored");
    }
    appender.tick(NOW).expect("synced");
    std::fs::remove_file(folder.path().join("journal-0000000000000001")).expect("deleted");
    let work = keeper.work(NOW);
    assert_eq!((work.sealed, work.damaged, work.errors.len()), (2, 1, 1), "{work:?}");
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!((now.sealed, now.damaged), (100, 100));
    assert!(keeper.work(NOW).errors.is_empty());
}

#[test]
fn what_there_is_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, mut keeper, _) = open(folder.path());
    let watched = appender.watched();
    appender.append(&numbered(1, 60), NOW).expect("stored");
    appender.append(&numbered(61, 60), NOW + 5).expect("stored");
    let (figures, journals) = watched.figures();
    assert_eq!((figures.files, journals.journals, journals.begun), (0, 2, Some(NOW)));
    assert_eq!(journals.octets, appender.octets() + 2 * sensor_store::frame::head().len() as u64);
    keeper.work(NOW);
    let (figures, journals) = watched.figures();
    assert_eq!((figures.files, figures.sealed, figures.oldest), (1, 1, Some(NOW)));
    assert_eq!((journals.journals, journals.begun), (1, Some(NOW + 5)));
    let file = std::fs::metadata(&files(folder.path(), ".parquet")[0]).expect("a file");
    assert_eq!(figures.octets, file.len());
    let octets = |appender: &mut store::Appender, first, rows| {
        let before = appender.octets();
        appender.append(&numbered(first, rows), NOW).expect("stored");
        appender.octets() - before
    };
    let frames = [(121, 1), (122, 2), (124, 10)];
    let frames = frames.map(|(first, rows)| (rows, octets(&mut appender, first, rows)));
    println!("octets of a frame in the journal, by records: {frames:?}");
    // What is to end begins nothing more.
    watched.end();
    appender.close(NOW).expect("synced");
    assert_eq!(keeper.work(NOW).sealed, 0);
}

#[test]
fn a_thousand_files_are_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, mut keeper, _) = open(folder.path());
    for at in 0..1000 {
        appender.append(&numbered(1 + at * 100, 100), NOW + at * 60_000).expect("stored");
    }
    appender.tick(NOW).expect("synced");
    // Nothing is compacted: it is an hour before any of them.
    let work = keeper.work(0);
    assert_eq!((work.sealed, work.compacted), (1000, 0), "{work:?}");
    drop((appender, keeper));
    let begun = std::time::Instant::now();
    let (_, keeper, found) = open(folder.path());
    println!(
        "a store of {} files was opened in {:?}",
        files(folder.path(), ".parquet").len(),
        begun.elapsed()
    );
    assert_eq!(found.sealed, 100_000);
    assert!(keeper.accounts().statement().is_balanced());
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
