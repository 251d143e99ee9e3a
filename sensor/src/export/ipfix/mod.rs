//! IPFIX exporting processes (RFC 7011 section 2): one per collector or directory of files.
//!
//! Each runs on a thread of its own, which drives one small async loop: a collector that blocks, or a disk that
//! does, holds up nothing but itself.
//!
//! * [`options`]: where to and how.
//! * [`metering`]: what the sensor reports about itself to every collector.
//! * `process`: the loop: connect, announce, send, reconnect, stop.
//! * `connect`: how sessions are opened.
//! * `hits`: events as records, beside the flows.
//! * `session`: one connection or file: the ways a message can go.
//! * [`error`]: what goes wrong on the way.

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use sensor_core::{policy::alert::Alert, sync::Unpoisoned as _};
use tokio::{sync::watch, time::Instant};

use self::{
    error::ExportError,
    metering::MeteringProcess,
    options::{Destination, ExportTime, IpfixOptions},
    process::Process,
};
use super::{
    queue::Queue,
    sink::{IpfixTuning, Sink, Tuning},
};
use crate::clock;

pub mod error;
pub mod metering;
pub mod options;

pub use hits::IpfixAlertSink;
pub use status::Status;

mod connect;
mod file;
mod hits;
mod in_flight;
mod process;
mod session;
mod status;

/// A running exporting process.
pub struct IpfixSink {
    name: String,
    queue: Arc<Queue>,
    hits: Option<(Arc<Queue<Alert>>, ExportTime)>,
    status: Arc<Mutex<Status>>,
    tune: watch::Sender<IpfixTuning>,
    stop: watch::Sender<Option<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl IpfixSink {
    /// Starts exporting to `destination`. A destination that cannot be reached is no error: it is tried again.
    /// Errors are those of the options: certificates that cannot be read, a thread that cannot be started.
    pub fn start(
        destination: Destination,
        options: IpfixOptions,
        metering: &Arc<MeteringProcess>,
    ) -> Result<Self, ExportError> {
        let name = destination.to_string();
        let queue = Arc::new(Queue::new(options.queue_records));
        let hits = options.hits.map(|hits| Arc::new(Queue::new(hits.queue)));
        let status = Arc::default();
        let (stop, stopped) = watch::channel(None);
        let (tune, tuning) = watch::channel(options.tuning(&destination));
        let process = Process::new(
            destination,
            options,
            (Arc::clone(&queue), hits.clone()),
            Arc::clone(&status),
            metering,
            (tuning, stopped),
        )?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ExportError::Start)?;
        let work = move || {
            runtime.block_on(process.run());
            // A name resolution that hangs must not hold up the end.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("ipfix-export".into())
            .spawn(work)
            .map_err(ExportError::Start)?;
        let hits = hits.map(|hits| (hits, options.export_time));
        Ok(Self { name, queue, hits, status, tune, stop, thread: Some(thread) })
    }

    /// Its output of hits, where the options ask for one.
    pub fn hits(&self) -> Option<IpfixAlertSink> {
        let (queue, export_time) = self.hits.as_ref()?;
        Some(IpfixAlertSink::new(&self.name, Arc::clone(queue), *export_time))
    }

    /// How it stands with its destination.
    pub fn status(&self) -> Status {
        self.status.lock().unpoisoned().clone()
    }
}

impl Sink for IpfixSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn tune(&self, tuning: Tuning) {
        self.queue.set_bound(tuning.queue);
        if let Some(ipfix) = tuning.ipfix {
            self.tune.send_if_modified(|known| std::mem::replace(known, ipfix) != ipfix);
        }
    }

    fn last_error(&self) -> Option<String> {
        self.status().error
    }

    fn connection(&self) -> Option<(bool, u64)> {
        let Status { connected, outages, .. } = self.status();
        Some((connected, outages))
    }

    /// Sends what waits and the last statistics, and closes. A destination in an outage is tried once more.
    fn stop(&self, deadline: Duration) {
        self.queue.close();
        if let Some((hits, _)) = &self.hits {
            hits.close();
        }
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
        if let Some((hits, _)) = &self.hits {
            hits.abandon(clock::now());
        }
    }
}

impl Drop for IpfixSink {
    fn drop(&mut self) {
        self.end();
    }
}
