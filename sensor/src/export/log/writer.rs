//! Writes a flow log from a thread of its own, behind a bounded queue.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use super::{json, line};
use crate::flow::{batch::FlowBatch, fields::Row, interfaces::SharedInterfaces};

/// Batches that may wait.
const QUEUE_BATCHES: usize = 64;

/// How a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Aligned columns under a heading.
    Lines,
}

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The source waits: a capture file loses nothing.
    Wait,
    /// The batch is counted as lost: a source that cannot wait must not.
    Count,
}

/// What became of the records offered to a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogAccount {
    /// Records written.
    pub written: u64,
    /// Records not written: queue full, or an error.
    pub lost: u64,
}

#[derive(Default)]
struct Counters {
    written: AtomicU64,
    lost: AtomicU64,
    /// Nobody reads any more (a closed pipe).
    closed: AtomicBool,
}

/// A running flow log.
pub struct FlowLog {
    queue: Option<SyncSender<Arc<FlowBatch>>>,
    overflow: Overflow,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

impl FlowLog {
    /// Logs to standard output.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn to_stdout(
        format: Format,
        overflow: Overflow,
        interfaces: SharedInterfaces,
    ) -> io::Result<Self> {
        Self::start("standard output".to_owned(), io::stdout(), format, overflow, interfaces)
    }

    /// Appends to the file at `path`, which is made if need be.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn to_file(
        path: &Path,
        format: Format,
        overflow: Overflow,
        interfaces: SharedInterfaces,
    ) -> io::Result<Self> {
        let file: File = OpenOptions::new().create(true).append(true).open(path)?;
        Self::start(path.display().to_string(), file, format, overflow, interfaces)
    }

    fn start(
        name: String,
        writer: impl Write + Send + 'static,
        format: Format,
        overflow: Overflow,
        interfaces: SharedInterfaces,
    ) -> io::Result<Self> {
        let (queue, batches) = sync_channel(QUEUE_BATCHES);
        let counters = Arc::<Counters>::default();
        let shared = counters.clone();
        let thread = std::thread::Builder::new().name("flow-log".to_owned()).spawn(move || {
            write_batches(&name, writer, format, &batches, &interfaces, &shared);
        })?;
        Ok(Self { queue: Some(queue), overflow, counters, thread: Some(thread) })
    }

    /// Puts a batch into the queue.
    pub fn offer(&self, batch: &Arc<FlowBatch>) {
        let Some(queue) = &self.queue else { return };
        let taken = match self.overflow {
            Overflow::Wait => queue.send(batch.clone()).is_ok(),
            Overflow::Count => match queue.try_send(batch.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
            },
        };
        if !taken {
            self.counters.lost.fetch_add(batch.len() as u64, Relaxed);
        }
    }

    /// True once nobody reads the log any more.
    pub fn is_closed(&self) -> bool {
        self.counters.closed.load(Relaxed)
    }

    /// Writes what waits, and says what became of all.
    pub fn finish(mut self) -> LogAccount {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the flow log thread panicked");
        }
        LogAccount {
            written: self.counters.written.load(Relaxed),
            lost: self.counters.lost.load(Relaxed),
        }
    }
}

fn write_batches(
    name: &str,
    mut writer: impl Write,
    format: Format,
    batches: &Receiver<Arc<FlowBatch>>,
    interfaces: &SharedInterfaces,
    counters: &Counters,
) {
    let mut text = Vec::new();
    if format == Format::Lines {
        text.extend_from_slice(line::HEADING.as_bytes());
        text.push(b'\n');
    }
    let mut failing = false;
    while let Ok(batch) = batches.recv() {
        let names = interfaces.get();
        for row in 0..batch.len() {
            let row = Row { batch: &batch, row, interfaces: &names };
            match format {
                Format::Json => json::write_row(&mut text, row),
                Format::Lines => line::write_row(&mut text, row),
            }
        }
        match writer.write_all(&text).and_then(|()| writer.flush()) {
            Ok(()) => {
                counters.written.fetch_add(batch.len() as u64, Relaxed);
                failing = false;
            }
            Err(error) => {
                counters.lost.fetch_add(batch.len() as u64, Relaxed);
                if error.kind() == ErrorKind::BrokenPipe {
                    counters.closed.store(true, Relaxed);
                } else if !std::mem::replace(&mut failing, true) {
                    tracing::error!("flow log to {name}: {error}; records are counted as lost");
                }
            }
        }
        text.clear();
    }
}
