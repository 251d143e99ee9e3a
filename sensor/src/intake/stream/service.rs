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
        report::{ConnectionReport, Report},
        shard::{SharedDecoder, Sink, lock},
    },
};

/// Warnings a minute about connections of one address.
const WARNINGS: u32 = 5;

/// What all connections work with.
pub(in crate::intake) struct Service {
    pub(super) desk: SharedDecoder,
    pub(super) rules: Rules,
    pub(super) sink: Sink,
    /// The longest silence within a connection, and before its first message.
    pub(super) idle: Duration,
    pub(super) first: Duration,
    pub(super) names: Vec<(usize, String)>,
    pub(super) slots: Arc<Slots>,
    pub(super) counts: Mutex<ConnectionReport>,
}

impl Service {
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

    /// Adds what became of all connections to `report`.
    pub(in crate::intake) fn report(&self, report: &mut Report) {
        let desk = lock(&self.desk);
        report.add_desk(&desk);
        for (index, name) in &self.names {
            report.listeners.entry(name.clone()).or_default().add(desk.received[*index]);
        }
        report.connections = *self.counts.lock().unpoisoned();
    }
}
