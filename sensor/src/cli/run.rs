//! `sensor run`.

use super::{args::RunArgs, nql};
use crate::{
    agent::{
        config::{self, LogLevel},
        inspect,
        logging::{self, format::LogFormat},
        mode::Mode,
        privilege, run as agent,
    },
    stdio,
};

/// Watches interfaces until a signal comes or the time is over.
pub fn run(args: &RunArgs, object: &[u8]) -> anyhow::Result<()> {
    stdio::detach(privilege::give_up);
    // A form that a flag chose holds for what is wrong with the configuration as well.
    if let Some(format) = args.log_format {
        logging::start(LogLevel::Info, format);
    }
    let shown = args.flows.shown()?;
    let config = config::load(args.flows.config.as_deref(), &args.overrides())?;
    match args.log_format {
        Some(_) => logging::set_level(config.log.level),
        None => {
            let format = config.log.format.unwrap_or_else(LogFormat::by_environment);
            logging::start(config.log.level, format);
        }
    }
    let contents = inspect::read(&config, Mode::Live, config.policies.lenient)?;
    let filters = nql::filters(&args.flows, &contents.lists)?;
    agent::run(object, &config, &filters, contents, &shown, args.duration)
}
