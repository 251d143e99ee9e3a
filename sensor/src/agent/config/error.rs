//! Why there is no configuration.

use std::{io, path::PathBuf};

use sensor_core::diagnostic::{Finding, Findings, SourceMap};

use super::faults::Faults;

/// As many faults of files are shown; a file that is none of ours may have one in every line.
const MOST: usize = 100;

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
    let (told, untold) = faults.file.split_at(faults.file.len().min(MOST));
    findings.extend(files.findings(told));
    if !untold.is_empty() {
        findings.push(Finding::error(format!("{} more faults", untold.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    use super::*;

    #[test]
    fn of_very_many_faults_the_first_are_shown_and_the_others_counted() {
        let shown = |faulty: usize| {
            let text: String = (0..faulty).map(|number| format!("k{number} = 1\n")).collect();
            let faults = from_text(&text, &Overrides::default()).expect_err("unknown keys");
            let mut files = SourceMap::default();
            files.push("f".to_owned(), &text);
            let error = ConfigError::Faulty { files, faults }.to_string();
            assert!(
                error.starts_with(&format!("the configuration has {faulty} faults\n")),
                "{error}"
            );
            (error.matches("unknown key").count(), error.lines().last().unwrap().to_owned())
        };
        let (told, last) = shown(100);
        assert!(told == 100 && last.contains("the keys here are"), "{last}");
        assert_eq!(shown(103), (100, "error: 3 more faults".to_owned()));
    }
}
