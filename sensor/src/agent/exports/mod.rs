//! What routers have exported, from files: through the same decoder as what comes by sockets.
//!
//! * [`decode`]: to JSON lines, for people and scripts. [`replay`]: to the outputs of the agent.
//! * [`raw`]: as another decoder sees them.
//! * [`ledger`]: what became of every octet, as text.

pub mod decode;
pub mod ledger;
pub mod raw;
pub mod replay;

pub use sensor_wire::template::compile::OutCounters;
use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
};

pub use super::devices::captured as options;

use std::{ops::ControlFlow, path::Path};

use super::{
    progress::{self, Progress},
    unread::Unread,
};
use crate::replay::{
    exports::{self, Counts},
    meter::Meter,
};

/// Where the reading of files has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A datagram comes that was received at this time, milliseconds since the epoch: it is not decoded yet.
    Before(u64),
    /// It has been decoded, or nothing more comes.
    Behind,
}

/// Decodes the datagrams of files, one after the other: a template holds for the files behind it.
pub(super) struct Files {
    pub(super) collector: Decoder,
    pub(super) batches: Batches,
    pub(super) counts: Counts,
}

impl Files {
    pub(super) fn new(options: Options) -> Self {
        Self {
            collector: Decoder::new(options),
            batches: Batches::default(),
            counts: Counts::default(),
        }
    }

    /// Reads `files`; `printed` is whether something goes to stdout meanwhile. `each` is called before and behind every datagram
    /// and at the end, and may end it.
    pub(super) fn read(
        &mut self,
        files: &[impl AsRef<Path>],
        printed: bool,
        mut each: impl FnMut(Step, &mut Decoder, &mut Batches) -> ControlFlow<()>,
    ) -> anyhow::Result<()> {
        let Self { collector, batches, counts } = self;
        let meter = Meter::of(files);
        let mut progress = Progress::new(&meter, "datagrams", progress::is_wanted(printed));
        let mut ended = false;
        let mut unread = Unread::new(files.len());
        for path in files {
            let result =
                exports::read(path.as_ref(), &meter, counts, &mut |datagram: exports::Datagram<
                    '_,
                >| {
                    progress.count();
                    let exports::Datagram { from, received, octets, .. } = datagram;
                    let mut flow = each(Step::Before(received), collector, batches);
                    if flow.is_continue() {
                        collector.datagram(from, received, octets, batches);
                        flow = each(Step::Behind, collector, batches);
                    }
                    ended = flow.is_break();
                    flow
                });
            unread.note(result.map_err(anyhow::Error::from));
            if ended {
                break;
            }
        }
        if !ended {
            collector.finish(batches);
            let _ = each(Step::Behind, collector, batches);
        }
        unread.end()
    }
}
