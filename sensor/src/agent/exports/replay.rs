//! `sensor replay --as exports`: the flows in captured exports, to the same outputs as live ones.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use sensor_wire::decoder::Options;

use super::{Files, Step};
use crate::agent::{
    config::Config,
    end::end,
    inspect::Contents,
    mode::Mode,
    plant::{Filters, Plant, top::PrintOptions},
    status::exports::Exports,
};

/// Replays the exports in `files` in their order, by a decoder of these `options`, and prints on stderr what became of every octet and record.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is replayed all the same. Octets that the ledger does
/// not account for, and an output that did not take every record.
pub fn replay(
    config: &Config,
    filters: &Filters,
    contents: Contents,
    files: &[impl AsRef<Path>],
    shown: &PrintOptions,
    options: Options,
) -> anyhow::Result<()> {
    let plant = Arc::new(Plant::start(config, filters, contents, Mode::Files, shown)?);
    plant.warn_of_silence();
    let mut decoded = Files::new(options);
    let mut second = 0;
    let result = decoded.read(files, config.prints(), |step, _, batches| {
        // Policies see time pass as it did: what a datagram tells is judged by the time at which it came.
        let passes = match step {
            Step::Before(now) if now / 1000 > second => Some(now),
            Step::Before(_) => return ControlFlow::Continue(()),
            Step::Behind => None,
        };
        let mut offered = false;
        batches.exchange(passes.is_some(), |batch| {
            offered = true;
            plant.offer(batch)
        });
        if let Some(now) = passes {
            second = now / 1000;
            plant.advance(now);
        }
        if offered && plant.is_pointless() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let source = plant.clone();
    end(plant, false, move |status| {
        decoded.batches.take(true, |batch| drop(source.offer(batch)));
        status.exports = Some(Exports::of(decoded.counts, &decoded.collector));
        result
    })
}
