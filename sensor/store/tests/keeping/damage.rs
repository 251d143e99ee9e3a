//! Damaged files: found out, told with their names, put aside and accounted for.

use std::fs;

use sensor_store::{
    aside,
    cells::Groups as _,
    error::Error,
    folder::Folder,
    journal::reader::{End, Journal},
    library::Library,
    segment::reader::Segment,
};

use crate::support::{HOUR, NOW, files, numbered, numbers, open, up_to};

/// Flips a bit, and looks at the octets with `look`.
fn flipped(octets: &[u8], at: usize, look: impl FnOnce(&std::path::Path)) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flipped");
    let mut own = octets.to_vec();
    own[at] ^= 1 << (at % 8);
    fs::write(&path, own).expect("written");
    look(&path);
}

#[test]
fn a_flipped_bit_in_a_journal_ends_it_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, _keeper, _) = open(folder.path());
    let path = folder.path().join("journal-0000000000000001");
    let mut lengths = vec![];
    for first in [1, 6, 11] {
        appender.append(&numbered(first, 5), NOW).expect("stored");
        lengths.push(fs::metadata(&path).expect("a journal").len() as usize);
    }
    let octets = fs::read(&path).expect("a journal");
    for at in (lengths[0]..octets.len()).step_by(3) {
        let whole = lengths.iter().filter(|length| **length <= at).count() as u64;
        flipped(&octets, at, |path| {
            let journal = Journal::open(path, 0).expect("a journal");
            assert_eq!(journal.rows(), whole * 5, "a bit of octet {at}");
            assert_ne!(journal.end(), End::Whole);
        });
    }
    // In the head nothing can be trusted any more.
    for at in 0..60 {
        flipped(&octets, at, |path| match Journal::open(path, 0) {
            Ok(journal) => assert_eq!((journal.rows(), journal.end()), (0, End::Cut), "octet {at}"),
            Err(error) => assert!(error.to_string().contains("flipped"), "{error}"),
        });
    }
}

#[test]
fn a_flipped_bit_in_a_page_is_told_with_file_group_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut appender, mut keeper, _) = open(folder.path());
    appender.append(&numbered(1, 100), NOW).expect("stored");
    appender.tick(NOW).expect("synced");
    keeper.work(NOW);
    let path = &files(folder.path(), ".parquet")[0];
    let octets = fs::read(path).expect("a file");
    let (mut found, mut unseen) = (0, 0);
    let whole = Segment::open(path).expect("a file");
    let group = whole.groups()[0].clone();
    for at in 4..octets.len() {
        flipped(&octets, at, |path| {
            let result = Segment::open(path).and_then(|own| own.verify().map(|()| own));
            match result {
                Ok(own) => {
                    // Filters, statistics and texts for people have no checksum; rows do.
                    unseen += 1;
                    assert_eq!(own.groups()[0].rows, group.rows);
                }
                Err(error) => {
                    found += 1;
                    let text = error.to_string();
                    assert!(text.contains("flipped"), "{text}");
                    if let Error::Group { group, column, .. } = error {
                        assert_eq!(group, 0);
                        assert!(text.contains("row group 0") && text.contains(column), "{text}");
                    }
                }
            }
        });
    }
    assert!(found > 1000, "{found} of {}", found + unseen);
}

#[test]
fn a_damaged_file_is_put_aside_and_accounted_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (mut appender, mut keeper, _) = open(path);
    for first in [1, 31, 61, 91] {
        appender.append(&numbered(first, 30), NOW).expect("stored");
        appender.tick(NOW + 10_000).expect("synced");
    }
    keeper.work(NOW);
    let damaged = &files(path, ".parquet")[1];
    let mut octets = fs::read(damaged).expect("a file");
    // In the first page.
    octets[60] ^= 0x10;
    fs::write(damaged, octets).expect("written");
    let work = keeper.work(NOW + HOUR);
    assert_eq!(work.errors.len(), 1, "{:?}", work.errors);
    assert!(work.errors[0].is_damage(), "{:?}", work.errors);
    assert_eq!(work.compacted, 2);
    assert_eq!(files(path, ".damaged").len(), 1);
    let left: Vec<u64> =
        up_to(120).into_iter().filter(|number| !(31..=60).contains(number)).collect();
    assert_eq!(numbers(path).expect("readable"), left);
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!((now.sealed, now.damaged, now.failures), (90, 30, 1));
    // What it had is missing, for whoever watches the store, reads it, or opens it again.
    assert_eq!(appender.watched().figures().0.missing, 30);
    let gaps =
        Library::open(path).and_then(|own| own.holdings(0, u64::MAX)).expect("readable").gaps;
    assert_eq!(gaps.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>(), [(31, 60)]);
    let [own] = &aside::all(&Folder::new(path)).expect("readable")[..] else { panic!("not one") };
    assert_eq!((own.records, own.unknown), (30, 0));
    drop((appender, keeper));
    assert_eq!(open(path).2.missing, 30);
}

#[test]
fn a_journal_that_is_damaged_before_it_is_sealed_keeps_what_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (mut appender, mut keeper, _) = open(path);
    let journal = path.join("journal-0000000000000001");
    appender.append(&numbered(1, 40), NOW).expect("stored");
    let at = fs::metadata(&journal).expect("a journal").len() as usize;
    appender.append(&numbered(41, 60), NOW).expect("stored");
    appender.tick(NOW).expect("synced");
    let mut octets = fs::read(&journal).expect("a journal");
    octets[at + 50] ^= 1;
    fs::write(&journal, octets).expect("written");
    assert_eq!(keeper.work(NOW).sealed, 1);
    assert_eq!(numbers(path).expect("readable"), up_to(40));
    assert_eq!(files(path, ".damaged").len(), 1);
    let now = keeper.accounts().statement();
    assert!(now.is_balanced(), "{now:?}");
    assert_eq!((now.sealed, now.journaled, now.damaged), (40, 0, 60));
    // What is known of it are the records before the damage.
    let [own] = &aside::all(&Folder::new(path)).expect("readable")[..] else { panic!("not one") };
    assert_eq!((own.records, own.unknown), (40, own.octets - at as u64));
    // A store that is opened again does not stumble over it.
    drop((appender, keeper));
    let (_, _, found) = open(path);
    assert_eq!((found.sealed, found.journals), (40, 0));
}
