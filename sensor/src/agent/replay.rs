//! Replay: capture files through the packet parser, the flow cache and the outputs, by capture time.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use sensor_common::ledger::{Count, Ledger};
use sensor_core::flow::{
    aggregator::Aggregator,
    batch::{FlowBatch, Source},
};

use super::{
    config::Config,
    end::end,
    inspect::Contents,
    mode::Mode,
    plant::{Filters, Plant, top::PrintOptions},
    progress::{self, Progress},
    status::{Cache, Frames},
    unread::Unread,
};
use crate::replay::{capture::CaptureReader, meter::Meter, packets};

/// Replays `files` in their order for the flows that fulfil `filters`, and prints on stderr what became of every frame and record. `shown` says
/// how flows are printed.
///
/// # Errors
/// Files that cannot be read to their end; what was read of them, and the others, are replayed all the same. Else, an output that did
/// not take every record.
pub fn replay(
    config: &Config,
    filters: &Filters,
    contents: Contents,
    files: &[impl AsRef<Path>],
    shown: &PrintOptions,
) -> anyhow::Result<()> {
    let plant = Arc::new(Plant::start(config, filters, contents, Mode::Files, shown)?);
    plant.warn_of_silence();
    let meter = Meter::of(files);
    let mut progress = Progress::new(&meter, "packets", progress::is_wanted(config.prints()));
    let mut counts = Counts::default();
    let sink = plant.clone();
    // Records do not depend on the seed, and nobody chooses hashes against a file reader.
    let mut aggregator = Aggregator::new(Source::Host, config.flow, 0, move |batch| {
        drop(sink.offer(batch));
    });
    let mut unread = Unread::new(files.len());
    for path in files {
        let path = path.as_ref();
        unread.note(read(path, &meter, &mut aggregator, &mut counts, &plant, &mut progress));
        if plant.is_pointless() {
            break;
        }
    }
    drop(progress);
    end(plant, false, move |status| {
        aggregator.finish();
        status.frames = Some(Frames::of(&counts.ledger, counts.unknown_link));
        status.cache = Some(Cache::of(aggregator.cache()));
        unread.end()
    })
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
    plant: &Plant,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut capture = CaptureReader::open_metered(path, meter)?;
    let (mut n, mut second): (u64, u64) = (0, 0);
    while let Some(frame) = capture.next().context("capture ends early")? {
        let now = frame.timestamp_ns / 1_000_000;
        if now / 1000 > second {
            second = now / 1000;
            aggregator.expire(now);
            plant.advance(now);
        }
        aggregator.gather(now);
        packets::count(&frame, &mut counts.ledger, &mut counts.unknown_link, aggregator);
        progress.count();
        n += 1;
        if n.is_multiple_of(4096) && plant.is_pointless() {
            break;
        }
    }
    Ok(())
}
