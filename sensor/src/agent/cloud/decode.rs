//! `sensor decode` of cloud logs, of flows and of DNS: as lines, JSON, CSV or largest groups.

use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use sensor_core::{
    dns::DnsBatch,
    flow::{
        batch::FlowBatch,
        fields::{RecordKind, Row},
        interfaces::Interfaces,
    },
    nql::Filter,
};

use super::{Input, ledger};
use crate::{
    agent::{
        plant::top::{PrintOptions, TopGroups},
        status::cloud::Cloud,
    },
    export::log::Format,
    replay::objects::{Batch, Objects},
    stdio,
};

/// What is shown of logs.
#[derive(Clone, Debug)]
pub struct Show {
    /// Flows and DNS records, and how.
    pub flows: Option<PrintOptions>,
    /// Only the DNS records that fulfil this.
    pub dns_filter: Option<Filter>,
    /// The ledger of records.
    pub ledger: bool,
}

/// Decodes the logs that `files` name and prints what `show` says on stdout, and a summary on stderr.
///
/// # Errors
/// The first file that cannot be read to its end; what was read of it is decoded all the same. Records that the ledger does
/// not account for.
pub fn decode(files: &[impl AsRef<Path>], show: Show, input: Input) -> anyhow::Result<()> {
    let mut objects = Objects::new(input.format, input.hints, input.reporting);
    let top = show.flows.as_ref().and_then(TopGroups::new);
    let each = show.flows.filter(|_| top.is_none());
    let mut printer = Printer {
        out: BufWriter::with_capacity(1 << 16, stdio::output()),
        line: Vec::new(),
        format: each.map(|shown| shown.format()),
        heading: None,
        top,
        dns_filter: show.dns_filter,
        interfaces: Interfaces::default(),
    };
    let mut written = Ok(());
    let printed = printer.format.is_some();
    let read = super::read(&mut objects, files, printed, |batch| {
        written = match batch {
            Batch::Flows(batch) => printer.flows(&batch),
            Batch::Dns(batch) => printer.dns(batch),
        };
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

/// Prints flows, or groups of them, and DNS records.
struct Printer<W: Write> {
    out: BufWriter<W>,
    line: Vec<u8>,
    format: Option<Format>,
    /// What the lines above were of.
    heading: Option<RecordKind>,
    dns_filter: Option<Filter>,
    top: Option<TopGroups>,
    interfaces: Interfaces,
}

impl<W: Write> Printer<W> {
    /// Appends a heading where records of another kind follow than came before.
    fn turn_to(&mut self, kind: RecordKind) {
        if self.heading.replace(kind) == Some(kind) {
            return;
        }
        match (&self.format, kind) {
            (Some(format), RecordKind::Dns) => format.write_dns_heading(&mut self.line),
            (Some(format), _) => format.write_heading(&mut self.line),
            (None, _) => {}
        }
    }

    fn flows(&mut self, batch: &FlowBatch) -> io::Result<()> {
        self.line.clear();
        self.turn_to(RecordKind::Flow);
        let Self { out, line, format, top, interfaces, .. } = self;
        if let Some(top) = top {
            top.add(batch, interfaces);
        }
        let Some(format) = format else { return Ok(()) };
        for row in 0..batch.len() {
            format.write_row(line, Row { batch, row, interfaces });
        }
        out.write_all(line)
    }

    fn dns(&mut self, mut batch: DnsBatch) -> io::Result<()> {
        if let Some(filter) = &self.dns_filter {
            batch.keep(&filter.dns_rows(&batch));
        }
        self.line.clear();
        if !batch.is_empty() {
            self.turn_to(RecordKind::Dns);
        }
        let Self { out, line, format, .. } = self;
        let Some(format) = format else { return Ok(()) };
        batch.rows().for_each(|row| format.write_dns(line, row));
        out.write_all(line)
    }

    fn finish(mut self) -> io::Result<()> {
        if self.heading.is_none() {
            // A table without rows is one, too.
            self.line.clear();
            self.turn_to(RecordKind::Flow);
            self.out.write_all(&self.line)?;
        }
        self.out.flush()?;
        self.top.map_or(Ok(()), |top| top.print())
    }
}
