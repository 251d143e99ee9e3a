//! `sensor run`.

use super::{args::RunArgs, nql, shown::shown};
use crate::{
    agent::{config, logging, paths, run as agent},
    stdio,
};

/// Watches interfaces until a signal comes or the time is over.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    stdio::detach();
    let config = config::load(args.flows.config.as_deref(), &args.overrides())?;
    paths::all_there(&config)?;
    let lists = config.lists.read()?;
    let query = args.flows.filter.as_deref();
    let filter = query.map(|query| nql::flow_filter(query, &lists)).transpose()?;
    logging::start(config.log.level);
    let shown = shown(&args.flows.form, &args.flows.top)?;
    agent::run(&config, filter.as_ref(), lists, &shown, args.duration)
}
