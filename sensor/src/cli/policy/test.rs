//! `sensor policy test`: runs the tests beside policies.

use std::slice;

use sensor_core::{
    diagnostic::{Finding, Findings, Theme},
    nql::lists::Lists,
    policy::{load::load, testcase},
};
use serde::Serialize;

use super::{
    args::TestArgs,
    files::{self, Tests},
};
use crate::cli::{
    exit::Failure,
    report::{Body, Outcome, report},
};

/// What came of all tests.
#[derive(Serialize)]
struct Tested {
    passed: usize,
    failed: usize,
    tests: Vec<Test>,
}

/// What came of one.
#[derive(Serialize)]
struct Test {
    file: String,
    name: String,
    passed: bool,
    /// Lines: expected and not found (`-`), found and not expected (`+`), both (two spaces).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    difference: Vec<String>,
    #[serde(skip)]
    stem: String,
}

/// Runs all tests, and fails where one does.
pub fn test(arguments: &TestArgs) -> anyhow::Result<()> {
    report(arguments.files.json, run(arguments))
}

fn run(arguments: &TestArgs) -> anyhow::Result<Outcome<Tested>> {
    let lists = files::lists(&arguments.files)?;
    let (mut tests, mut findings) = (Vec::new(), Findings::default());
    for file in files::tests(&arguments.files)? {
        one_file(&file, arguments.filter.as_deref(), &lists, &mut tests, &mut findings);
    }
    let passed = tests.iter().filter(|test| test.passed).count();
    let failed = tests.len() - passed;
    let failure = if findings.errors() > 0 {
        Some(Failure::usage("tests or their policies have faults"))
    } else if tests.is_empty() {
        return Err(Failure::usage("there are no such tests").into());
    } else if failed > 0 {
        Some(Failure::other(format!("{failed} of {} tests failed", tests.len())))
    } else {
        None
    };
    Ok(Outcome { body: Tested { passed, failed, tests }, findings, failure })
}

fn one_file(
    tests: &Tests,
    filter: Option<&str>,
    lists: &Lists,
    tested: &mut Vec<Test>,
    findings: &mut Findings,
) {
    let Tests { file, policies, stem } = tests;
    let cases = match testcase::parse(&file.text) {
        Ok(cases) => cases,
        Err(faults) => {
            return findings.extend(Findings::located(&file.path, &file.text, &faults));
        }
    };
    let chosen = |name: &str| filter.is_none_or(|part| name.contains(part) || stem.contains(part));
    let cases: Vec<_> = cases.iter().filter(|case| chosen(&case.name)).collect();
    if cases.is_empty() {
        return;
    }
    let loaded = load(slice::from_ref(policies), lists);
    findings.extend(loaded.findings());
    if loaded.errors() > 0 {
        return;
    }
    for case in cases {
        let is_there =
            |name: &str| loaded.policies.iter().any(|policy| policy.summary.name == name);
        let absent = case.policies.iter().filter(|name| !is_there(name));
        let absent: Vec<_> = absent
            .map(|name| {
                let message = format!("{}: {} has no policy `{name}`", file.path, policies.path);
                Finding::error(message).of_file(&file.path)
            })
            .collect();
        if !absent.is_empty() {
            findings.extend(absent);
            continue;
        }
        let outcome = testcase::run(case, &loaded.policies);
        let difference = if outcome.passed { "" } else { &outcome.difference };
        tested.push(Test {
            file: file.path.clone(),
            name: case.name.clone(),
            passed: outcome.passed,
            difference: difference.lines().map(str::to_owned).collect(),
            stem: stem.clone(),
        });
    }
}

impl Body for Tested {
    fn text(&self) -> String {
        let mut text = String::new();
        let style = Theme::COLOR.error;
        for Test { name, stem, difference, .. } in self.tests.iter().filter(|test| !test.passed) {
            text.push_str(&format!("{style}FAILED{style:#} {stem}: {name}\n"));
            text.extend(difference.iter().map(|line| format!("    {line}\n")));
        }
        text.push_str(&format!("{} passed, {} failed\n", self.passed, self.failed));
        text
    }
}
