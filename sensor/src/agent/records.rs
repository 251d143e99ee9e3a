//! The flow records in files of others, batch by batch, for whoever asks about them and puts nothing out: captures through the packet
//! parser, exports and logs of clouds through their decoders.

use std::{
    cell::Cell,
    io::Read as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use sensor_common::ledger::{Count, Ledger};
use sensor_core::flow::{
    aggregator::Aggregator,
    batch::{FlowBatch, Source},
    continued::Cuts,
};

use super::{
    cloud,
    config::Config,
    exports::{self, OutCounters, Step},
    progress::{self, Progress},
    status::{self, losses},
    unread::Unread,
};
use crate::replay::{
    capture::CaptureReader,
    exports::messages::MAGIC as IPFIX,
    meter::Meter,
    objects::{Batch, Objects},
    open, packets,
};

/// What is known of files.
pub struct Reading {
    /// They are logs of clouds, read like this.
    pub cloud: Option<cloud::Input>,
    /// They are exports of routers, or are not; none for what their first octets tell.
    pub exports: Option<bool>,
    /// What the OUT counters of devices count.
    pub out_counters: Option<OutCounters>,
}

/// The first octets of a file that nfcapd wrote, on hosts of either byte order.
const NFCAPD: [[u8; 2]; 2] = [[0x0c, 0xa5], [0xa5, 0x0c]];

/// Reads `files` in their order; `each` gets their flow records, and may end it. Warnings say what was skipped.
///
/// # Errors
/// Files that cannot be read to their end; what was read of them, and the others, were handed over all the same. What is not accounted for.
pub fn read(
    files: &[PathBuf],
    config: &Config,
    reading: Reading,
    mut each: impl FnMut(FlowBatch) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    if let Some(input) = reading.cloud {
        return logs(files, input, each);
    }
    let begins = begins(files)?;
    let mut from_routers = Vec::new();
    for (file, begin) in files.iter().zip(&begins) {
        if NFCAPD.iter().any(|magic| begin.starts_with(magic)) {
            let file = file.display();
            bail!(
                "{file} is a file of nfcapd, whose format is not read here: `nfreplay -r {file} -H 127.0.0.1 -p 2055` sends it as NetFlow 9 to a sensor that listens there and stores flows"
            );
        }
        from_routers.push(reading.exports.unwrap_or(begin.starts_with(&IPFIX)));
    }
    if from_routers.iter().any(|own| *own != from_routers[0]) {
        bail!(
            "some of these files are IPFIX files, and others are not: read one kind of files at a time, or say --as exports"
        );
    }
    if from_routers.first() == Some(&true) {
        let options = exports::options(config, false, reading.out_counters);
        let mut decoded = exports::Files::new(options);
        // The engine marks what goes on, and these records do not pass through it.
        let mut cuts = Cuts::default();
        let mut each = |mut batch: FlowBatch| {
            cuts.look(&mut batch);
            each(batch)
        };
        let result = decoded.read(files, false, |step, _, batches| {
            if step != Step::Behind {
                return ControlFlow::Continue(());
            }
            let mut flow = ControlFlow::Continue(());
            batches.exchange(false, |batch| {
                flow = each(batch);
                None
            });
            flow
        });
        decoded.batches.take(true, |batch| {
            // Nothing comes behind them that could be left out.
            let _ = each(batch);
        });
        let forgotten = cuts.evicted();
        if forgotten > 0 {
            losses::warn(format_args!(
                "{forgotten} cut flows of devices forgotten: `continued` is false where they go on"
            ));
        }
        let found = status::exports::Exports::of(decoded.counts, &decoded.collector);
        return result.and_then(|()| found.check());
    }
    traffic(files, config, each)
}

/// The first octets of files, through their compression.
fn begins(files: &[PathBuf]) -> anyhow::Result<Vec<Vec<u8>>> {
    let begin = |path: &PathBuf| {
        if path == Path::new(open::STDIN) {
            return Ok(Vec::new());
        }
        let mut begin = Vec::new();
        let read = open::open(path, &Meter::default())
            .and_then(|file| file.take(IPFIX.len() as u64).read_to_end(&mut begin));
        read.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(begin)
    };
    files.iter().map(begin).collect()
}

fn traffic(
    files: &[PathBuf],
    config: &Config,
    mut each: impl FnMut(FlowBatch) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    let meter = Meter::of(files);
    let mut progress = Progress::new(&meter, "packets", progress::is_wanted(false));
    let stop = Cell::new(false);
    // Records do not depend on the seed, and nobody chooses hashes against a file reader.
    let mut aggregator = Aggregator::new(Source::Host, config.flow, 0, |batch| {
        stop.set(each(batch).is_break() || stop.get());
    });
    let mut unread = Unread::new(files.len());
    for path in files {
        unread.note(packets_of(path, &meter, &mut aggregator, &mut progress, &stop));
        if stop.get() {
            break;
        }
    }
    // Also those of a capture that ends early.
    aggregator.finish();
    unread.end()
}

fn packets_of(
    path: &Path,
    meter: &Meter,
    aggregator: &mut Aggregator<impl FnMut(FlowBatch)>,
    progress: &mut Progress,
    stop: &Cell<bool>,
) -> anyhow::Result<()> {
    let (mut ledger, mut unknown_link) = (Ledger::default(), Count::default());
    let mut capture = CaptureReader::open_metered(path, meter)?;
    let mut second = 0;
    while let Some(frame) = capture.next().context("capture ends early")? {
        let now = frame.timestamp_ns / 1_000_000;
        if now / 1000 > second {
            second = now / 1000;
            aggregator.expire(now);
            if stop.get() {
                break;
            }
        }
        aggregator.gather(now);
        packets::count(&frame, &mut ledger, &mut unknown_link, aggregator);
        progress.count();
    }
    Ok(())
}

fn logs(
    files: &[PathBuf],
    input: cloud::Input,
    mut each: impl FnMut(FlowBatch) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    let mut objects = Objects::new(input.format, input.hints, input.reporting, input.now);
    let mut dns = 0;
    let result = cloud::read(&mut objects, files, false, |batch| match batch {
        Batch::Flows(batch) => each(batch),
        Batch::Dns(batch) => {
            dns += batch.len();
            ControlFlow::Continue(())
        }
    });
    if dns > 0 {
        losses::warn(format_args!(
            "{dns} DNS records were passed over: questions are about flows; `sensor decode --dns-filter` selects DNS records"
        ));
    }
    let found = status::cloud::Cloud::of(&objects);
    result.and_then(|()| found.check())
}
