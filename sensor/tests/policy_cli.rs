//! `sensor policy` as a user types it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const GOOD: &str = "[[policy]]\nname = 'scan'\nmatch = 'tcpflags.syn == true'\ntrack_by = [['srcip']]\n\
    window = '60s'\nseverity = { low = 'distinct(dstport) >= 3' }\n";
const BAD: &str = "[[policy]]\nname = 'a'\nmatch = 'dstprt == 1'\n\n[[policy]]\nname = 'scan'\nmatch = ''\n\n\
    [[policy]]\nname = 'b'\nmatch = ''\nwindow = '3s'\nseverity = { low = 'total(bits) > 1' }\n";

fn sensor_policy(arguments: &[&str], directory: &Path) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .arg("policy")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("it can be written");
    }
    directory
}

#[test]
fn check_tells_every_fault_of_every_file() {
    let files = directory(&[("a.toml", GOOD), ("b.toml", BAD)]);
    let (code, out, error) = sensor_policy(&["check", "."], files.path());
    assert_eq!((code, out.as_str()), (Some(64), ""), "{error}");
    assert!(error.starts_with("sensor: the policies have 4 faults\n"), "{error}");
    for part in [
        "b.toml:3:10",
        "did you mean `dstport`?",
        "b.toml:6:9",
        "a.toml:1",
        "b.toml:12:10",
        "b.toml:13:21",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let files = directory(&[("a.toml", GOOD)]);
    assert_eq!(sensor_policy(&["check", "."], files.path()).0, Some(0));
}

#[test]
fn tests_pass_or_show_the_difference() {
    let tests = "[[test]]\nname = 'fires'\nfires = 'low'\n[[test.flow]]\nsrcip = '10.0.0.1'\ntcpflagsint = 2\n\
        repeat = 3\nvary.dstport = 1\n";
    let files = directory(&[("scan.toml", GOOD), ("scan.test.toml", tests)]);
    let (code, out, _) = sensor_policy(&["test", "."], files.path());
    assert_eq!((code, out.as_str()), (Some(0), "1 passed, 0 failed\n"));
    let wrong = tests.replace("'low'", "'nothing'");
    let files = directory(&[("scan.toml", GOOD), ("scan.test.toml", &wrong)]);
    let (code, out, _) = sensor_policy(&["test", ".", "--filter", "scan"], files.path());
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("- nothing\n") && out.contains("+ low\n"), "{out}");
    let (code, ..) = sensor_policy(&["test", ".", "--filter", "else"], files.path());
    assert_eq!(code, Some(64));
}

#[test]
fn explain_shows_query_key_window_and_thresholds() {
    let files = directory(&[("scan.toml", &format!("# Looks alike: nothing.\n{GOOD}"))]);
    let (code, out, error) = sensor_policy(&["explain", "scan", "."], files.path());
    assert_eq!(code, Some(0), "{error}");
    for part in [
        "  Looks alike: nothing.\n",
        "srcip",
        "1m",
        "distinct(dstport) >= 3",
        "tcpflagsint has 0x2",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, _, error) = sensor_policy(&["explain", "scna", "."], files.path());
    assert_eq!(code, Some(64));
    assert!(error.contains("did you mean `scan`?"), "{error}");
}
