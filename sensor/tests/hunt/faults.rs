//! What is wrong with a question, and what becomes of one when something is wrong with the store.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use crate::{
    captured,
    support::{Outcome, RECORDS, hunt, sensor, store},
};

#[test]
fn a_faulty_question_is_pointed_at() {
    let made = store();
    let refused = |arguments: &[&str], messages: &[&str]| {
        let outcome = made.hunt(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(64), ""), "{}", outcome.stderr);
        for message in messages {
            assert!(outcome.stderr.contains(message), "{arguments:?}: {}", outcome.stderr);
        }
    };
    refused(&["dstprt == 22"], &["the query has 1 fault", "^^^^^^ did you mean `dstport`?"]);
    refused(
        &["--from", "yesturday"],
        &["--from is no time", "^^^^^^^^^ did you mean `yesterday`?"],
    );
    refused(&["--from", "now", "--to", "-1h"], &["the range is empty"]);
    refused(&["--by", "srcip"], &["--by groups flows: add --top N"]);
    refused(&["--top", "3", "--fields", "srcip"], &["--fields applies to flows"]);
    refused(&["--every", "1m", "--distinct", "srcip"], &["exclude each other"]);
    refused(&["--every", "0s"], &["shorter than a millisecond"]);
    refused(&["--format", "parquet"], &["name one with -o"]);
    refused(&["--top", "3", "-o", "x.parquet"], &["Parquet files have flows, not sums"]);
    refused(&["--labels", "now"], &["name it with --config"]);
    refused(&["--after", "12"], &["not a token"]);
    refused(&["--after", "12.3", "--from", "today"], &["--after is outside the range"]);
    refused(&["--every", "1s", "--from", "-90d", "--to", "now"], &["periods of this range"]);
    let document = made.hunt(&["dstprt == 22", "--json"]);
    assert_eq!((document.code, document.stderr.as_str()), (Some(64), ""));
    assert_eq!(document.document()["diagnostics"][0]["code"], "N201");
}

#[test]
fn a_store_that_is_none_is_told() {
    let outcome = sensor(&["hunt"]);
    assert_eq!(outcome.code, Some(64));
    assert!(
        outcome.stderr.contains("no flow store is named: use --store DIR"),
        "{}",
        outcome.stderr
    );
    let folder = tempfile::tempdir().unwrap();
    let outcome = hunt(&folder.path().join("absent"), &[]);
    assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("there is no flow store"), "{}", outcome.stderr);
    fs::write(folder.path().join("format"), "99\n").unwrap();
    let outcome = hunt(folder.path(), &[]);
    assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("format 99, which is newer"), "{}", outcome.stderr);
}

/// The rest is answered, the damage named, and the exit code says so.
#[test]
fn damage_makes_an_answer_partial() {
    let made = store();
    let segments = made.segments();
    let mut octets = fs::read(&segments[1]).unwrap();
    // Somewhere in the columns: the end of the file, which says where they are, stays whole.
    octets[5000] ^= 0xff;
    fs::write(&segments[1], &octets).unwrap();
    let sum = ["--distinct", "srcip,dstip,srcport,dstport,octets,packets,start"];
    let outcome = made.hunt(&sum);
    assert_eq!(outcome.code, Some(75), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the answer is partial"), "{}", outcome.stderr);
    let name = segments[1].file_name().unwrap().to_str().unwrap();
    assert!(outcome.stderr.contains(name), "{}", outcome.stderr);
    let flows = outcome.lines()[0]["flows"].as_u64().unwrap();
    assert!(0 < flows && flows < RECORDS as u64, "{flows}");
    let document = made.hunt(&[&sum[..], &["--json"]].concat());
    assert_eq!((document.code, document.stderr.as_str()), (Some(75), ""));
    assert_eq!(document.document()["cost"]["partial"], true);
    // `sensor store verify` names the same.
    let store = made.path.to_str().unwrap();
    let verified = sensor(&["store", "verify", "--store", store]);
    assert_eq!(verified.code, Some(75), "{}", verified.stderr);
    assert!(verified.stderr.contains(name), "{}", verified.stderr);
    assert!(verified.stdout.contains("; 1 damaged, with up to "), "{}", verified.stdout);
}

/// A question about standard input that is interrupted.
fn interrupted(arguments: &[&str]) -> Outcome {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(["hunt", "--file", "-", "--as", "exports"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("piped");
    let capture = captured::capture(&vec![captured::netflow5(); 1000]);
    // More than a pipe holds: who has taken this knows what to do about signals.
    let (head, records) = capture.split_at(24);
    input.write_all(head).expect("it reads");
    for _ in 0..4 {
        input.write_all(records).expect("it reads");
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().expect("kill is there");
    assert!(sent.success());
    // Until it does not read any more.
    while input.write_all(records).is_ok() {}
    let outcome: Outcome = child.wait_with_output().expect("it ends").into();
    assert_eq!(outcome.code, Some(75), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the answer is partial: it was stopped"), "{}", outcome.stderr);
    outcome
}

/// What was found is shown, and the exit code says that it is not all.
#[test]
fn an_interrupt_ends_a_question_with_what_was_found() {
    interrupted(&["--distinct", "srcip"]);
}

/// A part of an answer is put beside the file that it was to replace.
#[test]
fn an_interrupted_answer_replaces_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.csv", "x.parquet"] {
        let path = folder.path().join(name);
        let partial = folder.path().join(format!("{name}.partial"));
        fs::write(&path, "the answer of yesterday").unwrap();
        let outcome = interrupted(&["-o", path.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "the answer of yesterday");
        assert!(fs::metadata(&partial).unwrap().len() > 0);
        let told = format!("what was found is in {}", partial.display());
        assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

/// Read and shown in the host's zone, clocks that are set forward included.
#[test]
fn times_are_those_of_a_zone_where_that_is_asked_for() {
    let made = store();
    let local = |arguments: &[&str]| -> Outcome {
        let store = made.path.to_str().expect("a name");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
        command.args(["hunt", "--store", store, "--local"]).args(arguments);
        command.env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
        command.output().expect("the program runs").into()
    };
    let here =
        ["--from", "2026-11-30 01:00:10", "--to", "2026-11-30 01:00:11", "--distinct", "srcip"];
    let there =
        ["--from", "2026-11-30 00:00:10", "--to", "2026-11-30 00:00:11", "--distinct", "srcip"];
    let found = local(&here).well().stdout;
    assert_eq!(found, made.hunt(&there).well().stdout);
    assert!(!found.is_empty());
    let series = local(&["--every", "1m", "--format", "table"]).well().stdout;
    assert!(series.starts_with("TIME (+01:00) "), "{series}");
    assert!(series.contains("\n2026-11-30 01:00:00 "), "{series}");
    let gap = local(&["--from", "2026-03-29 02:30"]);
    assert_eq!(gap.code, Some(64), "{}", gap.stderr);
    assert!(gap.stderr.contains("a time that no clock of this zone shows"), "{}", gap.stderr);
    local(&["--from", "2026-10-25 02:30", "--limit", "1"]).well();
    // A zone that is not known is not another one.
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    let store = made.path.to_str().expect("a name");
    command.args(["hunt", "--store", store, "--local", "--limit", "1"]).env("TZ", "Mars/Olympus");
    let unknown: Outcome = command.output().expect("the program runs").into();
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(64), ""), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("TZ is \"Mars/Olympus\""), "{}", unknown.stderr);
}
