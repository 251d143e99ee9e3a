//! Replay: capture files through the packet parser, the flow cache and the outputs, by capture time.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use sensor_common::ledger::{Count, Ledger};
use sensor_core::{
    flow::{
        aggregator::Aggregator,
        batch::{FlowBatch, Source},
    },
    nql::Filter,
};

use super::{
    config::Config,
    inspect::Contents,
    plant::{
        outputs::{Outputs, Patience},
        top::Shown,
    },
    progress::{self, Progress},
    status::summary::{self, Records},
};
use crate::replay::{capture::CaptureReader, meter::Meter, packets};

/// How long collectors may take for what waits at the end.
const FLUSH_DEADLINE: Duration = Duration::from_secs(60);

/// Replays `files` in their order for the flows that fulfil `filter`, and prints on stderr what became of every frame and record. `shown` says
/// how flows are printed.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is replayed all the same. Else, an output that did
/// not take every record.
pub fn replay(
    config: &Config,
    filter: Option<&Filter>,
    contents: Contents,
    files: &[impl AsRef<Path>],
    shown: &Shown,
) -> anyhow::Result<()> {
    let outputs = Outputs::start(config, filter, contents, Patience::Always, shown)?;
    outputs.warn_of_silence();
    let meter = Meter::of(files);
    let mut progress = Progress::new(&meter, "packets", progress::is_wanted(config.prints()));
    let mut counts = Counts::default();
    // Records do not depend on the seed, and nobody chooses hashes against a file reader.
    let mut aggregator = Aggregator::new(Source::Host, config.flow, 0, |batch| {
        drop(outputs.offer(batch));
    });
    let mut result = Ok(());
    for path in files {
        result = read(path.as_ref(), &meter, &mut aggregator, &mut counts, &outputs, &mut progress);
        if result.is_err() || outputs.is_pointless() {
            break;
        }
    }
    drop(progress);
    aggregator.finish();
    let evicted = aggregator.cache().evicted();
    let silent = outputs.is_pointless();
    let held_back = outputs.held_back();
    let policies = outputs.policies();
    let (accounts, hits) = outputs.finish(FLUSH_DEADLINE);
    let records = Records { evicted, held_back, outputs: &accounts, policies, hits: &hits };
    // Of a file that cannot even be opened there is nothing to sum up.
    if silent || result.is_err() && counts.ledger.seen.packets == 0 {
        return result;
    }
    let losses = summary::unread(&counts.ledger, &counts.unknown_link).and(records.losses());
    losses.tell(summary::replay(&counts.ledger, &counts.unknown_link, &records));
    result?;
    records.check()
}

#[derive(Default)]
struct Counts {
    ledger: Ledger,
    unknown_link: Count,
}

fn read(
    path: &Path,
    meter: &Meter,
    aggregator: &mut Aggregator<impl FnMut(FlowBatch)>,
    counts: &mut Counts,
    outputs: &Outputs,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut capture = CaptureReader::open_metered(path, meter)?;
    let (mut n, mut second): (u64, u64) = (0, 0);
    while let Some(frame) = capture.next().context("capture ends early")? {
        let now = frame.timestamp_ns / 1_000_000;
        if now / 1000 > second {
            second = now / 1000;
            aggregator.expire(now);
            outputs.advance(now);
        }
        aggregator.gather(now);
        packets::count(&frame, &mut counts.ledger, &mut counts.unknown_link, aggregator);
        progress.count();
        n += 1;
        if n.is_multiple_of(4096) && outputs.is_pointless() {
            break;
        }
    }
    Ok(())
}
