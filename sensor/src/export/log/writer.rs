//! Writes a log of records, of flows or of DNS, from a thread of its own, behind a bounded queue.

use std::{
    io::{self, ErrorKind, Write},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use sensor_core::{
    dns::{DnsBatch, DnsRow},
    flow::{
        batch::FlowBatch,
        fields::Row,
        interfaces::{Interfaces, SharedInterfaces},
        lot::LotPart,
        totals::Totals,
    },
    sync::Unpoisoned as _,
};

use super::{
    csv::Columns,
    dns, json, line,
    lots::{Lines, LotFile},
};
use crate::{
    clock,
    export::{
        queue::{Load, Queue},
        sink::Sink,
        thread::Thread,
    },
    files, stdio,
};

/// How a row is written.
#[derive(Clone, Debug)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Aligned columns under a heading.
    Lines,
    /// Comma-separated values under a heading.
    Csv(Columns),
}

impl Format {
    /// Appends the line above all rows, where there is one.
    pub fn write_heading(&self, out: &mut Vec<u8>) {
        match self {
            Self::Json => {}
            Self::Lines => {
                out.extend_from_slice(line::HEADING.as_bytes());
                out.push(b'\n');
            }
            Self::Csv(columns) => columns.write_heading(out),
        }
    }

    /// Appends a row and its line end.
    pub fn write_row(&self, out: &mut Vec<u8>, row: Row<'_>) {
        match self {
            Self::Json => json::write_row(out, row),
            Self::Lines => line::write_row(out, row),
            Self::Csv(columns) => columns.write_row(out, row),
        }
    }

    /// Appends the line above all DNS records, where there is one.
    pub fn write_dns_heading(&self, out: &mut Vec<u8>) {
        match self {
            Self::Json => {}
            Self::Lines => {
                out.extend_from_slice(dns::HEADING.as_bytes());
                out.push(b'\n');
            }
            Self::Csv(columns) => dns::write_csv_heading(columns, out),
        }
    }

    /// Appends a DNS record and its line end.
    pub fn write_dns(&self, out: &mut Vec<u8>, row: DnsRow<'_>) {
        match self {
            Self::Json => dns::write_json(out, row),
            Self::Lines => dns::write_line(out, row),
            Self::Csv(columns) => dns::write_csv(columns, out, row),
        }
    }
}

/// What a log is of: batches of records that become lines.
pub trait Records: Load {
    /// What messages call the log.
    const KIND: &'static str;
    /// How many there are.
    fn count(&self) -> usize;
    /// What they are of a lot.
    fn part(&self) -> Option<&LotPart>;
    /// Those with these numbers as an amount.
    fn amount_of(&self, rows: Range<usize>) -> Self::Amount;
    /// Appends the line above all of them, where there is one.
    fn write_heading(format: &Format, out: &mut Vec<u8>);
    /// Appends one and its line end.
    fn write_row(&self, row: usize, format: &Format, names: &Interfaces, out: &mut Vec<u8>);
}

impl Records for FlowBatch {
    const KIND: &'static str = "flow log";

    fn count(&self) -> usize {
        self.len()
    }

    fn part(&self) -> Option<&LotPart> {
        self.lot.as_deref()
    }

    fn amount_of(&self, rows: Range<usize>) -> Totals {
        Totals::of_rows(self, rows)
    }

    fn write_heading(format: &Format, out: &mut Vec<u8>) {
        format.write_heading(out);
    }

    fn write_row(&self, row: usize, format: &Format, interfaces: &Interfaces, out: &mut Vec<u8>) {
        format.write_row(out, Row { batch: self, row, interfaces });
    }
}

impl Records for DnsBatch {
    const KIND: &'static str = "DNS log";

    fn count(&self) -> usize {
        self.len()
    }

    fn part(&self) -> Option<&LotPart> {
        self.lot.as_deref()
    }

    fn amount_of(&self, rows: Range<usize>) -> u64 {
        rows.len() as u64
    }

    fn write_heading(format: &Format, out: &mut Vec<u8>) {
        format.write_dns_heading(out);
    }

    fn write_row(&self, row: usize, format: &Format, _: &Interfaces, out: &mut Vec<u8>) {
        format.write_dns(out, self.row(row));
    }
}

/// Octets that are written in one go, or the line that makes them more.
const PIECE: usize = 64 << 10;

/// Standard output, or what a test gives for it: what it has taken it keeps.
struct Stream<W>(W);

impl<W: Write> Lines for Stream<W> {
    fn append(&mut self, lines: &[u8], _: Option<&LotPart>) -> io::Result<()> {
        self.0.write_all(lines)?;
        self.0.flush()
    }
}

/// A running log of flows.
pub type FlowLog = RecordLog<FlowBatch>;
/// A running log of DNS records.
pub type DnsLog = RecordLog<DnsBatch>;

/// A running log.
pub struct RecordLog<T: Load> {
    name: String,
    queue: Arc<Queue<T>>,
    closed_by_reader: Arc<AtomicBool>,
    thread: Option<Thread>,
    /// By when its end was asked for.
    deadline: Mutex<Option<Instant>>,
}

impl<T: Records> RecordLog<T> {
    /// Logs to standard output. At most `queue_records` records wait.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn to_stdout(
        format: Format,
        interfaces: SharedInterfaces,
        queue_records: u64,
    ) -> io::Result<Self> {
        Self::start(
            "standard output".to_owned(),
            Stream(stdio::output()),
            format,
            interfaces,
            queue_records,
        )
    }

    /// Appends JSON lines to `file`. At most `queue_records` records wait.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn to_file(
        file: LotFile,
        interfaces: SharedInterfaces,
        queue_records: u64,
    ) -> io::Result<Self> {
        let name = file.path().display().to_string();
        Self::start(name, file, Format::Json, interfaces, queue_records)
    }

    fn start(
        name: String,
        writer: impl Lines + Send + 'static,
        format: Format,
        interfaces: SharedInterfaces,
        queue_records: u64,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(queue_records));
        let closed_by_reader = Arc::<AtomicBool>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut log = LogThread {
            name: name.clone(),
            writer,
            format,
            interfaces,
            queue: queue.clone(),
            closed_by_reader: closed_by_reader.clone(),
            failing: false,
        };
        let thread = Some(Thread::start("flow-log", move || runtime.block_on(log.run()))?);
        let deadline = Mutex::default();
        Ok(Self { name, queue, closed_by_reader, thread, deadline })
    }
}

impl<T: Records> Sink<T> for RecordLog<T> {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue<T> {
        &self.queue
    }

    fn stop(&self, deadline: Duration) {
        *self.deadline.lock().unpoisoned() = Instant::now().checked_add(deadline);
        self.queue.close();
    }

    fn end(&mut self) {
        self.finish();
    }

    fn leave(&mut self) {
        let deadline = *self.deadline.lock().unpoisoned();
        if let (Some(deadline), Some(thread)) = (deadline, self.thread.take())
            && !thread.join_until(deadline)
        {
            tracing::warn!(
                "{} {}: stopped accepting data; the rest is not written",
                T::KIND,
                self.name
            );
        }
        self.finish();
    }

    fn is_pointless(&self) -> bool {
        self.closed_by_reader.load(Relaxed)
    }
}

impl<T: Load> RecordLog<T> {
    fn finish(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // Where it has panicked, its records are counted below.
            thread.join();
        }
        self.queue.abandon(clock::now());
    }
}

impl<T: Load> Drop for RecordLog<T> {
    fn drop(&mut self) {
        self.finish();
    }
}

struct LogThread<W, T: Load> {
    name: String,
    writer: W,
    format: Format,
    interfaces: SharedInterfaces,
    queue: Arc<Queue<T>>,
    closed_by_reader: Arc<AtomicBool>,
    failing: bool,
}

impl<W: Lines, T: Records> LogThread<W, T> {
    async fn run(&mut self) {
        let mut text = Vec::new();
        T::write_heading(&self.format, &mut text);
        loop {
            // Asked first: a batch may come just before the end.
            let closed = self.queue.is_closed();
            match self.queue.head() {
                Some(batch) => {
                    self.queue.pop();
                    self.write(&batch, &mut text);
                    text.clear();
                }
                None if closed => return,
                None => self.queue.filled().await,
            }
        }
    }

    /// Appends the batch to `text` and writes that, in pieces of whole lines: each is in the log and counts as sent, or is
    /// not and does not.
    fn write(&mut self, batch: &T, text: &mut Vec<u8>) {
        let names = self.interfaces.get();
        let part = batch.part();
        if part.is_some_and(|part| self.writer.has(part)) {
            let records = batch.amount();
            return self.queue.settle(|account| account.send(records, 0));
        }
        // Of a lot, a batch is there as a whole or not at all.
        let piece = if part.is_some() { usize::MAX } else { PIECE };
        let mut first = 0;
        for row in 0..batch.count() {
            batch.write_row(row, &self.format, &names, text);
            if text.len() >= piece || row + 1 == batch.count() {
                self.put(text, batch.amount_of(first..row + 1), part);
                text.clear();
                first = row + 1;
            }
        }
    }

    fn put(&mut self, text: &[u8], records: T::Amount, part: Option<&LotPart>) {
        let written = self.writer.append(text, part);
        let deleted = self.writer.take_deleted();
        self.queue.settle(|account| {
            account.deleted.add(deleted);
            match &written {
                Ok(()) => account.send(records, text.len()),
                Err(_) => account.lose(records, clock::now()),
            }
        });
        match written {
            Ok(()) if std::mem::take(&mut self.failing) => {
                tracing::info!("{} {}: writing records again", T::KIND, self.name);
            }
            Ok(()) => {}
            Err(error) => self.complain(&error),
        }
    }

    fn complain(&mut self, error: &io::Error) {
        if error.kind() == ErrorKind::BrokenPipe {
            self.closed_by_reader.store(true, Relaxed);
            // Nobody will read what comes either: it need not even be written down.
            self.queue.abandon(clock::now());
        } else if !std::mem::replace(&mut self.failing, true) {
            let (kind, name, remedy) = (T::KIND, &self.name, files::remedy(error));
            tracing::error!("{kind} {name}: {error}{remedy}; records are counted as not sent");
        }
    }
}
