//! `sensor check`: reads a configuration as `run` would, and stops there.

use std::io::{Write as _, stdout};

use super::args::CheckArgs;
use crate::agent::config::{self, overrides::Overrides};

/// Fails with every fault of the file, or says that there is none.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    config::load(Some(&arguments.config), &Overrides::default())?;
    writeln!(stdout(), "{}: no fault", arguments.config.display())?;
    Ok(())
}
