//! What routers have exported, from files: through the same decoder as what comes by sockets.
//!
//! * [`decode`]: to JSON lines, for people and scripts. [`replay`]: to the outputs of the agent.
//! * [`ledger`]: what became of every octet, as text.

pub mod decode;
pub mod ledger;
pub mod replay;

use std::{ops::ControlFlow, path::Path};

use crate::{
    replay::exports::{self, Counts},
    wire::{
        batches::Batches,
        collector::{Collector, Options},
    },
};

/// Decodes the datagrams of files, one after the other: a template holds for the files behind it.
struct Files {
    collector: Collector,
    batches: Batches,
    counts: Counts,
}

impl Files {
    fn new(options: Options) -> Self {
        Self {
            collector: Collector::new(options),
            batches: Batches::default(),
            counts: Counts::default(),
        }
    }

    /// Reads `files`; `each` is called behind every datagram and at the end, and may end it.
    fn read(
        &mut self,
        files: &[impl AsRef<Path>],
        mut each: impl FnMut(u64, &mut Collector, &mut Batches) -> ControlFlow<()>,
    ) -> anyhow::Result<()> {
        let Self { collector, batches, counts } = self;
        let mut ended = false;
        let mut now = 0;
        let mut result = Ok(());
        for path in files {
            result =
                exports::read(path.as_ref(), counts, &mut |datagram: exports::Datagram<'_>| {
                    collector.datagram(datagram.from, datagram.received, datagram.octets, batches);
                    now = datagram.received;
                    let flow = each(now, collector, batches);
                    ended = flow.is_break();
                    flow
                });
            if ended || result.is_err() {
                break;
            }
        }
        if !ended {
            collector.finish(batches);
            let _ = each(now, collector, batches);
        }
        Ok(result?)
    }
}
