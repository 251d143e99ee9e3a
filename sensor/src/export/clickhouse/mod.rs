//! Flow records into a table of ClickHouse, by HTTP, as rows of RowBinary.
//!
//! Records are cut into lots. A lot is made once and stays as it is until the server has acknowledged it: a repeat is the same
//! octets under the same token, which the server counts once. So a connection that breaks, a server that is started again, or an answer that is
//! lost doubles nothing and loses nothing, as long as the sensor itself runs.
//!
//! * [`options`]: where to, and how lots are cut. `lot`: cuts them. `client`: posts one. `process`: the loop.

pub mod error;
pub mod options;

mod client;
mod lot;
mod process;

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use tokio::{sync::watch, time::Instant};

use self::{
    client::{Client, Failure},
    error::ClickHouseError,
    options::ClickHouseOptions,
    process::{Process, Status},
};
use super::{queue::Queue, sink::Sink};
use crate::clock;

/// A running output to ClickHouse.
pub struct ClickHouseSink {
    name: String,
    queue: Arc<Queue>,
    status: Arc<Mutex<Status>>,
    stop: watch::Sender<Option<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl ClickHouseSink {
    /// Starts inserting. A server that cannot be reached is no error: it is tried again.
    ///
    /// # Errors
    /// Certificates or credentials that cannot be read, a thread that cannot be started.
    pub fn start(options: &ClickHouseOptions, queue: u64) -> Result<Self, ClickHouseError> {
        let name = options.to_string();
        let queue = Arc::new(Queue::new(queue));
        let status: Arc<Mutex<Status>> = Arc::default();
        let (stop, stopped) = watch::channel(None);
        let client = Client::new(options.clone())?;
        let lots = lot::Cutter::new(options, clock::now());
        let process = Process::new(
            name.clone(),
            client,
            lots,
            Arc::clone(&queue),
            Arc::clone(&status),
            stopped,
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ClickHouseError::Start)?;
        let work = move || {
            runtime.block_on(process.run());
            // A name resolution that hangs must not hold up the end.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("clickhouse".into())
            .spawn(work)
            .map_err(ClickHouseError::Start)?;
        Ok(Self { name, queue, status, stop, thread: Some(thread) })
    }
}

/// Whether an output can be started with these options.
///
/// # Errors
/// Certificates or credentials that cannot be read.
pub fn check(options: &ClickHouseOptions) -> Result<(), ClickHouseError> {
    Client::new(options.clone()).map(drop)
}

/// Has the server do a statement, such as the one that makes the table, or a question; what it answers.
///
/// # Errors
/// When it cannot be asked, or refuses.
pub fn ask(options: &ClickHouseOptions, statement: &str) -> Result<String, ClickHouseError> {
    let client = Client::new(options.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ClickHouseError::Start)?;
    let answer = runtime.block_on(client.ask(statement));
    runtime.shutdown_background();
    let (Failure::Later(problem) | Failure::Refused(problem)) = match answer {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    Err(ClickHouseError::Settings { output: options.to_string(), problem })
}

impl Sink for ClickHouseSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn last_error(&self) -> Option<String> {
        self.status.lock().unpoisoned().error.clone()
    }

    fn connection(&self) -> Option<(bool, u64)> {
        let status = self.status.lock().unpoisoned();
        Some((status.connected, status.outages))
    }

    /// How many times lots were posted again.
    fn repeated(&self) -> Option<u64> {
        Some(self.status.lock().unpoisoned().repeated)
    }

    /// Inserts what waits. A server in an outage is tried once more.
    fn stop(&self, deadline: Duration) {
        self.queue.close();
        self.stop.send_replace(Some(Instant::now() + deadline));
    }

    fn end(&mut self) {
        if self.stop.borrow().is_none() {
            self.stop(Duration::ZERO);
        }
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook, and its records are counted below.
            let _ = thread.join();
        }
        self.queue.abandon(clock::now());
    }
}

impl Drop for ClickHouseSink {
    fn drop(&mut self) {
        self.end();
    }
}
