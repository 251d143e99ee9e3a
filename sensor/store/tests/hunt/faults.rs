//! Questions about stores of which something is missing, damaged, or changed meanwhile; and questions that are stopped or want too much.

use std::path::Path;

use bytes::Bytes;
use parquet::file::metadata::ParquetMetaDataReader;
use sensor_core::{
    flow::{
        batch::{Addresses, FlowBatch},
        fields::Needs,
        testing::{flow, push},
    },
    hunt::{
        Account, Answer, Common, Distinct, Fate, FileFate, Grouping, LimitReached, Metric, Order,
        Page, Partial, Progress, Question, Said, archive::Archive as _, explain, run,
    },
    nql::typed::Typed,
};
use sensor_store::{
    archive::Stored,
    layout::Item,
    names::SegmentName,
    segment::{merge::Merged, reader::Segment, writer::write},
};

use Fate::{Filter, Read, ReadUnasked, Statistics, Time};

use crate::support::{Cut, METRICS, NOW, by, options, query, store};

/// Rows that say their number as their octets, each file behind the other in time.
fn numbered(folder: &Path, files: u64, rows: u64, last: Cut) {
    let batch = |file: u64| {
        let first = file * rows + 1;
        let mut batch = flow(1, NOW, NOW + 5, first);
        for number in first + 1..first + rows {
            push(&mut batch, (number % 50_000) as u16, NOW, NOW + 5, number);
        }
        (batch, NOW + file * 1000)
    };
    let batches: Vec<(FlowBatch, u64)> = (0..files).map(batch).collect();
    let mut cuts = vec![Cut::Sealed; batches.len()];
    if let Some(cut) = cuts.last_mut() {
        *cut = last;
    }
    store(folder, &batches, &cuts);
}

fn page() -> Page {
    let needs = Needs::ALL;
    Page { order: Order::OldestFirst, most: 100_000, after: None, needs, count_all: true }
}

fn all_rows(query: Typed) -> Question {
    Question { query, from: 0, to: u64::MAX, said: Said::Rows(page()) }
}

/// The octets of the rows that are found, and what was read.
fn ask(stored: &Stored, question: &Question, threads: usize) -> (Vec<u64>, Account) {
    let progress = Progress::default();
    let Answer::Rows(mut rows) = run(question, stored, &options(threads), &progress) else {
        panic!("no rows")
    };
    let mut found = Vec::new();
    rows.for_each(|batch, row, place| {
        assert_eq!(batch.octets[row], place.sequence, "a record has the number of another");
        found.push(batch.octets[row]);
    });
    (found, progress.account())
}

fn everything() -> Typed {
    Typed::Constant(true)
}

#[test]
fn a_damaged_group_is_named_and_the_rest_is_answered() {
    for what in ["octets", "time_received", "sequence"] {
        let folder = tempfile::tempdir().expect("a folder");
        numbered(folder.path(), 4, 500, Cut::Goes);
        let stored = Stored::open(folder.path()).expect("a store");
        let damaged = stored.files()[1].name.clone();
        let path = folder.path().join(&damaged);
        let segment = Segment::open(&path).expect("a file");
        let at = segment.places(0, what).expect("a column").end - 1;
        drop(segment);
        let mut octets = std::fs::read(&path).expect("a file");
        octets[at as usize] ^= 0x10;
        std::fs::write(&path, octets).expect("a file");
        for threads in [1, 3] {
            let (found, account) = ask(&stored, &all_rows(everything()), threads);
            let undamaged: Vec<u64> = (1..=500).chain(1001..=2000).collect();
            assert_eq!(found, undamaged, "{what}");
            assert_eq!(account.partial, Some(Partial::Faults));
            assert_eq!(account.faults_in_all, 1, "{:?}", account.faults);
            let fault = &account.faults[0];
            assert!(fault.contains(&damaged) && fault.contains("cannot be read"), "{fault}");
        }
    }
}

#[test]
fn a_damaged_journal_is_named_and_what_stands_before_the_damage_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 4, 500, Cut::Goes);
    let stored = Stored::open(folder.path()).expect("a store");
    let (all, whole) = ask(&stored, &all_rows(everything()), 1);
    assert_eq!(whole.partial, None);
    let name = &stored.files().last().expect("a journal").name;
    assert!(name.starts_with("journal-"), "{name}");
    let path = folder.path().join(name);
    let octets = std::fs::read(&path).expect("a file");
    // In the last frame of it, and in the first, before which there is nothing to answer.
    for at in [octets.len() - 10, 4000] {
        let mut damaged = octets.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).expect("a file");
        let stored = Stored::open(folder.path()).expect("a store");
        let (found, account) = ask(&stored, &all_rows(everything()), 2);
        assert!(found.len() < all.len() && all.starts_with(&found), "{}", found.len());
        assert_eq!(account.partial, Some(Partial::Faults));
        assert_eq!(account.faults_in_all, 1, "{:?}", account.faults);
        let fault = &account.faults[0];
        assert!(fault.contains(name.as_str()) && fault.contains("not what was written"), "{fault}");
    }
}

#[test]
fn a_file_in_a_wrong_place_is_named_and_endangers_none_in_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 4, 50, Cut::Sealed);
    let whole = Stored::open(folder.path()).expect("a store");
    let name = whole.files()[1].name.clone();
    let (own, elsewhere) = (folder.path().join(&name), folder.path().join("2020-01-01/07"));
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    let copy = elsewhere.join(own.file_name().expect("a name"));
    std::fs::copy(&own, &copy).expect("a file");
    for (is_copy, found) in [(true, 200), (false, 150)] {
        if !is_copy {
            std::fs::remove_file(&own).expect("a file");
        }
        // A writer deletes what is in another file as well.
        let options = sensor_store::store::Options::default();
        drop(sensor_store::store::open(folder.path(), options).expect("a writer"));
        assert_eq!((own.exists(), copy.exists()), (is_copy, true));
        let stored = Stored::open(folder.path()).expect("a store");
        let (numbers, account) = ask(&stored, &all_rows(everything()), 2);
        assert_eq!(numbers.len(), found);
        assert_eq!(account.partial, Some(Partial::Faults));
        // Where the copy is all there is, its records are missing in their place.
        assert_eq!(account.faults_in_all, 1 + u64::from(!is_copy), "{:?}", account.faults);
        let named =
            |fault: &String| fault.contains("2020-01-01/07") && fault.contains("its name says");
        assert!(account.faults.iter().any(named), "{:?}", account.faults);
    }
}

#[test]
fn a_pipe_with_the_name_of_a_journal_or_a_file_holds_up_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 2, 50, Cut::Sealed);
    let hour = Path::new(&Stored::open(folder.path()).expect("a store").files()[0].name)
        .parent()
        .map(|hour| folder.path().join(hour))
        .expect("a folder");
    for pipe in [folder.path().join("journal-0000000000000777"), hour.join("7-8-1-2.parquet")] {
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo runs").success());
    }
    let stored = Stored::open(folder.path()).expect("a store");
    let (numbers, account) = ask(&stored, &all_rows(everything()), 1);
    assert_eq!((numbers.len(), account.partial), (100, None));
}

#[test]
fn a_filter_that_contradicts_itself_hides_no_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = |number: u32| 0x0a00_0000 + number * 7919;
    let mut batch = flow(1, NOW, NOW + 5, 1);
    (2..=600).for_each(|number| push(&mut batch, 1, NOW, NOW + 5, number));
    let Addresses::V4 { source, .. } = &mut batch.addresses else { unreachable!() };
    source.iter_mut().zip(0..).for_each(|(own, number)| *own = address(number));
    store(folder.path(), &[(batch, NOW)], &[Cut::Sealed]);
    let stored = Stored::open(folder.path()).expect("a store");
    let path = folder.path().join(&stored.files()[0].name);
    let whole = std::fs::read(&path).expect("a file");
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(whole.clone()));
    let metadata = metadata.expect("metadata");
    let columns = metadata.row_group(0).columns().iter();
    let own = columns.map(|own| (own.column_path().string(), own.bloom_filter_offset()));
    let begin = own.filter_map(|(name, at)| at.filter(|_| name == "srcip")).next();
    let begin = begin.expect("a filter") as usize;
    let header = (begin..).find(|at| whole[*at..].starts_with(&[0; 3])).expect("its end") + 3;
    // A member that nobody knows, so that the header ends two octets later and the blocks begin there; an end too early; another length.
    let hostile: [(usize, &[u8]); 3] =
        [(header - 1, &[0x13, 7, 0]), (begin, &[0]), (begin + 1, &[2])];
    for (at, octets) in hostile {
        let mut file = whole.clone();
        file[at..at + octets.len()].copy_from_slice(octets);
        std::fs::write(&path, file).expect("a file");
        for number in (0..600).step_by(37) {
            let address = std::net::Ipv4Addr::from(address(number));
            let asked = all_rows(query(&format!("srcip == {address}")));
            assert_eq!(ask(&stored, &asked, 1).0, [u64::from(number) + 1], "{at}: {address}");
        }
        // Whoever looks for damage is told.
        let segment = Segment::open(&path).expect("a file");
        let fault = segment.filter(0, Item::Source).expect_err("a fault");
        let text = format!("{fault}: {}", std::error::Error::source(&fault).expect("a cause"));
        assert!(text.contains("srcip") && text.contains("a Bloom filter"), "{text}");
    }
}

#[test]
fn a_file_deleted_from_the_middle_is_missed_and_from_the_front_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 5, 50, Cut::Goes);
    let names: Vec<String> = Stored::open(folder.path())
        .expect("a store")
        .files()
        .iter()
        .map(|own| own.name.clone())
        .collect();
    std::fs::remove_file(folder.path().join(&names[0])).expect("a file");
    let asked = |from, to| {
        let stored = Stored::open(folder.path()).expect("a store");
        let question = Question { from, to, ..all_rows(everything()) };
        ask(&stored, &question, 2)
    };
    let (found, account) = asked(0, u64::MAX);
    assert_eq!((found.len(), account.partial), (200, None));
    std::fs::remove_file(folder.path().join(&names[2])).expect("a file");
    let (found, account) = asked(0, u64::MAX);
    assert_eq!((found.len(), account.partial), (150, Some(Partial::Faults)));
    let [fault] = &account.faults[..] else { panic!("{:?}", account.faults) };
    assert!(
        fault.starts_with("50 records are missing (101 to 150), received between 2026-11-30"),
        "{fault}"
    );
    // Its records came 2 s behind the first, and those beside it a second before and after them: who asks of another time misses nothing.
    for (from, to, partial) in [
        (0, NOW + 1000, None),
        (NOW + 3001, u64::MAX, None),
        (NOW + 1500, NOW + 1600, Some(Partial::Faults)),
    ] {
        assert_eq!(asked(from, to).1.partial, partial, "{from} to {to}");
    }
}

#[test]
fn what_expires_meanwhile_is_no_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 4, 50, Cut::Goes);
    let stored = Stored::open(folder.path()).expect("a store");
    std::fs::remove_file(folder.path().join(&stored.files()[0].name)).expect("a file");
    let (found, account) = ask(&stored, &all_rows(everything()), 2);
    assert_eq!(found, (51..=200).collect::<Vec<_>>());
    assert_eq!((account.partial, account.files_gone, account.faults_in_all), (None, 1, 0));
}

#[test]
fn what_is_compacted_meanwhile_is_found_once() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 4, 50, Cut::Goes);
    let stored = Stored::open(folder.path()).expect("a store");
    let names: Vec<SegmentName> = stored.files()[..3]
        .iter()
        .map(|file| {
            let name = Path::new(&file.name).file_name().expect("a name").to_string_lossy();
            name.parse().expect("the name of a file")
        })
        .collect();
    let open =
        |name: &SegmentName| Segment::open(&folder.path().join(name.path())).expect("a file");
    let merged = Merged::new(names.iter().map(open).collect()).expect("times");
    let whole = SegmentName { last: names[2].last, to: names[2].to, ..names[0] };
    write(&merged, &folder.path().join(whole.path())).expect("a file");
    // One of them is still there, as within the time of grace.
    for name in &names[1..] {
        std::fs::remove_file(folder.path().join(name.path())).expect("a file");
    }
    for threads in [1, 3] {
        let (found, account) = ask(&stored, &all_rows(everything()), threads);
        assert_eq!(found, (1..=200).collect::<Vec<_>>());
        assert_eq!((account.partial, account.files_gone), (None, 0));
        let (found, _) = ask(&stored, &all_rows(query("octets >= 90 && octets < 120")), threads);
        assert_eq!(found, (90..120).collect::<Vec<_>>());
    }
}

#[test]
fn a_stopped_question_is_answered_in_part() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 3, 50, Cut::Sealed);
    let stored = Stored::open(folder.path()).expect("a store");
    let progress = Progress::default();
    progress.cancel();
    let Answer::Rows(rows) = run(&all_rows(everything()), &stored, &options(2), &progress) else {
        panic!("no rows")
    };
    assert_eq!(rows.offered(), 0);
    assert_eq!(progress.account().partial, Some(Partial::Cancelled));
}

#[test]
fn limits_are_errors_that_name_them() {
    let folder = tempfile::tempdir().expect("a folder");
    numbered(folder.path(), 2, 50, Cut::Goes);
    let stored = Stored::open(folder.path()).expect("a store");
    let grouping = |most_groups| Grouping {
        by: by(&["octets"]),
        period: None,
        metrics: vec![Metric::Octets],
        most_groups,
    };
    let ask = |grouping, distinct, threads| {
        let said = Said::Groups(grouping, distinct);
        let question = Question { query: everything(), from: 0, to: u64::MAX, said };
        match run(&question, &stored, &options(threads), &Progress::default()) {
            Answer::Groups(groups) => (groups.check(), groups.total()),
            _ => panic!("no groups"),
        }
    };
    for threads in [1, 2] {
        let (check, total) = ask(grouping(60), Distinct::default(), threads);
        assert_eq!(check, Err(LimitReached::Groups(60)));
        assert_eq!((total.flows(), total.of(Metric::Octets)), (100, Some(5050)));
        let distinct = |most| Distinct { of: by(&["octets"]), most };
        let all = Grouping { by: Vec::new(), ..grouping(10) };
        assert_eq!(ask(all.clone(), distinct(99), threads).0, Err(LimitReached::Distinct(99)));
        assert_eq!(ask(all, distinct(100), threads).0, Ok(()));
        let common = Common {
            queries: vec![everything(), query("octets > 10")],
            by: by(&["octets"]),
            period: None,
            metrics: METRICS.to_vec(),
            most_groups: 60,
        };
        let said = Said::Common(common);
        let question = Question { query: everything(), from: 0, to: u64::MAX, said };
        let answer = run(&question, &stored, &options(threads), &Progress::default());
        assert!(matches!(answer, Answer::Common(Err(LimitReached::Groups(60)))));
    }
}

#[test]
fn only_what_may_match_is_read_and_explained_so() {
    let folder = tempfile::tempdir().expect("a folder");
    // Each file has an address of its own, all between the same two.
    let batch = |file: u32| {
        let mut batch = flow(1, NOW, NOW + 5, u64::from(file) + 1);
        for number in 0..3_u64 {
            push(&mut batch, 1, NOW, NOW + 5, number + 100);
        }
        let Addresses::V4 { source, .. } = &mut batch.addresses else { unreachable!() };
        source.copy_from_slice(&[0x0a00_0001, 0x0a00_ffff, 0x0a00_1000 + file, 0x0a00_1000 + file]);
        (batch, NOW + u64::from(file) * 1000)
    };
    let batches: Vec<_> = (0..4).map(batch).collect();
    store(folder.path(), &batches, &[Cut::Sealed; 4]);
    let stored = Stored::open(folder.path()).expect("a store");
    let fates = |text: &str, from, to| {
        let question = Question { query: query(text), from, to, said: Said::Rows(page()) };
        let explanation = explain(&question, &stored, &options(1));
        let progress = Progress::default();
        run(&question, &stored, &options(2), &progress);
        let account = progress.account();
        let mut fates = Vec::new();
        for file in explanation.files {
            match file.fate {
                FileFate::Time => fates.push(Time),
                FileFate::Opened(pieces) => fates.extend(pieces.iter().map(|(_, fate)| *fate)),
                other => panic!("{other:?}"),
            }
        }
        let count = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count() as u64;
        assert_eq!(account.files_by_time + account.by_time, count(Time));
        assert_eq!(account.by_statistics, count(Statistics));
        assert_eq!(account.by_filter, count(Filter));
        assert_eq!(account.read, count(Read) + count(ReadUnasked));
        assert_eq!(account.read_unasked, count(ReadUnasked));
        assert_eq!(account.octets > 0, account.read > 0);
        fates
    };
    let all = u64::MAX;
    assert_eq!(fates("ip == 10.0.16.2", 0, all), [Filter, Filter, Read, Filter]);
    assert_eq!(fates("srcip == 11.0.0.1", 0, all), [Statistics; 4]);
    assert_eq!(fates("srcip == 10.0.0.0/16", 0, all), [ReadUnasked; 4]);
    assert_eq!(fates("octets == 102", NOW + 1000, NOW + 3000), [Time, Read, Read, Time]);
    assert_eq!(fates("octets < 3", 0, all), [Read, Read, Statistics, Statistics]);

    let question = all_rows(query("ip == 10.0.16.2 && protocol == tcp"));
    let explanation = explain(&question, &stored, &options(1));
    assert_eq!(explanation.filter, ["srcip", "dstip", "protocolint"]);
    assert!(explanation.late.contains(&"octets") && !explanation.late.contains(&"protocolint"));
}
