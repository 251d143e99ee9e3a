//! `sensor check`: reads a configuration and all that it names as `run` would, and stops there.

use super::args::CheckArgs;
use crate::{
    agent::{
        analysis::Origin,
        config::{self, overrides::Overrides},
        inspect,
    },
    stdio,
};

/// Fails with every fault of the file, or else of the lists, labels, databases, policies, secrets and places to write to
/// that it names; or says that there is none. Policies with faults are faults, also where `run` is told to be lenient.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    let config = config::load(Some(&arguments.config), &Overrides::default())?;
    inspect::read(&config, Origin::Live, false)?;
    stdio::print(format_args!("{}: no fault\n", arguments.config.display()))?;
    Ok(())
}
