//! `sensor policy test`: runs the tests beside policies.

use std::{io::Write as _, slice};

use anyhow::bail;

use super::{
    args::TestArgs,
    files::{self, Tests},
};
use crate::{
    agent::policies::sound,
    cli::exit::Failure,
    diagnostic,
    nql::lists::Lists,
    policy::{load::load, testcase},
    stdio,
};

/// Runs all tests, and fails where one does.
pub fn test(arguments: &TestArgs) -> anyhow::Result<()> {
    let lists = files::lists(&arguments.files)?;
    let mut counts = Counts::default();
    for tests in files::tests(&arguments.files)? {
        one_file(&tests, arguments.filter.as_deref(), &lists, &mut counts)?;
    }
    let Counts { passed, failed } = counts;
    if passed + failed == 0 {
        return Err(Failure::usage("there are no such tests").into());
    }
    stdio::print(format_args!("{passed} passed, {failed} failed\n"))?;
    if failed > 0 {
        bail!("{failed} of {} tests failed", passed + failed);
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
}

fn one_file(
    tests: &Tests,
    filter: Option<&str>,
    lists: &Lists,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let Tests { file, policies, stem } = tests;
    let cases = testcase::parse(&file.text).map_err(|faults| {
        let shown = diagnostic::render(&file.path, &file.text, &faults);
        Failure::usage(format!("the tests have faults\n\n{}", shown.trim_end()))
    })?;
    let chosen = |name: &str| filter.is_none_or(|part| name.contains(part) || stem.contains(part));
    let cases: Vec<_> = cases.iter().filter(|case| chosen(&case.name)).collect();
    if cases.is_empty() {
        return Ok(());
    }
    let loaded = sound(load(slice::from_ref(policies), lists))?;
    let mut out = stdio::output();
    for case in cases {
        for name in &case.policies {
            if !loaded.policies.iter().any(|policy| policy.summary.name == *name) {
                let message = format!("{}: {} has no policy `{name}`", file.path, policies.path);
                return Err(Failure::usage(message).into());
            }
        }
        let outcome = testcase::run(case, &loaded.policies);
        if outcome.passed {
            counts.passed += 1;
        } else {
            counts.failed += 1;
            writeln!(out, "FAILED {stem}: {}", case.name)?;
            for line in outcome.difference.lines() {
                writeln!(out, "    {line}")?;
            }
        }
    }
    Ok(())
}
