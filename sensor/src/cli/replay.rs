//! `sensor replay`.

use super::{
    args::{Content, ReplayArgs},
    exit::Failure,
    nql,
};
use crate::agent::{config, exports, inspect, logging, mode::Mode, replay as agent};

/// Replays the files of the command line.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    if args.content == Content::Traffic && args.out_counters.is_some() {
        let fault = "--out-counters applies to exports: add --as exports or remove it";
        return Err(Failure::usage(fault).into());
    }
    let shown = args.flows.shown()?;
    let config = config::load(args.flows.config.as_deref(), &args.flows.overrides())?;
    logging::start(config.log.level);
    let contents = inspect::read(&config, Mode::Files, config.policies.lenient)?;
    let query = args.flows.filter.as_deref();
    let filter = query.map(|query| nql::flow_filter(query, &contents.lists)).transpose()?;
    match args.content {
        Content::Traffic => agent::replay(&config, filter.as_ref(), contents, &args.files, &shown),
        Content::Exports => {
            let options = exports::options(&config, false, args.out_counters.map(Into::into));
            exports::replay::replay(
                &config,
                filter.as_ref(),
                contents,
                &args.files,
                &shown,
                options,
            )
        }
    }
}
