//! Writes a flow log from a thread of its own, behind a bounded queue.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{csv::Columns, json, line};
use crate::{
    export::{clock, queue::Queue, sink::Sink},
    flow::{batch::FlowBatch, fields::Row, interfaces::SharedInterfaces, totals::Totals},
    stdio,
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
}

/// A running flow log.
pub struct FlowLog {
    name: String,
    queue: Arc<Queue>,
    closed_by_reader: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FlowLog {
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
            stdio::output(),
            format,
            interfaces,
            queue_records,
        )
    }

    /// Appends JSON lines to the file at `path`, which is made if need be. At most `queue_records` records wait.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread can be started.
    pub fn to_file(
        path: &Path,
        interfaces: SharedInterfaces,
        queue_records: u64,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Self::start(path.display().to_string(), file, Format::Json, interfaces, queue_records)
    }

    fn start(
        name: String,
        writer: impl Write + Send + 'static,
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
        let thread = std::thread::Builder::new()
            .name("flow-log".to_owned())
            .spawn(move || runtime.block_on(log.run()))?;
        Ok(Self { name, queue, closed_by_reader, thread: Some(thread) })
    }
}

impl Sink for FlowLog {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn stop(&self, _deadline: Duration) {
        self.queue.close();
    }

    fn end(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook, and its records are counted below.
            let _ = thread.join();
        }
        self.queue.abandon(clock::now());
    }

    fn is_pointless(&self) -> bool {
        self.closed_by_reader.load(Relaxed)
    }
}

impl Drop for FlowLog {
    fn drop(&mut self) {
        self.end();
    }
}

struct LogThread<W> {
    name: String,
    writer: W,
    format: Format,
    interfaces: SharedInterfaces,
    queue: Arc<Queue>,
    closed_by_reader: Arc<AtomicBool>,
    failing: bool,
}

impl<W: Write> LogThread<W> {
    async fn run(&mut self) {
        let mut text = Vec::new();
        self.format.write_heading(&mut text);
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

    /// Appends the batch to `text` and writes that.
    fn write(&mut self, batch: &FlowBatch, text: &mut Vec<u8>) {
        let names = self.interfaces.get();
        for row in 0..batch.len() {
            let row = Row { batch, row, interfaces: &names };
            self.format.write_row(text, row);
        }
        let records = Totals::of(batch);
        match self.writer.write_all(text).and_then(|()| self.writer.flush()) {
            Ok(()) => {
                self.queue.settle(|account| account.send(records, text.len()));
                self.failing = false;
            }
            Err(error) => {
                self.queue.settle(|account| account.lose(records, clock::now()));
                self.complain(&error);
            }
        }
    }

    fn complain(&mut self, error: &io::Error) {
        if error.kind() == ErrorKind::BrokenPipe {
            self.closed_by_reader.store(true, Relaxed);
        } else if !std::mem::replace(&mut self.failing, true) {
            tracing::error!("flow log {}: {error}; records are counted as not sent", self.name);
        }
    }
}
