//! What a verb found out: one value, shown to people or given to programs.
//!
//! `docs/json.md` describes the documents. Their shape is a contract: keys are added, and what else changes gets another
//! [`SCHEMA`].

use clap::Args;
use sensor_core::diagnostic::Findings;
use serde::Serialize;

use super::exit::{self, AlreadyReported, Failure};
use crate::stdio;

/// The version of all documents; it changes when a key goes or means something else.
pub const SCHEMA: u32 = 1;

/// The flag of verbs that programs read.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct JsonArgs {
    /// Print one JSON document on stdout, including errors (sensor/docs/json.md); exit codes stay the same
    #[arg(long)]
    pub json: bool,
}

/// What a verb shows: as JSON by its keys, and as text.
pub trait Body: Serialize {
    /// For people; may have colours, and is empty where there is nothing to say.
    fn text(&self) -> String;
}

/// What came of a verb.
pub struct Outcome<T> {
    /// What it shows.
    pub body: T,
    /// Faults and warnings.
    pub findings: Findings,
    /// How it ends, where it does not end well.
    pub failure: Option<Failure>,
}

impl<T> Outcome<T> {
    /// All went well, perhaps with warnings.
    pub fn well(body: T, findings: Findings) -> Self {
        Self { body, findings, failure: None }
    }
}

#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    #[serde(flatten)]
    body: Option<&'a T>,
    diagnostics: &'a Findings,
}

/// Prints what came of a verb, and ends as it should.
///
/// # Errors
/// What went wrong, told already where a document says it.
pub fn report<T: Body>(
    JsonArgs { json }: JsonArgs,
    outcome: anyhow::Result<Outcome<T>>,
) -> anyhow::Result<()> {
    if json { for_programs(&outcome) } else { for_people(outcome?) }
}

fn for_people<T: Body>(outcome: Outcome<T>) -> anyhow::Result<()> {
    let Outcome { body, findings, failure } = outcome;
    match failure {
        Some(failure) => {
            stdio::print_styled(body.text())?;
            Err(failure.with(findings).into())
        }
        None => {
            stdio::to_stderr(findings.styled());
            Ok(stdio::print_styled(body.text())?)
        }
    }
}

fn for_programs<T: Body>(outcome: &anyhow::Result<Outcome<T>>) -> anyhow::Result<()> {
    let (body, diagnostics, exit) = match outcome {
        Ok(outcome) => {
            let exit = outcome.failure.as_ref().map(|failure| failure.exit);
            (Some(&outcome.body), outcome.findings.clone(), exit)
        }
        Err(error) => (None, exit::findings(error), Some(exit::code(error))),
    };
    let document = Document { schema: SCHEMA, body, diagnostics: &diagnostics };
    stdio::print(format_args!("{}\n", serde_json::to_string_pretty(&document)?))?;
    match exit {
        Some(exit) => Err(AlreadyReported(exit).into()),
        None => Ok(()),
    }
}
