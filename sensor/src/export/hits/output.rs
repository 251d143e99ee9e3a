//! One output: a queue, a thread that empties it, and an end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_core::{policy::alert::Alert, sync::Unpoisoned as _};
use tokio::{sync::watch, time::Instant};

use super::{
    deliver::Delivery, error::HitsError, options::OutputOptions, process::Process, spool::Spool,
    status::Status,
};
use crate::{
    clock,
    export::{files::Reopen, queue::Queue, sink::Sink, thread::Thread},
};

/// How long its thread may take to give up at the deadline of the stop.
const GRACE: Duration = Duration::from_millis(500);

/// A running output.
pub struct Output {
    name: String,
    queue: Arc<Queue<Alert>>,
    status: Arc<Mutex<Status>>,
    stop: watch::Sender<Option<Instant>>,
    thread: Option<Thread>,
}

impl Output {
    /// Starts it. A receiver that cannot be reached is no error: it is tried again.
    pub fn start(options: OutputOptions, reopen: &Arc<Reopen>) -> Result<Self, HitsError> {
        let name = options.destination.to_string();
        let queue = Arc::new(Queue::new(options.queue));
        let status = Arc::<Mutex<Status>>::default();
        let (stop, stopped) = watch::channel(None);
        let spool = match &options.spool {
            None => None,
            Some(spool) => {
                Some(Spool::open(&spool.directory, spool.max_size).map_err(|source| {
                    HitsError::Spool { directory: spool.directory.clone(), source }
                })?)
            }
        };
        let (delivery, renderer) =
            Delivery::open(options.destination, options.format, Arc::clone(reopen))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(HitsError::Start)?;
        let process = Process::new(
            name.clone(),
            Arc::clone(&queue),
            renderer,
            spool,
            Arc::clone(&status),
            stopped,
        );
        let work = move || {
            runtime.block_on(process.run(delivery));
            // A name resolution that hangs must not hold up the end.
            runtime.shutdown_background();
        };
        let thread = Thread::start("hits", work).map_err(HitsError::Start)?;
        Ok(Self { name, queue, status, stop, thread: Some(thread) })
    }
}

impl Sink<Alert> for Output {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue<Alert> {
        &self.queue
    }

    /// Delivers what waits. A receiver in an outage is tried once more.
    fn stop(&self, deadline: Duration) {
        self.queue.close();
        self.stop.send_replace(Some(Instant::now() + deadline));
    }

    fn end(&mut self) {
        if self.stop.borrow().is_none() {
            self.stop(Duration::ZERO);
        }
        if let Some(thread) = self.thread.take() {
            // Where it has panicked, its events are counted below.
            thread.join();
        }
        self.queue.abandon(clock::now());
    }

    fn leave(&mut self) {
        let deadline = *self.stop.borrow();
        if let (Some(deadline), Some(thread)) = (deadline, self.thread.take())
            && !thread.join_until(deadline.into_std() + GRACE)
        {
            tracing::warn!(output = %self.name, "stopped accepting data; the rest is not delivered");
        }
        self.end();
    }

    fn last_error(&self) -> Option<String> {
        self.status.lock().unpoisoned().error.clone()
    }

    fn is_pointless(&self) -> bool {
        self.status.lock().unpoisoned().gone
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.end();
    }
}
