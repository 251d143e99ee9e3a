//! `sensor run`.

use super::args::RunArgs;
use crate::agent::{config, logging, run as agent};

/// Watches interfaces until a signal comes or the time is over.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let config = config::load(args.flows.config.as_deref(), &args.overrides())?;
    logging::start(config.log.level);
    agent::run(&config, args.duration)
}
