//! `sensor decode`: captured exports as lines, JSON, CSV or largest groups.

use std::{
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use sensor_core::flow::{fields::Row, interfaces::Interfaces};
use sensor_wire::decoder::Options;

use super::{Files, Step, ledger};
use crate::{
    agent::{
        plant::top::{PrintOptions, TopGroups},
        status::exports::Exports,
    },
    export::log::options,
    stdio,
};

/// What is shown of exports.
#[derive(Clone, Debug)]
pub struct Show {
    /// Flows, and how.
    pub flows: Option<PrintOptions>,
    /// Records of options.
    pub options: bool,
    /// The ledger of octets.
    pub ledger: bool,
}

/// Decodes `files` in their order by a `collector` of these options, and prints what `show` says on stdout, and a summary on stderr.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is decoded all the same. Octets that the ledger does
/// not account for.
pub fn decode(files: &[impl AsRef<Path>], show: Show, collector: Options) -> anyhow::Result<()> {
    let decoder = Options { keep_options: show.options, ..collector };
    let mut out = BufWriter::with_capacity(1 << 16, stdio::output());
    let mut written = Ok(());
    let mut line = Vec::new();
    let interfaces = Interfaces::default();
    let top = show.flows.as_ref().and_then(TopGroups::new);
    let each = show.flows.filter(|_| top.is_none());
    let format = each.map(|shown| shown.format());
    if let Some(format) = &format {
        format.write_heading(&mut line);
        written = out.write_all(&line);
    }
    let printed = format.is_some() || show.options;
    let mut decoded = Files::new(decoder);
    let read = decoded.read(files, printed, |step, collector, batches| {
        if step != Step::Behind {
            return ControlFlow::Continue(());
        }
        line.clear();
        batches.exchange(true, |batch| {
            if let Some(top) = &top {
                top.add(&batch, &interfaces);
            }
            if let Some(format) = &format {
                for row in 0..batch.len() {
                    format
                        .write_row(&mut line, Row { batch: &batch, row, interfaces: &interfaces });
                }
            }
            Some(batch)
        });
        for record in collector.take_options() {
            options::write_record(&mut line, &record);
        }
        written = out.write_all(&line);
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let exports = Exports::of(decoded.counts, &decoded.collector);
    if show.ledger && written.is_ok() {
        written = out.write_all(ledger::all(&decoded.collector, &exports).as_bytes());
    }
    let top = || top.map_or(Ok(()), |top| top.print());
    match written.and_then(|()| out.flush()).and_then(|()| top()) {
        // Nobody reads on.
        Err(error) if stdio::is_closed_output(&error) => return Ok(()),
        written => written?,
    }
    ledger::losses(&exports).print(ledger::line(&exports));
    read.and_then(|()| exports.check())
}
