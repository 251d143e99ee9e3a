//! A list of checks, run one after the other: a heading each, and a summary that says what passed, failed and was
//! skipped. A skip is a failure in CI, where nobody would notice it.

use std::{
    fmt,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::process;

/// One check.
pub struct Stage<'a> {
    name: &'a str,
    body: Box<dyn FnMut() -> Result<()> + 'a>,
}

impl<'a> Stage<'a> {
    /// A check that runs `body` when its turn comes.
    pub fn new(name: &'a str, body: impl FnMut() -> Result<()> + 'a) -> Self {
        Self { name, body: Box::new(body) }
    }
}

/// The error by which a stage says that it cannot run here. The text says why, and how to run it.
#[derive(Debug)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl std::error::Error for Skip {}

/// Runs every stage, whatever became of those before it, and prints the summary.
pub fn run(stages: &mut [Stage<'_>]) -> ExitCode {
    let mut summary = String::new();
    let mut failed = false;
    for stage in stages {
        println!("\n== {} ==", stage.name);
        let start = Instant::now();
        let result = (stage.body)();
        let (word, why) = judge(&result, process::is_ci());
        failed |= word == FAILED;
        summary += &line(stage.name, word, start.elapsed(), why.as_deref());
    }
    println!("\n== summary ==\n{}", summary.trim_end());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

const FAILED: &str = "FAILED";

fn judge(result: &Result<()>, ci: bool) -> (&'static str, Option<String>) {
    match result {
        Ok(()) => ("passed", None),
        Err(error) if error.is::<Skip>() && ci => {
            (FAILED, Some(format!("skipped, which CI=true forbids: {error:#}")))
        }
        Err(error) if error.is::<Skip>() => ("skipped", Some(format!("{error:#}"))),
        Err(error) => (FAILED, Some(format!("{error:#}"))),
    }
}

fn line(name: &str, word: &str, time: Duration, why: Option<&str>) -> String {
    let seconds = time.as_secs_f32();
    let why = why.map(|why| format!("  {why}")).unwrap_or_default();
    format!("{name:<12} {word:<8} {seconds:>6.1} s{why}\n")
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn a_skip_is_a_failure_only_in_ci() {
        let skip = || Err(Skip("needs root".to_owned()).into());
        assert_eq!(judge(&skip(), false).0, "skipped");
        assert_eq!(judge(&skip(), true).0, FAILED);
        assert!(judge(&skip(), true).1.is_some_and(|why| why.contains("needs root")));
    }

    #[test]
    fn a_skip_stays_a_skip_under_context() {
        let result: Result<()> = Err(Skip("needs root".to_owned())).context("labs");
        assert_eq!(judge(&result, false).0, "skipped");
    }

    #[test]
    fn failures_and_passes_are_told_apart() {
        assert_eq!(judge(&Ok(()), true).0, "passed");
        assert_eq!(judge(&Err(anyhow!("no")), false).0, FAILED);
    }
}
