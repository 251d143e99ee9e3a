//! `sensor labels check`: reads label files as `run` would, and stops there.

use super::args::CheckArgs;
use crate::{agent::context, cli::exit::Failure, enrich::sources::Sources, stdio};

/// Fails with the faults of all files, or says how many labels each has.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    let mut sources = Sources::default();
    let reports: Vec<_> =
        arguments.files.iter().map(|file| context::read_labels(&mut sources, file)).collect();
    for report in &reports {
        let faulty = match report.faulty {
            0 => String::new(),
            faulty => format!(", {faulty} faulty"),
        };
        if !report.unreadable {
            stdio::print(format_args!("{}: {} entries{faulty}\n", report.path, report.entries))?;
        }
    }
    let faults: Vec<&str> = reports
        .iter()
        .map(|report| report.faults.trim_end())
        .filter(|faults| !faults.is_empty())
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!("the labels have faults\n\n{}", faults.join("\n\n"))).into())
}
