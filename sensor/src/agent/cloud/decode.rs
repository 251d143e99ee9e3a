//! `sensor decode` of cloud flow logs: as lines, JSON, CSV or largest groups.

use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use sensor_core::flow::{batch::FlowBatch, fields::Row, interfaces::Interfaces};

use super::{Input, ledger};
use crate::{
    agent::{
        plant::top::{PrintOptions, TopGroups},
        status::cloud::Cloud,
    },
    export::log::Format,
    replay::objects::Objects,
    stdio,
};

/// What is shown of logs.
#[derive(Clone, Debug)]
pub struct Show {
    /// Flows, and how.
    pub flows: Option<PrintOptions>,
    /// The ledger of records.
    pub ledger: bool,
}

/// Decodes the logs that `files` name and prints what `show` says on stdout, and a summary on stderr.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is decoded all the same. Records that the ledger does
/// not account for.
pub fn decode(files: &[impl AsRef<Path>], show: Show, input: Input) -> anyhow::Result<()> {
    let mut objects = Objects::new(input.format, input.hints, input.reporting, input.now);
    let top = show.flows.as_ref().and_then(TopGroups::new);
    let each = show.flows.filter(|_| top.is_none());
    let mut printer = Printer {
        out: BufWriter::with_capacity(1 << 16, stdio::output()),
        line: Vec::new(),
        format: each.map(|shown| shown.format()),
        top,
        interfaces: Interfaces::default(),
    };
    let mut written = printer.heading();
    let printed = printer.format.is_some();
    let read = super::read(&mut objects, files, printed, |batch| {
        written = printer.batch(&batch);
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let cloud = Cloud::of(&objects);
    if show.ledger && written.is_ok() {
        written = printer.out.write_all(ledger::all(&cloud).as_bytes());
    }
    match written.and_then(|()| printer.finish()) {
        // Nobody reads on.
        Err(error) if stdio::is_closed_output(&error) => return Ok(()),
        written => written?,
    }
    ledger::losses(&cloud).print(ledger::line(&cloud));
    read.and_then(|()| cloud.check())
}

/// Prints flows, or groups of them.
struct Printer<W: Write> {
    out: BufWriter<W>,
    line: Vec<u8>,
    format: Option<Format>,
    top: Option<TopGroups>,
    interfaces: Interfaces,
}

impl<W: Write> Printer<W> {
    fn heading(&mut self) -> io::Result<()> {
        let Some(format) = &self.format else { return Ok(()) };
        format.write_heading(&mut self.line);
        self.out.write_all(&self.line)
    }

    fn batch(&mut self, batch: &FlowBatch) -> io::Result<()> {
        let Self { out, line, format, top, interfaces } = self;
        if let Some(top) = top {
            top.add(batch, interfaces);
        }
        let Some(format) = format else { return Ok(()) };
        line.clear();
        for row in 0..batch.len() {
            format.write_row(line, Row { batch, row, interfaces });
        }
        out.write_all(line)
    }

    fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.top.map_or(Ok(()), |top| top.print())
    }
}
