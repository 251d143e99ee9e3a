//! Policies asked of stored flows: what they would have reported then. Through the same engine and the same form of hits as live traffic, to
//! standard output alone: no output of the configuration hears of what is long over.

use std::{ops::ControlFlow, sync::Arc};

use sensor_core::{
    diagnostic::Findings, enrich::sources::Sources, flow::batch::FlowBatch, nql::lists::Lists,
    policy::model::Policy,
};

use super::{
    config::Config,
    end::end,
    inspect::{self, Contents, NamedFiles, asked::EvaluationRules},
    mode::Mode,
    plant::{Filters, Plant, top::PrintOptions},
};

/// What context flows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// That with which they are stored.
    Stored,
    /// That of the configuration.
    Configured,
}

/// Gives batches, oldest first, and the time at which each was received, milliseconds since the epoch.
pub type Sink<'s> = &'s mut dyn FnMut(FlowBatch, u64) -> ControlFlow<()>;

/// Asks `policies` of the flows that `feed` gives, and prints their hits.
///
/// # Errors
/// What `feed` says, or a hit that could not be printed.
pub fn ask(
    config: &Config,
    policies: Vec<Policy>,
    context: Context,
    shown: &PrintOptions,
    feed: impl FnOnce(Sink<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let sources = match context {
        Context::Stored => Sources::default(),
        Context::Configured => inspect::context(config, Mode::Files)?,
    };
    let lists: Lists = config.lists.read()?;
    let (tags, _) = config.tags(&lists)?;
    let asked = EvaluationRules::new(tags, policies);
    let named = NamedFiles { sources, asked };
    let contents = Contents { lists, named, warnings: Findings::default() };
    let plant = Arc::new(Plant::start(config, &Filters::default(), contents, Mode::Files, shown)?);
    if context == Context::Stored {
        plant.keep_context();
    }
    let mut second = 0;
    let result = feed(&mut |batch, received| {
        // Policies see time pass as it did.
        if received / 1000 > second {
            second = received / 1000;
            // Its beginning: how far a batch goes depends on the files.
            plant.advance(second * 1000);
        }
        drop(plant.offer(batch));
        if plant.is_pointless() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    end(plant, false, |_| result)
}
