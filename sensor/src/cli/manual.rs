//! `sensor manual`: manual pages from the definitions of the command line.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};

/// Arguments of `manual`.
#[derive(Args, Debug)]
pub struct ManualArgs {
    /// Where to write sensor.1, sensor-run.1 and so on; created if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Writes the pages of `program`.
pub fn manual(arguments: &ManualArgs, program: Command) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("create {}", directory.display()))?;
    clap_mangen::generate_to(program, directory)
        .with_context(|| format!("write manual pages to {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn each_verb_has_a_page_that_names_its_flags() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ManualArgs { directory: directory.path().to_path_buf() };
        manual(&arguments, Arguments::shown()).unwrap();
        let page = |name| std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(page("sensor.1").contains("sensor\\-run(1)"));
        assert!(page("sensor-run.1").contains("\\-\\-interface"));
        assert!(page("sensor-policy-test.1").contains(".TH"));
        assert!(!directory.path().join("sensor-manual.1").exists(), "hidden verbs have none");
    }
}
