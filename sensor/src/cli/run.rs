//! `sensor run`.

use super::{args::RunArgs, nql};
use crate::{
    agent::{
        config, inspect,
        logging::{self, format::LogFormat},
        mode::Mode,
        privilege, run as agent,
    },
    stdio,
};

/// Watches interfaces until a signal comes or the time is over.
pub fn run(args: &RunArgs, object: &[u8]) -> anyhow::Result<()> {
    stdio::detach(privilege::give_up);
    let shown = args.flows.shown()?;
    let config = config::load(args.flows.config.as_deref(), &args.overrides())?;
    logging::start(config.log.level, config.log.format.unwrap_or_else(LogFormat::by_environment));
    let contents = inspect::read(&config, Mode::Live, config.policies.lenient)?;
    let query = args.flows.filter.as_deref();
    let filter = query.map(|query| nql::flow_filter(query, &contents.lists)).transpose()?;
    agent::run(object, &config, filter.as_ref(), contents, &shown, args.duration)
}
