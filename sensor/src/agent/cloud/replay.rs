//! `sensor replay` of cloud logs: their flows and DNS records, to the same outputs as live ones.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use super::Input;
use crate::{
    agent::{
        config::Config,
        end::end,
        inspect::Contents,
        mode::Mode,
        plant::{Filters, Plant, top::PrintOptions},
        status::cloud::Cloud,
    },
    replay::objects::{Batch, Objects},
};

/// Replays the logs that `files` name, for the records that fulfil `filters`, and prints on stderr what became of every record.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is replayed all the same. Records that the ledger does
/// not account for, and an output that did not take every record.
pub fn replay(
    config: &Config,
    filters: &Filters,
    contents: Contents,
    files: &[impl AsRef<Path>],
    shown: &PrintOptions,
    input: Input,
) -> anyhow::Result<()> {
    let plant = Arc::new(Plant::start(config, filters, contents, Mode::Files, shown)?);
    plant.warn_of_silence();
    let mut objects = Objects::new(input.format, input.hints, input.reporting);
    let mut second = 0;
    let result = super::read(&mut objects, files, config.prints(), |batch| {
        let batch = match batch {
            Batch::Flows(batch) => batch,
            Batch::Dns(batch) => {
                // No policy is asked of them: time goes by the flows alone.
                plant.offer_dns(batch);
                return match plant.is_pointless() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                };
            }
        };
        // Time is that of the newest record: nobody knows when the logs arrived.
        let newest = batch.end.iter().max().copied().unwrap_or(0);
        drop(plant.offer(batch));
        if newest / 1000 > second {
            second = newest / 1000;
            plant.advance(newest);
        }
        if plant.is_pointless() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    end(plant, false, move |status| {
        status.cloud = Some(Cloud::of(&objects));
        result
    })
}
