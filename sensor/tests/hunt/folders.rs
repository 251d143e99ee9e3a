//! `sensor store`: status, verify, compact.

use sensor_store::{
    names::SegmentName,
    store::{self, Options},
};

use crate::support::{RECORDS, sensor, store};

#[test]
fn the_status_counts_every_record() {
    let made = store();
    let path = made.path.to_str().unwrap();
    let status = sensor(&["store", "status", "--store", path, "--json"]).well().document();
    let number = |path: &str| status.pointer(path).and_then(serde_json::Value::as_u64);
    assert_eq!(number("/records"), Some(RECORDS as u64));
    let (sealed, journaled) = (number("/segments/records"), number("/journals/records"));
    assert_eq!(sealed.zip(journaled).map(|(a, b)| a + b), Some(RECORDS as u64));
    assert!(sealed > Some(0) && journaled > Some(0), "{status}");
    assert_eq!(number("/segments/files"), Some(made.segments().len() as u64));
    assert_eq!(number("/days/0/records"), sealed);
    assert_eq!(status["days"][0]["day"], "2026-11-30");
    assert_eq!(number("/first_ms"), made.flows.first().map(|flow| flow.received));
    assert_eq!(number("/last_ms"), made.flows.last().map(|flow| flow.received));
    assert_eq!(status["writer"], false);
    let columns = status["columns"].as_array().unwrap();
    let octets: u64 = columns.iter().filter_map(|column| column["octets"].as_u64()).sum();
    assert!(0 < octets && octets < number("/segments/octets").unwrap());
    let text = sensor(&["store", "status", "--store", path]).well().stdout;
    assert!(text.contains("nobody writes there now") && text.contains("\nDAY "), "{text}");
}

#[test]
fn a_sound_store_is_verified_whole() {
    let made = store();
    let path = made.path.to_str().unwrap();
    let verified = sensor(&["store", "verify", "--store", path]).well();
    assert!(
        verified.stdout.ends_with(" files, 12.0 k records read; no damage\n"),
        "{}",
        verified.stdout
    );
}

#[test]
fn a_deleted_segment_and_one_that_was_put_aside_are_missed_and_counted() {
    let made = store();
    let path = made.path.to_str().unwrap();
    let segments = made.segments();
    std::fs::remove_file(&segments[1]).unwrap();
    let aside = format!("{}.damaged", segments[2].display());
    std::fs::rename(&segments[2], &aside).unwrap();
    let rows = |at: usize| {
        let name = segments[at].file_name().unwrap().to_str().unwrap();
        name.parse::<SegmentName>().unwrap().rows()
    };
    let missing = rows(1) + rows(2);
    let status = sensor(&["store", "status", "--store", path, "--json"]).well().document();
    assert_eq!(status["missing"].as_u64(), Some(missing));
    assert_eq!(status["damaged"]["records"].as_u64(), Some(rows(2)));
    assert_eq!(status["damaged_unknown_octets"], 0);
    let told = |text: &str| assert!(text.contains("records are missing ("), "{text}");
    told(&status["diagnostics"].to_string());
    let verified = sensor(&["store", "verify", "--store", path]);
    assert_eq!(verified.code, Some(75), "{}", verified.stderr);
    told(&verified.stderr);
    assert!(verified.stdout.contains(" are missing between others\n"), "{}", verified.stdout);
    let hunted = made.hunt(&["--distinct", "srcip"]);
    assert_eq!(hunted.code, Some(75), "{}", hunted.stderr);
    told(&hunted.stderr);
    assert_eq!(hunted.lines()[0]["flows"].as_u64(), Some(RECORDS as u64 - missing));
    let explained = made.hunt(&["--explain", "--json"]).well().document();
    let files = explained["files"].as_array().unwrap();
    assert!(files.iter().any(|file| file["fate"] == "unreadable"), "{explained}");
    // A journal that was put aside, with a frame that is not what was written: what stands before it is known.
    let mut journal = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let journal = journal.find(|path| path.to_string_lossy().contains("journal-")).unwrap();
    let mut octets = std::fs::read(&journal).unwrap();
    let end = octets.len() - 1;
    octets[end] ^= 1;
    std::fs::write(format!("{}.damaged", journal.display()), octets).unwrap();
    std::fs::remove_file(&journal).unwrap();
    let status = sensor(&["store", "status", "--store", path, "--json"]).well().document();
    let known = status["damaged"]["records"].as_u64().unwrap() - rows(2);
    assert!(known > 0, "{status}");
    assert!(status["damaged_unknown_octets"].as_u64() > Some(0), "{status}");
    let text = sensor(&["store", "status", "--store", path]).well().stdout;
    assert!(text.contains("B of them have an unknown number of records\n"), "{text}");
}

#[test]
fn one_file_is_counted_as_one() {
    let made = store();
    let path = made.path.to_str().unwrap();
    sensor(&["store", "compact", "--store", path]).well();
    let verified = sensor(&["store", "verify", "--store", path]).well().stdout;
    assert_eq!(verified, "1 file, 12.0 k records read; no damage\n");
}

#[test]
fn compaction_makes_few_files_and_loses_nothing() {
    let made = store();
    let path = made.path.to_str().unwrap();
    let before = made.segments().len();
    let rows = made.hunt(&["dstport == 443", "--limit", "5000"]).well().stdout;
    // Where a sensor writes, nobody else does.
    let writer = store::open(&made.path, Options::default()).unwrap();
    let refused = sensor(&["store", "compact", "--store", path]);
    assert_eq!(refused.code, Some(64), "{}", refused.stderr);
    assert!(refused.stderr.contains("has another writer"), "{}", refused.stderr);
    let status = sensor(&["store", "status", "--store", path, "--json"]).well().document();
    assert_eq!(status["writer"], true);
    drop(writer);
    let done = sensor(&["store", "compact", "--store", path, "--json"]).well().document();
    assert_eq!(done["sealed"], 1);
    assert_eq!(done["compacted"].as_u64(), Some(before as u64 + 1), "{done}");
    assert_eq!(done["after"]["files"], 1);
    assert_eq!(made.segments().len(), 1);
    assert_eq!(made.hunt(&["dstport == 443", "--limit", "5000"]).well().stdout, rows);
    let again = sensor(&["store", "compact", "--store", path, "--json"]).well().document();
    assert_eq!((again["sealed"].as_u64(), again["compacted"].as_u64()), (Some(0), Some(0)));
}

#[test]
fn a_folder_without_a_store_is_none_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for verb in [&["hunt"][..], &["store", "status"], &["store", "verify"], &["store", "compact"]] {
        let told = sensor(&[verb, &["--store", path]].concat());
        assert_ne!(told.code, Some(0), "{verb:?}");
        assert!(told.stderr.contains("is no flow store"), "{verb:?}: {}", told.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
