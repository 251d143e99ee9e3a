//! `sensor check`: reads a configuration as `run` would, and stops there.

use std::io::{Write as _, stdout};

use super::args::CheckArgs;
use crate::agent::config::{self, overrides::Overrides};

/// Fails with every fault of the file and of the lists that it names, or says that there is none.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    let config = config::load(Some(&arguments.config), &Overrides::default())?;
    config.lists.read()?;
    writeln!(stdout(), "{}: no fault", arguments.config.display())?;
    Ok(())
}
