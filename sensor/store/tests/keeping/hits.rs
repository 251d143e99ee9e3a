//! Hits beside the records: through rotation, retention, crashes and beside readers.

use std::{fs, path::Path};

use sensor_store::{
    error::Error,
    hits::{
        reader,
        writer::{Expired, HitWriter, Options},
    },
    plan::Retention,
};

use crate::support::{HOUR, NOW, files};

/// A few lines a file.
const SMALL: Options =
    Options { octets: 40, age: HOUR, retention: Retention { age: None, octets: None, free: None } };

fn open(path: &Path) -> HitWriter {
    HitWriter::open(path, SMALL).expect("hits")
}

fn append(hits: &mut HitWriter, count: u64, now: u64) {
    for _ in 0..count {
        let line = format!("{{\"own\":{:06}}}", hits.next());
        hits.append(line.as_bytes(), now).expect("kept");
    }
}

/// What the lines say of themselves.
fn numbers(path: &Path, from: u64, to: u64) -> Vec<u64> {
    let mut all = Vec::new();
    let read = reader::read(path, (from, to), |line| {
        let text = std::str::from_utf8(line).expect("a text");
        let number = text.strip_prefix("{\"own\":").and_then(|rest| rest.strip_suffix('}'));
        all.push(number.expect("a whole line").parse().expect("a number"));
        true
    });
    read.expect("readable");
    all
}

#[test]
fn hits_are_found_wherever_they_are_and_numbers_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let mut hits = open(path);
    append(&mut hits, 10, NOW);
    hits.sync().expect("synced");
    // Two lines of 15 octets have room in a file.
    assert_eq!(files(path, ".ndjson.zst").len(), 4);
    assert_eq!(numbers(path, 0, u64::MAX), (1..=10).collect::<Vec<_>>());
    let refused = HitWriter::open(path, SMALL).expect_err("locked");
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    drop(hits);

    // What was appended last came by then.
    let under_way = fs::File::options().append(true).open(&files(path, ".ndjson")[0]);
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_millis(NOW + 5);
    under_way.and_then(|file| file.set_modified(then)).expect("a time");
    let mut hits = open(path);
    append(&mut hits, 1, NOW + 2 * HOUR);
    // What is old is compressed although nothing comes.
    hits.tick(NOW + 3 * HOUR).expect("done");
    assert_eq!(files(path, ".ndjson"), Vec::<std::path::PathBuf>::new());
    assert_eq!(numbers(path, 0, u64::MAX), (1..=11).collect::<Vec<_>>());
    assert_eq!(numbers(path, NOW + HOUR, u64::MAX), [11]);
    assert_eq!(numbers(path, 0, NOW + HOUR), (1..=10).collect::<Vec<_>>());
    // Until no more are wanted.
    let mut seen = 0;
    let read = reader::read(path, (0, u64::MAX), |_| {
        seen += 1;
        seen < 3
    });
    read.expect("readable");
    assert_eq!(seen, 3);
}

#[test]
fn a_crash_costs_a_line_that_was_not_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let mut hits = open(path);
    append(&mut hits, 4, NOW);
    drop(hits);
    let under_way = files(path, ".ndjson")[0].clone();
    let text = fs::read(&under_way).expect("a file");
    assert_eq!(text.len(), 30);
    for cut in [29, 20, 15, 14, 0] {
        fs::write(&under_way, &text[..cut]).expect("written");
        // Whoever reads meanwhile sees whole lines.
        let whole = (2 + cut / 15) as u64;
        assert_eq!(numbers(path, 0, u64::MAX), (1..=whole).collect::<Vec<_>>(), "cut at {cut}");
        let mut hits = open(path);
        assert_eq!(hits.next(), whole + 1);
        append(&mut hits, 1, NOW);
        drop(hits);
        assert_eq!(numbers(path, 0, u64::MAX), (1..=whole + 1).collect::<Vec<_>>());
        for file in files(path, ".ndjson") {
            fs::remove_file(file).expect("deleted");
        }
    }
    // Killed between the compressed file and the deletion of what it was made of, or while that was being written.
    fs::write(path.join("hits/x.tmp"), "half").expect("written");
    fs::write(path.join("hits/hits-0000000000000001-1796080000000.ndjson"), &text)
        .expect("written");
    let hits = open(path);
    assert_eq!(hits.next(), 3);
    assert_eq!(numbers(path, 0, u64::MAX), [1, 2]);
    assert_eq!(files(path, ".tmp"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_oldest_hits_expire_and_numbers_are_not_given_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let retention = Retention { age: Some(2 * HOUR), ..Retention::default() };
    let mut hits = HitWriter::open(path, Options { retention, ..SMALL }).expect("hits");
    for hour in 0..4 {
        append(&mut hits, 2, NOW + hour * HOUR);
    }
    hits.tick(NOW + 4 * HOUR).expect("done");
    assert_eq!(numbers(path, 0, u64::MAX), (5..=8).collect::<Vec<_>>());
    let Expired { files: count, hits: expired, octets } = hits.take_expired();
    assert_eq!((count, expired), (2, 4));
    assert!(octets > 0);
    assert_eq!(hits.take_expired(), Expired::default());
    // All of them.
    hits.tick(NOW + 9 * HOUR).expect("done");
    assert_eq!(numbers(path, 0, u64::MAX), Vec::<u64>::new());
    drop(hits);
    assert_eq!(open(path).next(), 9);
}
