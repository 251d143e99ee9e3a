//! What the threads of the intake work with, and what became of everything that they received.

use std::sync::Arc;

use super::{
    relay::Relay,
    report::Report,
    shard::{SharedDecoder, lock},
    socket::Port,
    stream,
};

/// What reports are made of.
pub(super) struct Parts {
    /// One for each worker.
    pub(super) desks: Vec<SharedDecoder>,
    /// Sockets of each worker, in the order of the listeners.
    pub(super) ports: Vec<Vec<Port>>,
    pub(super) relay: Option<Relay>,
    pub(super) streams: Option<Arc<stream::Service>>,
}

impl Parts {
    pub(super) fn report(&self) -> Report {
        let mut report = Report::default();
        for (desk, ports) in self.desks.iter().zip(&self.ports) {
            let desk = lock(desk);
            report.add_desk(&desk);
            report.add_ports(&desk, ports);
        }
        if let Some(streams) = &self.streams {
            streams.report(&mut report);
        }
        if let Some(relay) = &self.relay {
            report.forwards = relay.report();
        }
        report
    }
}
