//! Sockets that routers send their flows to, the threads behind them, and what those threads keep.
//!
//! * [`options`]: what the room is told. [`error`]: why it does not start.
//! * `socket`: datagram sockets; [`steer`]: which of them a device's datagrams reach; `sys`: the system calls.
//! * [`admission`]: who is listened to, and how much. `contacts`: who has been heard. `desk`: one decoder with all that belongs to it.
//!   `parts`: all of them, with the sockets.
//! * `worker`: the threads that receive datagrams. `stream`: IPFIX over TCP and TLS. `relay`: datagrams sent on.
//! * `state`: templates over a restart; `keeper`: the thread that writes them. [`report`]: what became of everything.
//! * `change`: other options while everything runs; `sockets`: which sockets stay, come and go for them.
//!
//! Every worker serves a socket of every listener, and the sockets of one listener share its datagrams by the sender's
//! address. So all that one device sends, on whatever ports and protocols, meets one decoder, which needs no lock against
//! the others: its templates, its sampling rates and its losses are in one place, and source ports that move tear nothing
//! apart. (The kernel's own choice, a hash that includes the source port, would.)

pub mod admission;
pub mod error;
pub mod options;
pub mod report;
pub mod steer;

mod change;
mod contacts;
mod keeper;
mod parts;
mod relay;
mod shard;
mod socket;
mod sockets;
mod state;
mod stream;
mod sys;
mod thread;
mod worker;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use sensor_core::sync::Unpoisoned as _;

use self::{
    error::IntakeError,
    keeper::Keeper,
    options::{Listener, Options, Transport},
    parts::Parts,
    report::Report,
    shard::{DecoderShard, SharedDecoder, lock},
    sockets::Sockets,
    stream::Streams,
};
use crate::clock;

pub use self::change::{Change, Changed};
pub use self::shard::Sink;
pub use self::state::fresh as fresh_state;
pub use self::thread::Beginnings;

/// Reads the files of a TLS listener, and starts nothing.
///
/// # Errors
/// When one cannot be used.
pub fn check_tls(tls: &options::Tls) -> Result<(), IntakeError> {
    stream::check_tls(tls)
}

/// Tries each listener of `options` as [`Intake::start`] would, and receives nothing: for datagrams, the octets that the
/// receive buffer would have; or why nothing can be received there.
pub fn trials(options: &Options) -> Vec<io::Result<Option<usize>>> {
    let Options { listeners, receive_buffer, .. } = options;
    let trial = |listener: &Listener| {
        let only_v6 = sockets::leaves_v4(listener, listeners);
        match listener.transport {
            Transport::Udp => socket::trial(listener, only_v6, *receive_buffer).map(Some),
            Transport::Tcp | Transport::Tls(_) => stream::trial(listener, only_v6).map(|()| None),
        }
    };
    listeners.iter().map(trial).collect()
}

/// Everything that is listened to. Dropping it leaves the threads running; [`Intake::stop`] ends them.
pub struct Intake {
    parts: Arc<Parts>,
    sink: Sink,
    beginnings: Beginnings,
    stop: Arc<AtomicBool>,
    running: Mutex<Running>,
}

/// What runs, and the options by which it does.
struct Running {
    options: Options,
    /// Octets of memory for each decoder.
    share: usize,
    workers: Vec<JoinHandle<()>>,
    streams: Option<Streams>,
    sockets: Sockets,
    keeper: Option<Keeper>,
}

impl Intake {
    /// Opens all sockets, takes up what the state file holds, and starts to receive. What is decoded goes to `sink`, within
    /// about a second. Without a listener it waits for one that a change brings. Its threads have `beginnings`.
    ///
    /// # Errors
    /// When an address cannot be listened at, a certificate not read, a receiver of forwarded datagrams not found.
    pub fn start(
        options: &Options,
        sink: &Sink,
        beginnings: Beginnings,
    ) -> Result<Self, IntakeError> {
        let Options { workers, rules, memory, inner_headers, .. } = options;
        let has_streams = options.listeners.iter().any(Listener::is_stream);
        let memory = share(*memory, *workers, has_streams);
        let rules = Arc::new(rules.clone());
        let desk = || Arc::new(Mutex::new(DecoderShard::new(&rules, memory, *inner_headers)));
        let desks = (0..*workers).map(|_| desk()).collect();
        let intake = Self {
            parts: Arc::new(Parts::new(desks)),
            sink: sink.clone(),
            beginnings,
            stop: Arc::default(),
            running: Mutex::new(Running {
                options: Options { listeners: Vec::new(), ..options.clone() },
                share: memory,
                workers: Vec::new(),
                streams: None,
                sockets: Sockets::default(),
                keeper: None,
            }),
        };
        let change = intake.prepare(options)?;
        intake.apply(change);
        Ok(intake)
    }

    fn restore(&self, path: &Path) {
        let restored = state::load(path).map(|saved| restore(&self.parts.desks, saved));
        match restored {
            Ok(devices) => tracing::info!("{devices} devices known from {}", path.display()),
            Err(error) if error.is_missing() => {}
            Err(error) => {
                tracing::warn!("{error}; waiting for the devices to resend their templates");
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unpoisoned()
    }

    /// What became of everything so far; none where nothing has ever been listened to.
    pub fn report(&self) -> Option<Report> {
        self.parts.report()
    }

    /// The same for whoever looks from another thread.
    pub fn reporter(&self) -> impl Fn() -> Option<Report> + Send + Sync + use<> {
        let parts = self.parts.clone();
        move || parts.report()
    }

    /// Datagrams that the kernel has dropped so far, by listener. It asks the sockets, and no decoder waits for it.
    pub fn dropped(&self) -> BTreeMap<String, u64> {
        self.parts.dropped()
    }

    /// True when a thread has ended by itself, which is a bug.
    pub fn is_broken(&self) -> bool {
        let running = match self.running.try_lock() {
            Ok(running) => running,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            // A reload is at work with the threads, and will be done when it is next looked.
            Err(TryLockError::WouldBlock) => return false,
        };
        running.workers.iter().any(JoinHandle::is_finished)
            || running.streams.as_ref().is_some_and(Streams::is_finished)
    }

    /// Decodes what the sockets hold, hands all batches on, saves the state, ends.
    pub fn stop(&self) -> Option<Report> {
        self.stop.store(true, Ordering::Relaxed);
        let mut running = self.running();
        for worker in running.workers.drain(..) {
            // A panic has been shown; what the others did still counts.
            let _ = worker.join();
        }
        if let Some(streams) = running.streams.take() {
            streams.stop(running.sockets.accepting());
        }
        if let Some(keeper) = running.keeper.take() {
            // The workers have ended: nothing is learnt any more.
            keeper.stop();
        }
        self.parts.report()
    }
}

/// What part of `memory` each decoder has. TCP and TLS have one of their own: their templates end with the connection, and are
/// never saved.
fn share(memory: usize, workers: usize, has_streams: bool) -> usize {
    memory / (workers + usize::from(has_streams))
}

/// Gives each device to the worker that its datagrams will reach; returns how many were taken.
fn restore(desks: &[SharedDecoder], saved: sensor_wire::device::snapshot::Snapshot) -> usize {
    let version = saved.version;
    let mut shares: Vec<_> = desks.iter().map(|_| Vec::new()).collect();
    for device in saved.devices {
        shares[steer::worker(device.who().source(), desks.len())].push(device);
    }
    let shares = desks.iter().zip(shares);
    shares
        .map(|(desk, devices)| {
            let share = sensor_wire::device::snapshot::Snapshot { version, devices };
            lock(desk).decoder.restore(share, clock::now())
        })
        .sum()
}
