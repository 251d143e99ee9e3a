//! `sensor decode --compare`: our decoder and netflow_parser over the same datagrams, and where they differ.
//!
//! * [`diff`]: one datagram, as both see it. `told`: what the row of a flow says of a field of its record.
//! * [`report`]: what was compared and what differs.

pub mod diff;
pub mod report;
mod told;

use std::{ops::ControlFlow, path::Path};

use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
    ledger::Skipped,
};

use self::report::{Capture, Difference, Place, Report, What};
use super::{ReferenceDecoder, document::Refused};
use crate::{
    agent::progress::{self, Progress},
    replay::{
        exports::{self, Counts, Datagram},
        meter::Meter,
    },
};

/// Both decoders, with the templates that each has met.
pub struct Comparer {
    ours: Decoder,
    theirs: ReferenceDecoder,
    batches: Batches,
}

impl Comparer {
    /// Without any template. `options` are those of our decoder.
    ///
    /// # Errors
    /// When netflow_parser refuses its limits.
    pub fn new(options: Options) -> anyhow::Result<Self> {
        Ok(Self {
            ours: Decoder::new(Options { keep_trace: true, ..options }),
            theirs: ReferenceDecoder::new()?,
            batches: Batches::default(),
        })
    }

    /// Compares what both make of a datagram, the next one of `capture`; `found` is told where they differ.
    pub fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        capture: &mut Capture,
        found: &mut impl FnMut(Difference),
    ) {
        let Datagram { from, received, octets, .. } = *datagram;
        capture.datagrams += 1;
        self.ours.datagram(from, received, octets, &mut self.batches);
        let trace = self.ours.take_trace();
        for reason in Skipped::ALL {
            capture.skipped[reason] += trace.skipped[reason];
        }
        let reading = self.theirs.read(from.ip(), octets);
        let place = Place { datagram: capture.datagrams, ..Place::default() };
        match reading.refused {
            Some(Refused::Sflow) => capture.sflow += 1,
            Some(Refused::Panic | Refused::TooLong) => {
                capture.differences += 1;
                let theirs = reading.fault.unwrap_or_default();
                let ours = diff::sets_and_records(&trace);
                found(Difference::new(place, What::Refused, ours, theirs));
            }
            None => {
                self.batches.level();
                let mut diff = diff::Diff { place, batches: &self.batches, capture, found };
                diff.datagram(&trace, &reading);
            }
        }
        self.batches.exchange(true, Some);
    }
}

/// Compares the decoders over `files`: a template holds for the files behind it.
///
/// # Errors
/// The first file that cannot be read to its end.
pub fn compare(files: &[impl AsRef<Path>]) -> anyhow::Result<Report> {
    let mut comparer = Comparer::new(Options::default())?;
    let mut report = Report::default();
    let mut counts = Counts::default();
    let meter = Meter::of(files);
    let mut progress = Progress::new(&meter, "datagrams", progress::is_wanted(false));
    for path in files {
        let path = path.as_ref();
        let mut capture = Capture::new(path);
        let read = exports::read(path, &meter, &mut counts, &mut |datagram: Datagram<'_>| {
            progress.count();
            comparer.datagram(&datagram, &mut capture, &mut |difference| {
                report.add(path, difference);
            });
            ControlFlow::Continue(())
        });
        report.captures.push(capture);
        read?;
    }
    Ok(report)
}
