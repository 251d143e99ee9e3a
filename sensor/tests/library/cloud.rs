//! The stock library on flow logs of clouds: what each policy sees there of what its own tests show it.

use std::collections::BTreeSet;

use sensor_core::{
    flow::batch::Source,
    nql::typed::Subject,
    policy::{
        load::PolicyFile,
        model::Policy,
        stock,
        testcase::{self, Case},
    },
};

use crate::stock_policies;

/// The clouds whose logs differ in what they tell. NSG logs of Azure and those of IBM are as the VNet logs.
pub const CLOUDS: [Source; 4] = [Source::Aws, Source::AzureVnet, Source::Oracle, Source::Gcp];

/// What a policy sees in the logs of a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All that it sees elsewhere.
    All,
    /// Some of it, or less severe.
    Part,
    /// Nothing.
    Nothing,
}

/// What a policy sees where, and the fields that it asks for and that no log tells.
pub struct Seen {
    pub policy: String,
    pub by: [Sight; CLOUDS.len()],
    pub lacking: BTreeSet<&'static str>,
}

fn stem(file: &PolicyFile) -> &str {
    let name = file.path.rsplit('/').next().expect("a path");
    name.trim_end_matches(".toml").trim_end_matches(".test")
}

/// Each policy with its tests.
fn tested() -> Vec<(Policy, Vec<Case>)> {
    let policies = stock_policies();
    let files = stock::tests();
    let of = |file: &PolicyFile| {
        let policy = policies.iter().find(|policy| policy.summary.name == stem(file));
        (policy.expect("a policy").clone(), testcase::parse(&file.text).expect("sound tests"))
    };
    files.iter().map(of).collect()
}

fn sight(policy: &Policy, cases: &[Case], cloud: Source) -> Sight {
    let hits = cases.iter().filter(|case| !case.is_silent());
    let told = hits.filter_map(|case| case.in_log_of(cloud));
    let outcomes: Vec<_> =
        told.map(|case| testcase::run(&case, std::slice::from_ref(policy))).collect();
    match () {
        () if outcomes.iter().all(|outcome| outcome.passed) => Sight::All,
        () if outcomes.iter().any(|outcome| !outcome.fired.is_empty()) => Sight::Part,
        () => Sight::Nothing,
    }
}

/// What all policies see.
pub fn all() -> Vec<Seen> {
    let seen = tested().into_iter().map(|(policy, cases)| {
        let by = CLOUDS.map(|cloud| sight(&policy, &cases, cloud));
        let mut lacking = BTreeSet::new();
        for (cloud, sight) in CLOUDS.into_iter().zip(by) {
            if sight == Sight::All {
                continue;
            }
            let asked = asked(&policy, cloud);
            for case in cases.iter().filter(|case| !case.is_silent()) {
                let Some(there) = case.in_log_of(cloud) else { continue };
                let there = there.told();
                lacking.extend(
                    case.told()
                        .into_iter()
                        .filter(|name| asked.contains(name) && !there.contains(name)),
                );
            }
        }
        Seen { policy: policy.summary.name.clone(), by, lacking }
    });
    seen.collect()
}

/// The fields that a policy asks for.
fn asked(policy: &Policy, cloud: Source) -> BTreeSet<&'static str> {
    let mut asked = BTreeSet::new();
    if let Some(query) = policy.search.of(cloud) {
        query.for_each_subject(&mut |subject| {
            if let Subject::Field(field) = subject {
                asked.insert(field.name);
            }
        });
    }
    asked
}

#[test]
fn survey() {
    for seen in all() {
        println!("{:40} {:?} {:?}", seen.policy, seen.by, seen.lacking);
    }
}

#[test]
fn what_is_no_case_elsewhere_is_none_in_a_cloud() {
    let mut failures = String::new();
    for (policy, cases) in tested() {
        for cloud in CLOUDS {
            for case in cases.iter().filter(|case| case.is_silent()) {
                let Some(told) = case.in_log_of(cloud) else { continue };
                let outcome = testcase::run(&told, std::slice::from_ref(&policy));
                if !outcome.passed {
                    failures += &format!(
                        "{} by {}: {}\n{}",
                        policy.summary.name,
                        cloud.name(),
                        case.name,
                        outcome.difference
                    );
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
