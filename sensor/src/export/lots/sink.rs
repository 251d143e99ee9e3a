//! The output: a queue, and a thread that empties it.

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use tokio::{sync::watch, time::Instant};

use super::{
    carrier::Carrier,
    error::LotsError,
    lot::Cutter,
    process::{Process, Status},
};
use crate::{
    clock,
    export::{queue::Queue, sink::Sink},
};

/// A running output that sends lots.
pub struct LotsSink {
    name: String,
    queue: Arc<Queue>,
    status: Arc<Mutex<Status>>,
    stop: watch::Sender<Option<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl LotsSink {
    /// Starts sending what is offered to `carrier`, in lots. `kind` names the thread. Who cannot be reached is no error: that is tried again.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(
        kind: &'static str,
        name: String,
        carrier: impl Carrier,
        lots: Cutter,
        queue: u64,
    ) -> Result<Self, LotsError> {
        let queue = Arc::new(Queue::new(queue));
        let status: Arc<Mutex<Status>> = Arc::default();
        let (stop, stopped) = watch::channel(None);
        let process = Process::new(
            name.clone(),
            carrier,
            lots,
            Arc::clone(&queue),
            Arc::clone(&status),
            stopped,
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(LotsError::Start)?;
        let work = move || {
            runtime.block_on(process.run());
            // A name resolution that hangs must not hold up the end.
            runtime.shutdown_background();
        };
        let thread =
            std::thread::Builder::new().name(kind.into()).spawn(work).map_err(LotsError::Start)?;
        Ok(Self { name, queue, status, stop, thread: Some(thread) })
    }
}

impl Sink for LotsSink {
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

    /// How many times lots were sent again.
    fn repeated(&self) -> Option<u64> {
        Some(self.status.lock().unpoisoned().repeated)
    }

    /// Sends what waits. A server in an outage is tried once more.
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

impl Drop for LotsSink {
    fn drop(&mut self) {
        self.end();
    }
}
