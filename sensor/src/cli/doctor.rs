//! `sensor doctor`: what host, kernel and user allow a configuration to do.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueHint};
use sensor_core::diagnostic::Theme;

use super::{
    exit::{AlreadyReported, Exit},
    report::{Body, JsonArgs, Outcome, report},
};
use crate::agent::{
    config::{self, overrides::Overrides, value::parse_duration},
    doctor::{self, finding::Status, report::Report, screen},
};

/// Closes the help.
pub const EXAMPLES: &str = "\
Examples:
  sensor doctor                                      what `sensor run` would meet on this host
  sensor doctor --config /etc/sensor/sensor.toml     with listeners, outputs and policies of a configuration
  sensor doctor --json | jq '.findings[] | select(.status == \"problem\")'

Exit codes:
  0  nothing is a problem
  1  something is";

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Configuration file (TOML); without it, the defaults of `sensor run`
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Interface to look at, as in `sensor run`; repeatable
    #[arg(short, long, value_name = "IFACE", action = ArgAction::Append)]
    pub interface: Vec<String>,

    /// How long collectors and other hosts may take to answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub timeout: Duration,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Shows what was found out; fails if something is a problem.
pub fn doctor(arguments: &DoctorArgs, object: &[u8]) -> anyhow::Result<()> {
    let mut problem = false;
    let outcome = examine(arguments, object).map(|found| {
        problem = found.status == Status::Problem;
        Outcome::well(found, Default::default())
    });
    report(arguments.json, outcome)?;
    // The report has said it all.
    if problem { Err(AlreadyReported(Exit::Other).into()) } else { Ok(()) }
}

fn examine(arguments: &DoctorArgs, object: &[u8]) -> anyhow::Result<Report> {
    let interfaces = arguments.interface.clone();
    let overrides = Overrides { interfaces, ..Overrides::default() };
    let config = config::load(arguments.config.as_deref(), &overrides)?;
    Ok(doctor::examine(&config, object, arguments.timeout))
}

impl Body for Report {
    fn text(&self) -> String {
        screen::text(self, &Theme::COLOR)
    }
}
