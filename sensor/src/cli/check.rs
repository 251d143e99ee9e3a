//! `sensor check`: reads a configuration and all that it names as `run` would, and stops there.

use super::{args::CheckArgs, exit::Failure};
use crate::{
    agent::{
        config::{self, overrides::Overrides},
        inspect,
    },
    stdio,
};

/// Fails with every fault of the file, or else of the lists, labels, databases and policies that it names; or says that
/// there is none.
pub fn check(arguments: &CheckArgs) -> anyhow::Result<()> {
    let config = config::load(Some(&arguments.config), &Overrides::default())?;
    let faults = inspect::faults(&config);
    if !faults.is_empty() {
        let faults: Vec<&str> = faults.iter().map(|fault| fault.trim_end()).collect();
        let message = format!("what the configuration names has faults\n\n{}", faults.join("\n\n"));
        return Err(Failure::usage(message).into());
    }
    stdio::print(format_args!("{}: no fault\n", arguments.config.display()))?;
    Ok(())
}
