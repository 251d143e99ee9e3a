//! `sensor replay --as exports`: the flows in captured exports, to the same outputs as live ones.

use std::{ops::ControlFlow, path::Path, time::Duration};

use sensor_core::nql::Filter;
use sensor_wire::collector::Options;

use super::{Files, Step, ledger};
use crate::agent::{
    config::Config,
    inspect::Contents,
    plant::{
        outputs::{Outputs, Patience},
        top::Shown,
    },
    status::summary::{self, Records},
};

/// How long collectors may take for what waits at the end.
const FLUSH_DEADLINE: Duration = Duration::from_secs(60);

/// Replays the exports in `files` in their order, by a decoder of these `options`, and prints on stderr what became of every octet and record.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is replayed all the same. Octets that the ledger does
/// not account for, and an output that did not take every record.
pub fn replay(
    config: &Config,
    filter: Option<&Filter>,
    contents: Contents,
    files: &[impl AsRef<Path>],
    shown: &Shown,
    options: Options,
) -> anyhow::Result<()> {
    let outputs = Outputs::start(config, filter, contents, Patience::Always, shown)?;
    outputs.warn_of_silence();
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
        batches.take(passes.is_some(), |batch| {
            offered = true;
            drop(outputs.offer(batch));
        });
        if let Some(now) = passes {
            second = now / 1000;
            outputs.advance(now);
        }
        if offered && outputs.is_pointless() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    decoded.batches.take(true, |batch| drop(outputs.offer(batch)));
    let silent = outputs.is_pointless();
    let held_back = outputs.held_back();
    let policies = outputs.policies();
    let (accounts, hits) = outputs.finish(FLUSH_DEADLINE);
    let records = Records { evicted: 0, held_back, outputs: &accounts, policies, hits: &hits };
    if silent {
        return result;
    }
    let mut text = format!("\n{}\n", ledger::line(&decoded.counts, &decoded.collector));
    text.push_str(&ledger::clocks(&decoded.collector));
    ledger::total(&mut text, &decoded.collector);
    summary::flows(&mut text, &records);
    ledger::losses(&decoded.counts, &decoded.collector).and(records.losses()).tell(text);
    result?;
    ledger::check(&decoded.collector)?;
    records.check()
}
