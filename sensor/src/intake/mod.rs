//! Sockets that routers send their flows to, the threads behind them, and what those threads keep.
//!
//! * [`options`]: what the room is told. [`error`]: why it does not start.
//! * `socket`: datagram sockets; [`steer`]: which of them a device's datagrams reach; `sys`: the system calls.
//! * [`admission`]: who is listened to, and how much. `contacts`: who has been heard. `desk`: one decoder with all that belongs to it.
//!   `parts`: all of them, with the sockets.
//! * `worker`: the threads that receive datagrams. `stream`: IPFIX over TCP and TLS. `relay`: datagrams sent on.
//! * `state`: templates over a restart. [`report`]: what became of everything.
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

mod contacts;
mod parts;
mod relay;
mod shard;
mod socket;
mod state;
mod stream;
mod sys;
mod thread;
mod worker;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use self::{
    admission::Rules,
    error::IntakeError,
    options::{Options, Transport},
    parts::Parts,
    relay::Relay,
    report::Report,
    shard::{DecoderShard, SharedDecoder, lock},
    socket::Port,
    stream::Streams,
    thread::thread,
};
use crate::clock;

pub use self::shard::Sink;
pub use self::state::fresh as fresh_state;

/// Reads the files of a TLS listener, and starts nothing.
///
/// # Errors
/// When one cannot be used.
pub fn check_tls(tls: &options::Tls) -> Result<(), IntakeError> {
    stream::check_tls(tls)
}

/// Everything that is listened to. Dropping it leaves the threads running; [`Intake::stop`] ends them.
pub struct Intake {
    parts: Arc<Parts>,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
    streams: Option<Streams>,
    keeper: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Intake {
    /// Opens all sockets, takes up what the state file holds, and starts to receive. What is decoded goes to `sink`, within
    /// about a second.
    ///
    /// # Errors
    /// When an address cannot be listened at, a certificate not read, a receiver of forwarded datagrams not found.
    pub fn start(options: &Options, sink: &Sink) -> Result<Self, IntakeError> {
        let Options { listeners, workers, rules, state, .. } = options;
        let rules = Arc::new(rules.clone());
        let udp: Vec<_> = listeners.iter().filter(|l| l.transport == Transport::Udp).collect();
        let mut ports: Vec<Vec<Port>> = (0..*workers).map(|_| Vec::new()).collect();
        for listener in &udp {
            let group = socket::open(listener, &udp, *workers, options.receive_buffer)?;
            ports.iter_mut().zip(group).for_each(|(of_worker, port)| of_worker.push(port));
        }
        let relay = match options.forwards.as_slice() {
            [] => None,
            forwards => Some(Relay::open(forwards, &udp)?),
        };
        let streams = stream::Listeners::open(listeners)?;
        let memory = options.memory / (*workers + usize::from(streams.is_some()));
        let desks: Vec<_> = (0..*workers).map(|_| desk(options, &rules, memory)).collect();
        if let Some(state) = state {
            let restored = state::load(&state.path).map(|saved| restore(&desks, saved));
            match restored {
                Ok(devices) => {
                    tracing::info!("{devices} devices known from {}", state.path.display());
                }
                Err(error) if error.is_missing() => {}
                Err(error) => {
                    tracing::warn!("{error}; waiting for the devices to resend their templates");
                }
            }
            // Before anything is lost: a file that cannot be written is a mistake.
            state::probe(&state.path)?;
        }
        // TCP and TLS have a decoder of their own: their templates end with the connection, and are never saved.
        let streams = match streams {
            None => None,
            Some(open) => {
                let desk = desk(options, &rules, memory);
                Some(Streams::start(open, desk, options, sink.clone())?)
            }
        };
        let shared = streams.as_ref().map(Streams::shared);
        let parts = Arc::new(Parts { desks, ports, relay, streams: shared });
        let stop = Arc::new(AtomicBool::new(false));
        let mut running = Vec::new();
        if !udp.is_empty() {
            for index in 0..*workers {
                let (parts, sink, stop) = (parts.clone(), sink.clone(), stop.clone());
                let work = move || worker::run(index, &parts, &sink, &stop);
                running.push(thread(&format!("intake-{index}"), work)?);
            }
        }
        let keeper = match state.clone() {
            None => None,
            Some(options::State { path, interval }) => {
                let (end, ended) = mpsc::channel::<()>();
                let parts = parts.clone();
                let keep = move || {
                    while ended.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
                        state::save(&path, &parts.desks);
                    }
                    // The workers have ended: nothing is learnt any more.
                    state::save(&path, &parts.desks);
                };
                Some((end, thread("intake-state", keep)?))
            }
        };
        Ok(Self { parts, stop, workers: running, streams, keeper })
    }

    /// What became of everything so far.
    pub fn report(&self) -> Report {
        self.parts.report()
    }

    /// The same for whoever looks from another thread.
    pub fn reporter(&self) -> impl Fn() -> Report + Send + Sync + use<> {
        let parts = self.parts.clone();
        move || parts.report()
    }

    /// Datagrams that the kernel has dropped so far, by listener. It asks the sockets, and no decoder waits for it.
    pub fn dropped(&self) -> BTreeMap<String, u64> {
        let mut dropped = BTreeMap::new();
        for port in self.parts.ports.iter().flatten() {
            *dropped.entry(port.name.clone()).or_default() += u64::from(port.dropped());
        }
        dropped
    }

    /// True when a thread has ended by itself, which is a bug.
    pub fn is_broken(&self) -> bool {
        self.workers.iter().any(JoinHandle::is_finished)
            || self.streams.as_ref().is_some_and(Streams::is_finished)
    }

    /// Decodes what the sockets hold, hands all batches on, saves the state, ends.
    pub fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            // A panic has been shown; what the others did still counts.
            let _ = worker.join();
        }
        if let Some(streams) = self.streams {
            streams.stop();
        }
        if let Some((end, keeper)) = self.keeper {
            drop(end);
            let _ = keeper.join();
        }
        self.parts.report()
    }
}

fn desk(options: &Options, rules: &Arc<Rules>, memory: usize) -> SharedDecoder {
    let listeners = options.listeners.len();
    Arc::new(Mutex::new(DecoderShard::new(rules.clone(), listeners, memory, options.inner_headers)))
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
