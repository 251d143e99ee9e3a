//! `sensor replay`.

use super::args::ReplayArgs;
use crate::agent::{config, logging, replay as agent};

/// Replays the files of the command line.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let config = config::load(args.flows.config.as_deref(), &args.flows.overrides())?;
    logging::start(config.log.level);
    agent::replay(&config, &args.files)
}
