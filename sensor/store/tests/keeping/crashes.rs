//! The points at which a crash may leave a store: after each, nothing that was sealed or synced is lost, and nothing is there twice.

use std::{fs, path::Path};

use sensor_store::{names::SegmentName, store::Recovered};

use crate::support::{HOUR, NOW, copy, files, numbered, numbers, open, up_to};

/// Opens a store after a crash: what was found, and the numbers of its records, also once all is sealed and compacted.
fn recovered(path: &Path) -> (Recovered, Vec<u64>) {
    let (mut appender, mut keeper, found) = open(path);
    let there = numbers(path).expect("readable");
    let work = keeper.work(NOW + HOUR);
    assert!(work.errors.is_empty(), "{:?}", work.errors);
    keeper.work(NOW + 2 * HOUR);
    assert_eq!(numbers(path).expect("readable"), there);
    assert_eq!(files(path, ".tmp"), Vec::<std::path::PathBuf>::new());
    assert_eq!(files(path, ".damaged"), Vec::<std::path::PathBuf>::new());
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!(now.sealed, there.len() as u64);
    // What comes next gets the number behind them.
    let next = there.last().map_or(1, |last| last + 1);
    appender.append(&numbered(next, 1), NOW).expect("stored");
    let all = numbers(path).expect("readable");
    assert_eq!((all.len(), all.last()), (there.len() + 1, Some(&next)));
    (found, there)
}

#[test]
fn a_journal_that_is_cut_anywhere_has_its_whole_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, keeper, _) = open(folder.path());
    let journal = folder.path().join("journal-0000000000000001");
    let mut lengths = vec![];
    for first in [1, 11, 21] {
        appender.append(&numbered(first, 10), NOW).expect("stored");
        lengths.push(fs::metadata(&journal).expect("a journal").len());
    }
    drop((appender, keeper));
    let octets = fs::read(&journal).expect("a journal");
    let near = |at: &u64| [at - 1, *at, at + 1, at + 7, at + 8, at + 9, at + 40];
    let cuts = lengths.iter().flat_map(near).chain([0, 1, 19, 20, 300, octets.len() as u64]);
    for cut in cuts.filter(|cut| *cut <= octets.len() as u64) {
        let state = tempfile::tempdir().expect("a folder");
        copy(folder.path(), state.path());
        let path = state.path().join("journal-0000000000000001");
        fs::write(path, &octets[..cut as usize]).expect("written");
        let whole = lengths.iter().filter(|length| **length <= cut).count() as u64;
        let (found, there) = recovered(state.path());
        assert_eq!(there, up_to(whole * 10), "cut at {cut}");
        assert_eq!(found.journals, usize::from(whole > 0));
    }
    // A disk that made room for octets which it never got.
    let state = tempfile::tempdir().expect("a folder");
    copy(folder.path(), state.path());
    let mut holes = octets[..lengths[1] as usize].to_vec();
    holes.resize(octets.len() + 5000, 0);
    fs::write(state.path().join("journal-0000000000000001"), holes).expect("written");
    assert_eq!(recovered(state.path()).1, up_to(20));
}

#[test]
fn a_crash_while_sealing_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, mut keeper, _) = open(folder.path());
    for first in [1, 101, 201] {
        appender.append(&numbered(first, 100), NOW).expect("stored");
        appender.tick(NOW).expect("synced");
    }
    let before = tempfile::tempdir().expect("a folder");
    copy(folder.path(), before.path());
    assert_eq!(keeper.work(NOW).sealed, 3);
    drop((appender, keeper));
    let sealed = files(folder.path(), ".parquet");

    // Part of a file, and all of it, but not under its name.
    for part in [0, 100, fs::metadata(&sealed[0]).expect("a file").len() as usize] {
        let state = tempfile::tempdir().expect("a folder");
        copy(before.path(), state.path());
        let name = sealed[0].file_name().expect("a name").to_string_lossy().into_owned();
        let octets = fs::read(&sealed[0]).expect("a file");
        fs::write(state.path().join(name + ".tmp"), &octets[..part]).expect("written");
        let (found, there) = recovered(state.path());
        assert_eq!((found.unfinished, found.journals, found.sealed), (1, 3, 0));
        assert_eq!(there, up_to(300));
    }
    // Under its name, and the journal still there: of the first, of all of them.
    for count in [1, 3] {
        let state = tempfile::tempdir().expect("a folder");
        copy(before.path(), state.path());
        for path in &sealed[..count] {
            let to = state.path().join(path.strip_prefix(folder.path()).expect("inside"));
            fs::create_dir_all(to.parent().expect("an hour")).expect("a folder");
            fs::copy(path, to).expect("a copy");
        }
        let (found, there) = recovered(state.path());
        assert_eq!((found.journals, found.sealed), (3 - count, 100 * count as u64));
        assert_eq!(there, up_to(300));
    }
    // The folder of an hour that has nothing yet.
    let state = tempfile::tempdir().expect("a folder");
    copy(before.path(), state.path());
    fs::create_dir_all(state.path().join("2026-11-30/23")).expect("a folder");
    assert_eq!(recovered(state.path()).1, up_to(300));
}

#[test]
fn a_crash_while_compacting_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, mut keeper, _) = open(folder.path());
    for first in [1, 31, 61] {
        appender.append(&numbered(first, 30), NOW).expect("stored");
        appender.tick(NOW + 10_000).expect("synced");
    }
    keeper.work(NOW);
    assert_eq!(keeper.work(NOW + HOUR).compacted, 3);
    drop((appender, keeper));
    let all = files(folder.path(), ".parquet");
    assert_eq!(all.len(), 4);
    let name = |path: &Path| -> SegmentName {
        path.file_name().expect("a name").to_string_lossy().parse().expect("a file of ours")
    };
    let (merged, inputs): (Vec<_>, Vec<_>) = all.iter().partition(|path| name(path).rows() == 90);
    // Deleted were none, one, two, and all of those that it was made of.
    for deleted in 0..=3 {
        let state = tempfile::tempdir().expect("a folder");
        copy(folder.path(), state.path());
        for path in &inputs[..deleted] {
            fs::remove_file(state.path().join(path.strip_prefix(folder.path()).expect("inside")))
                .expect("deleted");
        }
        assert_eq!(numbers(state.path()).expect("readable"), up_to(90));
        let (found, there) = recovered(state.path());
        assert_eq!((found.superseded, found.sealed), (3 - deleted, 90));
        assert_eq!(there, up_to(90));
    }
    // It was not finished.
    let state = tempfile::tempdir().expect("a folder");
    copy(folder.path(), state.path());
    let own = state.path().join(merged[0].strip_prefix(folder.path()).expect("inside"));
    fs::rename(own, state.path().join("merged.parquet.tmp")).expect("renamed");
    let (found, there) = recovered(state.path());
    assert_eq!((found.unfinished, found.superseded, found.sealed), (1, 0, 90));
    assert_eq!(there, up_to(90));
}
