//! `sensor replay`.

use super::{
    args::{Content, ReplayArgs},
    nql,
    shown::shown,
};
use crate::agent::{config, exports, logging, paths, replay as agent};

/// Replays the files of the command line.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let config = config::load(args.flows.config.as_deref(), &args.flows.overrides())?;
    paths::all_there(&config)?;
    let lists = config.lists.read()?;
    let query = args.flows.filter.as_deref();
    let filter = query.map(|query| nql::flow_filter(query, &lists)).transpose()?;
    logging::start(config.log.level);
    let shown = shown(&args.flows.form, &args.flows.top)?;
    match args.content {
        Content::Traffic => agent::replay(&config, filter.as_ref(), lists, &args.files, &shown),
        Content::Exports => {
            let options = exports::options(&config, false, args.out_counters.map(Into::into));
            exports::replay::replay(&config, filter.as_ref(), lists, &args.files, &shown, options)
        }
    }
}
