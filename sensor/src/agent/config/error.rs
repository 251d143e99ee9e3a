//! Why there is no configuration.

use std::{io, path::PathBuf};

use sensor_core::diagnostic::{Finding, Findings, SourceMap};

use super::faults::Faults;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Files cannot be read, or their directory: each, and what the system says.
    #[error("{}", messages(.0).join("\n"))]
    Read(Vec<(PathBuf, io::Error)>),
    /// The files or the flags have faults; shown in full, over several lines.
    #[error("{}\n\n{}", headline(faults), findings(files, faults).to_string().trim_end())]
    Faulty {
        /// The file and its drop-ins, where there is one.
        files: SourceMap,
        /// All that is wrong.
        faults: Faults,
    },
}

impl ConfigError {
    /// All that is wrong.
    pub fn findings(&self) -> Findings {
        match self {
            Self::Faulty { files, faults } => findings(files, faults),
            Self::Read(unreadable) => {
                let messages = messages(unreadable).into_iter().zip(unreadable);
                messages
                    .map(|(message, (path, _))| Finding::error(message).of_file(path.display()))
                    .collect()
            }
        }
    }
}

fn messages(unreadable: &[(PathBuf, io::Error)]) -> Vec<String> {
    let message =
        |(path, error): &(PathBuf, io::Error)| format!("cannot read {}: {error}", path.display());
    unreadable.iter().map(message).collect()
}

fn headline(faults: &Faults) -> String {
    match faults.len() {
        1 => "the configuration has 1 fault".to_owned(),
        n => format!("the configuration has {n} faults"),
    }
}

pub(super) fn findings(files: &SourceMap, faults: &Faults) -> Findings {
    let mut findings: Findings = faults.flags.iter().cloned().collect();
    findings.extend(files.findings(&faults.file));
    findings
}
