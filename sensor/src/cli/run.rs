//! `sensor run`.

use super::{args::RunArgs, nql};
use crate::agent::{config, logging, run as agent};

/// Watches interfaces until a signal comes or the time is over.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let config = config::load(args.flows.config.as_deref(), &args.overrides())?;
    let filter = args.flows.filter.as_deref().map(nql::flow_filter).transpose()?;
    logging::start(config.log.level);
    agent::run(&config, filter.as_ref(), args.duration)
}
