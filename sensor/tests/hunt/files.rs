//! Answers in files, and questions about files.

use std::fs;

use crate::support::{Flow, RECORDS, sensor, store};

#[test]
fn flows_in_a_parquet_file_are_found_again() {
    let made = store();
    let file = made.path.with_file_name("ssh.parquet");
    let name = file.to_str().unwrap();
    let written = made.hunt(&["dstport == 22", "-o", name, "--limit", "100000"]).well();
    assert_eq!(written.stdout, "");
    let wanted: Vec<&Flow> = made.flows.iter().filter(|flow| flow.ports.1 == 22).collect();
    let question =
        ["--fields", "srcip,dstip,octets,packets", "--format", "csv", "--limit", "100000"];
    let again = sensor(&[&["hunt", "--file", name], &question[..]].concat()).well().stdout;
    assert_eq!(again.lines().count(), 1 + wanted.len());
    let mut expected: Vec<String> = wanted
        .iter()
        .map(|f| format!("{},{},{},{}", f.source, f.destination, f.octets, f.packets))
        .collect();
    let mut found: Vec<String> = again.lines().skip(1).map(str::to_owned).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    // The time of receipt is kept.
    let last = wanted.last().unwrap().received;
    let count = wanted.iter().filter(|flow| flow.received == last).count();
    let from = last.to_string();
    let outcome = sensor(&["hunt", "--file", name, "--from", &from, "--distinct", "srcip"]).well();
    assert_eq!(outcome.lines()[0]["flows"].as_u64(), Some(count as u64));
    let left = fs::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(left, 2, "nothing but the store and the file");
}

#[test]
fn files_of_text_are_whole() {
    let made = store();
    let file = made.path.with_file_name("top.csv");
    made.hunt(&["--top", "5", "--by", "dstport", "-o", file.to_str().unwrap()]).well();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("dstport,octets,packets,flows\n"), "{text}");
    assert_eq!(text.lines().count(), 6);
}

#[test]
fn segments_by_themselves_are_read_without_a_store() {
    let made = store();
    let segments = made.segments();
    let mut arguments = vec!["hunt", "--distinct", "srcip"];
    for segment in &segments {
        arguments.extend(["--file", segment.to_str().unwrap()]);
    }
    let sealed = sensor(&arguments).well().lines()[0]["flows"].as_u64().unwrap();
    assert!(sealed > RECORDS as u64 / 2 && sealed < RECORDS as u64, "{sealed}");
}
