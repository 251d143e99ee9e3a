//! What is counted of requests, for the status: written by the server, read by snapshots.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use sensor_core::sync::Unpoisoned as _;
use serde::Serialize;

use super::refusal::Refusal;
use crate::agent::web::serve::Outcome;

/// Requests to one source, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Its records are with the outputs.
    pub accepted: u64,
    /// Another attempt of one that was read before.
    pub duplicate: u64,
    /// Questions whether this address is meant.
    pub handshake: u64,
    /// Told of objects in a store and brought no log.
    pub event: u64,
    /// Turned away.
    pub refused: u64,
    /// Octets of bodies, as they came.
    pub octets: u64,
}

/// Connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// Served.
    pub accepted: u64,
    /// Closed, since there were too many.
    pub too_many: u64,
    /// Closed, since no TLS was agreed on in time.
    pub no_tls: u64,
    /// Of those served, ended with an error: a head that was no HTTP, too large or too late, or a client that went away.
    pub broken: u64,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ingested {
    /// Requests by source; those that a reload has ended too.
    pub sources: BTreeMap<String, Requests>,
    /// Requests refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Connections.
    pub connections: Connections,
    /// Requests under way; a gauge.
    pub under_way: u64,
}

/// What became of a request that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A log.
    Log,
    /// A log that was read before.
    Duplicate,
    /// A handshake.
    Handshake,
    /// Events about objects.
    Event,
}

/// The figures of the server.
#[derive(Debug, Default)]
pub struct Figures(Mutex<Ingested>);

impl Figures {
    fn lock(&self) -> MutexGuard<'_, Ingested> {
        self.0.lock().unpoisoned()
    }

    /// A request to `source`, none where there is no such source, had a body of `octets` and came to `result`.
    pub fn request(&self, source: Option<&str>, octets: u64, result: Result<Accepted, Refusal>) {
        let mut all = self.lock();
        if let Err(refusal) = result {
            *all.refused.entry(refusal.name()).or_default() += 1;
        }
        let Some(source) = source else { return };
        if !all.sources.contains_key(source) {
            all.sources.insert(source.to_owned(), Requests::default());
        }
        let Some(requests) = all.sources.get_mut(source) else { return };
        requests.octets += octets;
        *match result {
            Ok(Accepted::Log) => &mut requests.accepted,
            Ok(Accepted::Duplicate) => &mut requests.duplicate,
            Ok(Accepted::Handshake) => &mut requests.handshake,
            Ok(Accepted::Event) => &mut requests.event,
            Err(_) => &mut requests.refused,
        } += 1;
    }

    /// What became of a connection.
    pub fn connection(&self, outcome: Outcome) {
        let connections = &mut self.lock().connections;
        *match outcome {
            Outcome::Accepted => &mut connections.accepted,
            Outcome::TurnedAway => &mut connections.too_many,
            Outcome::NoTls => &mut connections.no_tls,
            Outcome::Broken => &mut connections.broken,
        } += 1;
    }

    /// One request more, or less, is under way.
    pub fn under_way(&self, change: i64) {
        let under_way = &mut self.lock().under_way;
        *under_way = under_way.saturating_add_signed(change);
    }

    /// Everything as of now.
    pub fn report(&self) -> Ingested {
        self.lock().clone()
    }
}
