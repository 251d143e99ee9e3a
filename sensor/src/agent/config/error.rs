//! Why there is no configuration.

use std::{
    io,
    path::{Path, PathBuf},
};

use sensor_core::diagnostic::{Finding, Findings};

use super::faults::Faults;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file or the flags have faults; shown in full, over several lines.
    #[error("{}\n\n{}", headline(faults), findings(path.as_deref(), text, faults).to_string().trim_end())]
    Faulty {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// Its text.
        text: String,
        /// All that is wrong.
        faults: Faults,
    },
}

impl ConfigError {
    /// All that is wrong.
    pub fn findings(&self) -> Findings {
        match self {
            Self::Faulty { path, text, faults } => findings(path.as_deref(), text, faults),
            Self::Read { path, source } => {
                let fault = Finding::error(format!("{self}: {source}"));
                [fault.of_file(path.display())].into_iter().collect()
            }
        }
    }
}

fn headline(faults: &Faults) -> String {
    match faults.len() {
        1 => "the configuration has 1 fault".to_owned(),
        n => format!("the configuration has {n} faults"),
    }
}

pub(super) fn findings(path: Option<&Path>, text: &str, faults: &Faults) -> Findings {
    let mut findings: Findings = faults.flags.iter().cloned().collect();
    if let Some(path) = path {
        findings.extend(Findings::located(&path.display().to_string(), text, &faults.file));
    }
    findings
}
