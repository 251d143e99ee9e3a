//! What the threads of the intake work with, and what became of everything that they received.
//!
//! A reload changes sockets and receivers while the workers run: it publishes the new ones and counts the change, and each
//! worker takes them over when it next comes round. Listeners have numbers for good, by which decoders count: the
//! counts of one that has ended stay, and go on if it comes back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use sensor_core::sync::Unpoisoned as _;

use super::{
    relay::Relay,
    report::{ListenerReport, Report, ended},
    shard::{SharedDecoder, lock},
    socket::Port,
    stream,
};

/// What reports are made of.
pub(super) struct Parts {
    /// One for each worker.
    pub(super) desks: Vec<SharedDecoder>,
    listeners: Mutex<Listeners>,
    relay: Mutex<Arc<Relay>>,
    /// Once there is a listener for connections.
    pub(super) streams: OnceLock<Arc<stream::Service>>,
    /// Changes of sockets and receivers so far.
    changes: AtomicU64,
}

/// All listeners, with the sockets of those for datagrams.
#[derive(Default)]
struct Listeners {
    /// By number.
    known: Vec<Known>,
    /// Sockets of each worker, those that are about to end included.
    ports: Vec<Vec<Arc<Port>>>,
}

/// A listener that there is, or was.
struct Known {
    name: String,
    is_open: bool,
    /// Datagrams that the kernel dropped at sockets that are closed.
    dropped: u64,
    /// Datagrams that came to them too late.
    too_late: u64,
}

impl Parts {
    /// No listener, and no receiver of forwarded datagrams.
    pub(super) fn new(desks: Vec<SharedDecoder>) -> Self {
        let ports = desks.iter().map(|_| Vec::new()).collect();
        Self {
            desks,
            listeners: Mutex::new(Listeners { known: Vec::new(), ports }),
            relay: Mutex::default(),
            streams: OnceLock::new(),
            changes: AtomicU64::new(0),
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unpoisoned()
    }

    /// How many changes there have been: behind another number there is something new to work with.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The number of the listener `name`, which is open from now on. Every decoder has room for what comes there.
    pub(super) fn number(&self, name: &str) -> usize {
        let mut listeners = self.listeners();
        let known = &mut listeners.known;
        let number = match known.iter().position(|known| known.name == name) {
            Some(number) => number,
            None => {
                let name = name.to_owned();
                known.push(Known { name, is_open: false, dropped: 0, too_late: 0 });
                known.len() - 1
            }
        };
        known[number].is_open = true;
        let all = known.len();
        drop(listeners);
        self.desks.iter().for_each(|desk| lock(desk).make_room(all));
        if let Some(streams) = self.streams.get() {
            streams.make_room(all);
        }
        number
    }

    /// The listener `number` takes no more.
    pub(super) fn close(&self, number: usize) {
        self.listeners().known[number].is_open = false;
    }

    /// Has each worker serve its one of `group` for listener `number` as well.
    pub(super) fn add(&self, group: &[Arc<Port>], number: usize) {
        let mut listeners = self.listeners();
        group.iter().for_each(|port| port.belong_to(number));
        let places = listeners.ports.iter_mut().zip(group);
        places.for_each(|(ports, port)| ports.push(port.clone()));
        drop(listeners);
        self.changed();
    }

    /// Has the workers look at their sockets again.
    pub(super) fn look_again(&self) {
        self.changed();
    }

    /// The sockets of worker `index`.
    pub(super) fn ports(&self, index: usize) -> Vec<Arc<Port>> {
        self.listeners().ports[index].clone()
    }

    /// Whether a worker still serves one of `ports`.
    pub(super) fn serves(&self, ports: &[Arc<Port>]) -> bool {
        let listeners = self.listeners();
        let mut served = listeners.ports.iter().flatten();
        served.any(|served| ports.iter().any(|port| Arc::ptr_eq(port, served)))
    }

    /// Takes `port`, which is closed and empty, from worker `index`; keeps its counts.
    pub(super) fn retire(&self, index: usize, port: &Arc<Port>) {
        let mut listeners = self.listeners();
        listeners.ports[index].retain(|other| !Arc::ptr_eq(other, port));
        let known = &mut listeners.known[port.listener()];
        known.dropped += u64::from(port.dropped());
        known.too_late += u64::from(port.too_late());
        drop(listeners);
        self.changed();
    }

    /// What `port` has dropped so far counts for its listener; from now on it is of listener `number`.
    pub(super) fn rename(&self, port: &Port, number: usize) {
        let mut listeners = self.listeners();
        let before = port.listener();
        listeners.known[before].dropped += u64::from(port.pass_to(number));
    }

    /// Where datagrams are sent on to.
    pub(super) fn relay(&self) -> Arc<Relay> {
        self.relay.lock().unpoisoned().clone()
    }

    /// From now on datagrams are sent on as `relay` says.
    pub(super) fn set_relay(&self, relay: Relay) {
        *self.relay.lock().unpoisoned() = Arc::new(relay);
        self.changed();
    }

    /// Datagrams that the kernel has dropped so far, by listener. It asks the sockets, and no decoder waits for it.
    pub(super) fn dropped(&self) -> BTreeMap<String, u64> {
        let listeners = self.listeners();
        let mut dropped: BTreeMap<_, _> =
            listeners.known.iter().map(|known| (known.name.clone(), known.dropped)).collect();
        for port in listeners.ports.iter().flatten() {
            let name = &listeners.known[port.listener()].name;
            *dropped.entry(name.clone()).or_default() += u64::from(port.dropped());
        }
        dropped
    }

    /// What became of everything; none where nothing has ever been listened to.
    pub(super) fn report(&self) -> Option<Report> {
        // Held to the end: a socket is counted as one that is open, or else as one that has been closed.
        let listeners = self.listeners();
        if listeners.known.is_empty() {
            return None;
        }
        let mut report = Report::default();
        let as_known = |known: &Known| ListenerReport {
            dropped: known.dropped,
            too_late: known.too_late,
            ..ListenerReport::default()
        };
        let mut all: Vec<_> = listeners.known.iter().map(as_known).collect();
        let mut add = |counts: &[super::report::Count]| {
            all.iter_mut().zip(counts).for_each(|(listener, count)| listener.add(*count));
        };
        for desk in &self.desks {
            let desk = lock(desk);
            report.add_desk(&desk);
            add(&desk.received);
        }
        if let Some(streams) = self.streams.get() {
            streams.report(&mut report, add);
        }
        for port in listeners.ports.iter().flatten() {
            let listener = &mut all[port.listener()];
            listener.dropped += u64::from(port.dropped());
            listener.too_late += u64::from(port.too_late());
        }
        for (known, listener) in listeners.known.iter().zip(all) {
            if known.is_open {
                report.listeners.insert(known.name.clone(), listener);
            } else if listener != ListenerReport::default() {
                report.listeners.insert(ended(&known.name), listener);
            }
        }
        report.forwards = self.relay().report();
        Some(report)
    }
}
