//! What is wrong with a question, and what becomes of one when something is wrong with the store.

use std::fs;

use crate::support::{RECORDS, hunt, sensor, store};

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
    let sum = ["--distinct", "srcip,dstip,srcport,dstport,octets,packets,start,end"];
    let sum = [&sum[..1], &["srcip,dstip,srcport,dstport,octets,packets,start"]].concat();
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
