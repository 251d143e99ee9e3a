//! `sensor labels check`: reads label files as `run` would, and stops there.

use sensor_core::{diagnostic::Findings, enrich::sources::Sources};
use serde::Serialize;

use super::args::CheckArgs;
use crate::{
    agent::inspect::context,
    cli::{
        exit::Failure,
        report::{Body, Outcome, report},
    },
};

/// All files.
#[derive(Serialize)]
struct Files {
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    file: String,
    readable: bool,
    entries: usize,
    faulty: usize,
}

/// Fails with the faults of all files, or says how many labels each has.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    report(arguments.json, Ok(read(arguments)))
}

fn read(arguments: &CheckArgs) -> Outcome<Files> {
    let mut sources = Sources::default();
    let (mut files, mut findings) = (Vec::new(), Findings::default());
    for file in &arguments.files {
        let report = context::read_labels(&mut sources, file);
        findings.extend(report.faults);
        files.push(File {
            file: report.path,
            readable: !report.unreadable,
            entries: report.entries,
            faulty: report.faulty,
        });
    }
    let failure = (!findings.is_empty()).then(|| Failure::usage("invalid label files"));
    Outcome { body: Files { files }, findings, failure }
}

impl Body for Files {
    fn text(&self) -> String {
        let line = |file: &File| {
            let faulty = match file.faulty {
                0 => String::new(),
                faulty => format!(", {faulty} faulty"),
            };
            format!("{}: {} entries{faulty}\n", file.file, file.entries)
        };
        self.files.iter().filter(|file| file.readable).map(line).collect()
    }
}
