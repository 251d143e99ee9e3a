//! Parquet files through the desk: from disk, out of memory, and from what only gives octets.

use std::{fs::File, io::Read as _};

use super::*;

#[path = "../../../../../wire/src/cloud/columnar/testing.rs"]
mod testing;

use testing::{Writing, parquet};

const HEADING: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";

fn table(ports: std::ops::Range<u16>) -> Vec<u8> {
    let text = HEADING.to_owned() + &ports.map(line).collect::<String>();
    parquet(&text, &Writing { rows: [100, 30], ..Writing::default() })
}

#[test]
fn a_table_is_read_from_wherever_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = table(0..250);
    let file = folder.path().join("a.parquet");
    fs::write(&file, [&whole[..], b"behind its end"].concat()).expect("a file");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&whole).expect("memory");
    let packed = packed.finish().expect("memory");
    let stream = whole.clone();
    let open = move |from: u64| -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(io::Cursor::new(stream[from as usize..].to_vec())))
    };
    let file = Arc::new(File::open(file).expect("a file"));
    let contents = [
        octets(whole.clone()),
        octets(packed),
        Content::File(file, whole.len() as u64),
        Content::Open(Box::new(open)),
    ];
    for (number, content) in contents.into_iter().enumerate() {
        let shown = format!("{content:?}");
        let path = folder.path().join(format!("state-{number}"));
        // Its end says that it is complete, whether it has settled or not.
        let now = run(&path, vec![(object("a.parquet", "1", false), content)]);
        assert_eq!(now.ports, (0..250).collect::<Vec<u16>>(), "{shown}");
        assert_eq!(now.answers, [("a.parquet".to_owned(), done(250, true))], "{shown}");
        assert_eq!((total(&now.report), now.report.objects.read), ((250, 250, 0), 1), "{shown}");
        assert!(now.report.octets > 0, "{shown}");
        let again = run(&path, vec![(object("a.parquet", "1", true), octets(""))]);
        assert_eq!(again.answers, [("a.parquet".to_owned(), Answer::Known)], "{shown}");
    }
}

#[test]
fn a_large_table_is_several_lots_and_read_on_behind_what_was_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let whole = table(0..50_000);
    let objects = || vec![(object("a.parquet", "1", true), octets(whole.clone()))];
    let first = run_as(How { stops: true, ..KEEP }, &path, objects());
    assert!(first.ports.len() >= 16_384 && first.ports.len() < 50_000, "{}", first.ports.len());
    let second = run(&path, objects());
    assert!(second.report.lots >= 2, "{}", second.report.lots);
    let both = [first.ports, second.ports].concat();
    assert!(both == (0..50_000).collect::<Vec<u16>>(), "{} ports", both.len());
}

#[test]
fn what_is_damaged_is_told_once_however_often_it_is_tried() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let mut damaged = table(0..300);
    let middle = damaged.len() * 2 / 5;
    damaged[middle..middle + 600].fill(0xff);
    for attempt in 0..3 {
        let objects = vec![(object("a.parquet", "1", true), octets(damaged.clone()))];
        let now = run(&path, objects);
        let failed = matches!(now.answers[0].1, Answer::Failed(Trouble::Unreadable, _));
        assert!(failed, "{:?}", now.answers);
        let (records, flows, errors) = total(&now.report);
        assert_eq!((records, flows), (flows + errors, now.ports.len() as u64));
        match attempt {
            0 => assert!(records == 300 && (100..=200).contains(&errors), "{errors}"),
            _ => assert_eq!(records, 0, "attempt {attempt}"),
        }
    }
}

#[test]
fn one_that_is_cut_short_has_no_records_until_it_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let whole = table(0..10);
    let read = |version: &str, octets: &[u8]| {
        run(&path, vec![(object("a.parquet", version, true), self::octets(octets))])
    };
    let cut = read("1", &whole[..whole.len() - 20]);
    assert_eq!(total(&cut.report), (0, 0, 0));
    let answer = format!("{:?}", cut.answers);
    assert!(answer.contains("Unreadable") && answer.contains("cut short"), "{answer}");
    assert_eq!(read("2", &whole).ports, (0..10).collect::<Vec<u16>>());
}

#[test]
fn one_that_would_have_to_be_held_in_memory_has_a_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |_| -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(io::Cursor::new("PAR1").chain(io::repeat(0).take(128 << 20))))
    };
    let objects = vec![(object("a.parquet", "1", true), Content::Open(Box::new(open)))];
    let now = run(&folder.path().join("state"), objects);
    let answer = format!("{:?}", now.answers);
    assert!(answer.contains("Unreadable") && answer.contains("more than 128 MiB"), "{answer}");
}
