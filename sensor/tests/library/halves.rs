//! What a policy's own tests cannot show: that it reads one half of a connection alone, and that what is no case of it is
//! none of another policy either. An exception is a line in the policy's file, or in its tests, that says why.

use std::collections::BTreeSet;

use sensor_core::policy::{
    load::PolicyFile,
    model::Policy,
    stock,
    testcase::{self, Case},
};

use crate::stock_policies;

/// Begins the line of a policy that says why it reads both halves.
const BOTH_HALVES: &str = "# Both halves: ";

/// Begins the line of a test file that names, up to a colon, the other policies that its near misses are a case of.
const OTHERS: &str = "# Others fire: ";

fn stem(file: &PolicyFile) -> &str {
    let name = file.path.rsplit('/').next().expect("a path");
    name.trim_end_matches(".toml").trim_end_matches(".test")
}

fn cases(file: &PolicyFile) -> Vec<Case> {
    testcase::parse(&file.text).expect("sound tests")
}

#[test]
fn the_other_half_alone_is_no_hit() {
    let policies = stock_policies();
    let files = stock::policies();
    let mut failures = String::new();
    for tests in stock::tests() {
        let name = stem(&tests);
        let own: Vec<Policy> =
            policies.iter().filter(|policy| policy.summary.name == name).cloned().collect();
        let hits: Vec<_> = cases(&tests).into_iter().filter(|case| !case.is_silent()).collect();
        let replies = hits.iter().map(|case| testcase::run(&case.replies(), &own));
        let fired: String = replies.map(|outcome| outcome.difference).collect();
        let file = files.iter().find(|file| stem(file) == name).expect("a policy for every test");
        if fired.is_empty() == file.text.contains(BOTH_HALVES) {
            failures += &format!("{name}:\n{fired}");
        }
    }
    assert!(failures.is_empty(), "fires, or is said to:\n{failures}");
}

#[test]
fn a_near_miss_is_no_case_of_another_policy() {
    let enabled: Vec<Policy> =
        stock_policies().into_iter().filter(|policy| policy.enabled).collect();
    let mut failures = String::new();
    for tests in stock::tests() {
        let declared = tests.text.lines().filter_map(|line| line.strip_prefix(OTHERS));
        let declared: BTreeSet<_> = declared
            .filter_map(|line| line.split_once(": "))
            .flat_map(|(names, _)| names.split(", ").map(str::to_owned))
            .collect();
        let mut fired = BTreeSet::new();
        let mut difference = String::new();
        for mut case in cases(&tests).into_iter().filter(Case::is_silent) {
            case.policies.clear();
            let outcome = testcase::run(&case, &enabled);
            if !outcome.passed {
                difference += &format!("  {}\n{}", case.name, outcome.difference);
            }
            fired.extend(outcome.fired);
        }
        if fired != declared {
            failures += &format!("{}: {fired:?}, declared {declared:?}\n{difference}", tests.path);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
