//! Every policy of the library: complete, and tested by what stands beside it.

use std::collections::{BTreeMap, BTreeSet};

use sensor_core::{
    diagnostic::render,
    policy::{load::PolicyFile, stock, testcase},
};

use crate::stock_policies;

/// The groups that policies belong to.
const GROUPS: [&str; 9] = [
    "Attack",
    "Brute Force",
    "Denial of Service",
    "Informational",
    "Misconfiguration",
    "Operational Governance",
    "Post-Compromise",
    "Reconnaissance",
    "System",
];

/// Categories that are no technique of MITRE ATT&CK.
const OWN_CATEGORIES: [&str; 4] = ["asset", "configuration", "p2p", "policy"];

fn stem(file: &PolicyFile) -> &str {
    let name = file.path.rsplit('/').next().expect("a path");
    name.trim_end_matches(".toml").trim_end_matches(".test")
}

#[test]
fn every_file_says_what_a_reader_needs() {
    let policies = stock_policies();
    let by_name: BTreeMap<_, _> =
        policies.iter().map(|policy| (policy.summary.name.as_str(), policy)).collect();
    assert_eq!(by_name.len(), stock::policies().len(), "one policy a file");
    for file in stock::policies() {
        let policy =
            by_name.get(stem(&file)).unwrap_or_else(|| panic!("{}: other name", file.path));
        let summary = &policy.summary;
        assert!(GROUPS.contains(&summary.group.as_str()), "{}: group", file.path);
        assert!(summary.description.len() > 20, "{}: description", file.path);
        for part in ["# Why: ", "# Looks alike: ", "# Next: ", "# Reads: ", "# Figures: "] {
            assert!(file.text.contains(part), "{}: no `{part}`", file.path);
        }
    }
}

#[test]
fn techniques_exist() {
    let table = include_str!("techniques.txt").lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<_> = table.filter_map(|line| Some(line.split_once(' ')?.0)).collect();
    let policies = stock_policies();
    let categories = policies.iter().flat_map(|policy| &policy.summary.categories);
    let named: BTreeSet<_> =
        categories.map(String::as_str).filter(|id| !OWN_CATEGORIES.contains(id)).collect();
    assert_eq!(named, known);
}

#[test]
fn lists_are_used() {
    let texts: String = stock::policies().iter().map(|file| file.text.clone()).collect();
    for name in stock::lists().names() {
        assert!(texts.contains(&format!("${name}")), "no policy names ${name}");
    }
}

#[test]
fn every_policy_fires_and_has_a_near_miss() {
    let policies = stock_policies();
    let names: BTreeSet<_> = policies.iter().map(|policy| policy.summary.name.clone()).collect();
    let tested: BTreeSet<_> = stock::tests().iter().map(|file| stem(file).to_owned()).collect();
    assert_eq!(names, tested);
    let mut failures = String::new();
    for file in stock::tests() {
        let cases = testcase::parse(&file.text)
            .unwrap_or_else(|faults| panic!("{}", render(&file.path, &file.text, &faults)));
        let silent = file.text.matches("fires = \"nothing\"").count();
        assert!(silent > 0 && silent < cases.len(), "{}: a hit and a near miss", file.path);
        let own: Vec<_> =
            policies.iter().filter(|policy| policy.summary.name == stem(&file)).cloned().collect();
        for case in cases {
            let outcome = testcase::run(&case, &own);
            if !outcome.passed {
                failures += &format!("{}: {}\n{}", file.path, case.name, outcome.difference);
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
