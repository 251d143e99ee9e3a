//! Test files and their outcomes.

use super::*;
use crate::{
    nql::lists::Lists,
    policy::load::{PolicyFile, load},
};

/// Runs all tests of `tests` on `policies`; the differences of those that fail.
#[track_caller]
pub fn outcomes(policies: &str, tests: &str) -> Vec<String> {
    let file = PolicyFile { path: "p.toml".to_owned(), text: policies.to_owned() };
    let loaded = load(&[file], &Lists::default());
    assert_eq!(loaded.errors(), 0, "{}", loaded.report());
    let cases = match parse(tests) {
        Ok(cases) => cases,
        Err(faults) => panic!("{}", crate::diagnostic::render("t.test.toml", tests, &faults)),
    };
    let outcomes = cases.iter().map(|case| (case, run(case, &loaded.policies)));
    outcomes
        .filter(|(_, outcome)| !outcome.passed)
        .map(|(case, outcome)| format!("{}:\n{}", case.name, outcome.difference))
        .collect()
}

const SCAN: &str = "[[policy]]\nname = 'scan'\nmatch = 'tcpflags.syn == true'\ntrack_by = [['srcip']]\n\
    window = '60s'\nseverity = { low = 'distinct(dstport) >= 3' }\n";

#[test]
fn differences_are_shown() {
    let tests = r#"
[[test]]
name = "too few"
expect = [{ type = "start", severity = "low" }, { type = "end" }]
flow = [{ srcip = "10.0.0.1", tcpflagsint = 2, repeat = 3, every = "1s", vary.dstport = 1 }]

[[test]]
name = "quiet"
fires = "nothing"
flow = [{ srcip = "10.0.0.1", tcpflagsint = 2, repeat = 2, vary.dstport = 1 }]
"#;
    assert_eq!(
        outcomes(SCAN, tests),
        [
            "too few:\n  start scan low srcip=10.0.0.1 records=3 suppressed=0 threshold=distinct(dstport) >= 3 \
          at=2s sources=host sequence=0\n- end\n"
        ]
    );
}

#[test]
fn faults_of_test_files() {
    let text = "[[test]]\nname = 'x'\nflow = [{ srcpi = '10.0.0.1', dstport = 99999, fragment = 'x' }]\n\
        expect = [{ kind = 'start' }]\n[[test]]\nname = 'y'\n[[test]]\nfires = 'loud'\n";
    let faults = parse(text).expect_err("faults");
    let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`srcpi` is not a field",
            "`dstport` is out of range",
            "`fragment` must be none or first or later",
            "an event has no `kind`",
            "a test has either `fires` or `expect`",
            "the test has no `name`",
            "`fires` is one of nothing, low, medium, high, hit, label",
        ]
    );
}
