//! `sensor check`: reads a configuration and all that it names as `run` would, and stops there.

use serde::Serialize;

use super::{
    args::CheckArgs,
    report::{Body, Outcome, report},
};
use crate::agent::{
    config::{self, overrides::Overrides},
    inspect,
    mode::Mode,
};

/// What has no fault.
#[derive(Serialize)]
struct Checked {
    file: String,
}

/// Fails with every fault of the file, or else of the lists, labels, databases, policies, secrets and places to write to
/// that it names; or says that there is none. Policies with faults are faults, also where `run` is told to be lenient.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    report(arguments.json, read(arguments))
}

fn read(arguments: &CheckArgs) -> anyhow::Result<Outcome<Checked>> {
    let config = config::load(Some(&arguments.config), &Overrides::default())?;
    let contents = inspect::read(&config, Mode::Live, false)?;
    let checked = Checked { file: arguments.config.display().to_string() };
    Ok(Outcome::well(checked, contents.warnings))
}

impl Body for Checked {
    fn text(&self) -> String {
        format!("{}: no fault\n", self.file)
    }
}
