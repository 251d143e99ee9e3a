//! `sensor check`: reads a configuration and all that it names as `run` would, and stops there.

use std::{fmt::Write as _, iter};

use serde::Serialize;

use super::{
    args::CheckArgs,
    report::{Body, Outcome, report},
};
use crate::agent::{
    config::{
        self,
        diff::{self, Diff},
        effect,
        overrides::Overrides,
    },
    inspect,
    mode::Mode,
};

/// What has no fault.
#[derive(Serialize)]
struct Checked {
    file: String,
    /// What is laid over it, in that order.
    drop_ins: Vec<String>,
    /// Of the file that it is compared with, where one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
}

/// A key that differs.
#[derive(Serialize)]
struct Change {
    key: String,
    effect: &'static str,
}

/// Fails with every fault of the file, or else of the lists, labels, databases, policies, secrets and places to write to
/// that it names; or says that there is none. Policies with faults are faults, also where `run` is told to be lenient.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    report(arguments.json, read(arguments))
}

fn read(arguments: &CheckArgs) -> anyhow::Result<Outcome<Checked>> {
    let config = config::load(Some(&arguments.config), &Overrides::default())?;
    let contents = inspect::read(&config, Mode::Live, false)?;
    let changes = match &arguments.against {
        Some(running) => {
            let running = config::load(Some(running), &Overrides::default())?;
            Some(changes(&Diff::between(&running, &config)))
        }
        None => None,
    };
    let file = arguments.config.display().to_string();
    let checked = Checked { file, drop_ins: config.written.drop_ins(), changes };
    let mut findings = contents.advice(&config);
    findings.extend(contents.warnings);
    Ok(Outcome::well(checked, findings))
}

fn changes(diff: &Diff) -> Vec<Change> {
    let keys = diff.applied.iter().chain(&diff.restart);
    keys.map(|key| Change { key: key.clone(), effect: effect::of(key).shown() }).collect()
}

impl Body for Checked {
    fn text(&self) -> String {
        let mut text = String::new();
        for file in iter::once(&self.file).chain(&self.drop_ins) {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{file}: no fault");
        }
        for Change { key, effect } in self.changes.iter().flatten() {
            let _ = writeln!(text, "{}: {key}: {effect}", diff::section(key));
        }
        text
    }
}
