//! What all connections share: the decoder, who may connect, how long they may be silent, and what became of them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use sensor_wire::device::state;

use super::slots::Slots;
use crate::{
    clock,
    intake::{
        admission::Rules,
        options::Options,
        report::{ConnectionReport, Count, Report},
        shard::{SharedDecoder, Sink, lock},
    },
};

/// Warnings a minute about connections of one address.
const WARNINGS: u32 = 5;

/// What connections are held to, which a reload changes.
#[derive(Clone)]
pub(in crate::intake) struct Terms {
    /// Who may connect.
    pub(in crate::intake) rules: Arc<Rules>,
    /// The longest silence within a connection, and before its first message.
    pub(in crate::intake) idle: Duration,
    pub(in crate::intake) first: Duration,
}

impl Terms {
    /// As `options` say.
    pub(in crate::intake) fn of(options: &Options, rules: &Arc<Rules>) -> Self {
        let Options { idle_timeout: idle, first_message_timeout: first, .. } = *options;
        Self { rules: rules.clone(), idle, first: first.min(idle) }
    }
}

/// What all connections work with.
pub(in crate::intake) struct Service {
    pub(in crate::intake) desk: SharedDecoder,
    pub(super) sink: Sink,
    pub(super) slots: Arc<Slots>,
    terms: Mutex<Terms>,
    counts: Mutex<ConnectionReport>,
}

impl Service {
    pub(in crate::intake) fn new(
        desk: SharedDecoder,
        sink: Sink,
        terms: Terms,
        options: &Options,
    ) -> Self {
        let slots = Slots::new(options.max_connections, options.max_connections_per_address);
        Self { desk, sink, slots, terms: Mutex::new(terms), counts: Mutex::default() }
    }

    /// What connections are held to now.
    pub(super) fn terms(&self) -> Terms {
        self.terms.lock().unpoisoned().clone()
    }

    /// Holds those that there are, and those that come, to `terms` from now on; for more connections than `options` allow, none is
    /// ended.
    pub(in crate::intake) fn change(&self, terms: Terms, options: &Options) {
        *self.terms.lock().unpoisoned() = terms;
        self.slots.resize(options.max_connections, options.max_connections_per_address);
    }

    /// Has a count for each of so many listeners.
    pub(in crate::intake) fn make_room(&self, listeners: usize) {
        lock(&self.desk).make_room(listeners);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut ConnectionReport)) {
        change(&mut self.counts.lock().unpoisoned());
    }

    /// Warns of what `from` does: some times a minute, and not of endlessly many.
    pub(super) fn warn(&self, from: SocketAddr, what: &str) {
        let address = state::address(from);
        if lock(&self.desk).admission.names_often(address, clock::now(), WARNINGS) {
            tracing::warn!(%from, "{what}");
        }
    }

    /// Adds what became of all connections to `report`, and tells `add` what came, by listener.
    pub(in crate::intake) fn report(&self, report: &mut Report, mut add: impl FnMut(&[Count])) {
        let desk = lock(&self.desk);
        report.add_desk(&desk);
        add(&desk.received);
        report.connections = *self.counts.lock().unpoisoned();
    }
}
