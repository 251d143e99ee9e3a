//! `sensor hits test`: sends one made event to every output of a configuration, and says what came of it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::bail;
use clap::{Args, ValueHint};

use crate::{
    agent::config::{self, overrides::Overrides},
    clock,
    export::hits::{Hits, Report, Way, trial},
    stdio,
};

/// Arguments of `hits test`.
#[derive(Args, Debug)]
pub struct HitsTestArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: PathBuf,
}

/// How long the outputs may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// Sends it.
pub fn test(arguments: &HitsTestArgs) -> anyhow::Result<()> {
    let config = config::load(Some(&arguments.config), &Overrides::default())?;
    let mut outputs = config.hits.outputs;
    if outputs.is_empty() {
        bail!("there is no [[hits]] output in {}", arguments.config.display());
    }
    for output in &mut outputs {
        // A trial that waits for better times is no use, and the agent may have the spool open.
        output.spool = None;
    }
    let ways = outputs.into_iter().map(Way::own).collect();
    let hits = Hits::start(ways, &Default::default())?;
    hits.offer_to_all(&Arc::new(trial::event(clock::now())));
    let reports = hits.finish(DEADLINE);
    let failed = reports.iter().filter(|report| report.account.sent == 0).count();
    for report in &reports {
        stdio::print(format_args!("{}\n", outcome(report)))?;
    }
    match failed {
        0 => Ok(()),
        _ => bail!("{failed} of {} outputs failed", reports.len()),
    }
}

fn outcome(report: &Report) -> String {
    match (&report.error, report.account.sent) {
        (None, 1..) => format!("{}: sent", report.name),
        (Some(error), 1..) => format!("{}: sent, after: {error}", report.name),
        (Some(error), 0) => format!("{}: not sent: {error}", report.name),
        (None, 0) => format!("{}: not sent within {} s", report.name, DEADLINE.as_secs()),
    }
}
