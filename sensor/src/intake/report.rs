//! What became of everything that was received.

use std::collections::BTreeMap;

use sensor_core::flow::source::SourceId;
use sensor_wire::device::{room::Recent, session::SFLOW, state::DeviceState};
pub use sensor_wire::ledger::{Ledger, Skipped};
use serde::Serialize;

use super::shard::DecoderShard;

pub use super::shard::Count;

/// All that is known.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// By listener; one that a reload has ended is called `NAME (until a reload)`.
    pub listeners: BTreeMap<String, ListenerReport>,
    /// Of addresses that nobody listens to.
    pub refused: Count,
    /// Of devices that sent more than they may.
    pub limited: Count,
    /// What waited at the stop and was not decoded in time.
    pub left: Count,
    /// Octets and records of what was decoded.
    pub ledger: Ledger,
    /// Devices that were forgotten to make room for others.
    pub evicted: Recent,
    /// Datagrams of devices for which there was no room.
    pub turned_away: Recent,
    /// By identity.
    pub devices: BTreeMap<SourceId, DeviceReport>,
    /// Receivers of forwarded datagrams.
    pub forwards: Vec<ForwardReport>,
    /// TCP and TLS connections.
    pub connections: ConnectionReport,
}

/// A listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListenerReport {
    /// Datagrams or messages.
    pub received: Count,
    /// Datagrams that the kernel dropped because the receive buffer was full.
    pub dropped: u64,
    /// Datagrams that came when nothing was taken any more: at the stop, or when a reload ended the listener.
    pub too_late: u64,
}

/// A device.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DeviceReport {
    /// Its name, empty when it has none.
    pub name: String,
    /// Octets and records.
    pub ledger: Ledger,
    /// What never came, by sequence numbers.
    pub lost: Lost,
    /// Datagrams beyond its rate limit.
    pub limited: u64,
    /// Its clock minus ours, milliseconds; 0 where that is not worth a word.
    pub skew: i64,
}

/// Gaps in sequence numbers, in what each protocol numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Flow records (NetFlow 5 and 7, IPFIX).
    pub flows: u64,
    /// Datagrams (NetFlow 9, sFlow).
    pub datagrams: u64,
    /// Flow samples (sFlow).
    pub samples: u64,
}

/// A receiver of forwarded datagrams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ForwardReport {
    /// Its URL; one that a reload has ended is called `NAME (until a reload)`.
    pub name: String,
    /// Datagrams that went out.
    pub sent: u64,
    /// Datagrams that did not.
    pub failed: u64,
}

/// TCP and TLS connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionReport {
    /// Accepted.
    pub accepted: u64,
    /// Turned away: whom nobody listens to, at once or after a reload.
    pub refused: u64,
    /// Turned away: too many at once.
    pub too_many: u64,
    /// Turned away: too many of one address at once.
    pub too_many_of_one: u64,
    /// Ended by us, or in the midst of something.
    pub broken: Broken,
    /// Octets that were in no whole message when the connection ended, or were not read before the stop.
    pub unread: u64,
}

/// Connections that did not end well, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The TLS handshake failed.
    pub handshake: u64,
    /// No first message came in time.
    pub silent: u64,
    /// No message came any more.
    pub idle: u64,
    /// What came was no IPFIX.
    pub foreign: u64,
    /// It ended within a message.
    pub cut: u64,
    /// It was reset, or the network failed.
    pub lost: u64,
}

impl Broken {
    /// Each reason in words, and how often it came about.
    pub fn reasons(&self) -> [(&'static str, u64); 6] {
        let Self { handshake, silent, idle, foreign, cut, lost } = *self;
        [
            ("failed handshakes", handshake),
            ("without a first message in time", silent),
            ("idle too long", idle),
            ("no IPFIX", foreign),
            ("ended within a message", cut),
            ("lost", lost),
        ]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.reasons().iter().map(|(_, count)| count).sum()
    }
}

impl Report {
    /// Whether every datagram and every octet is accounted for.
    pub fn balances(&self) -> bool {
        let received: u64 = self.listeners.values().map(|l| l.received.messages).sum();
        let octets: u64 = self.listeners.values().map(|l| l.received.octets).sum();
        let apart = [self.refused, self.limited, self.left];
        let messages: u64 = apart.iter().map(|count| count.messages).sum();
        let octets_apart: u64 = apart.iter().map(|count| count.octets).sum();
        received == messages + self.ledger.datagrams
            && octets == octets_apart + self.ledger.octets
            && self.ledger.octets == self.ledger.accounted()
    }

    /// Datagrams that the kernel dropped.
    pub fn dropped(&self) -> u64 {
        self.listeners.values().map(|listener| listener.dropped).sum()
    }

    pub(super) fn add_desk(&mut self, desk: &DecoderShard) {
        self.refused += desk.refused;
        self.limited += desk.limited;
        self.left += desk.left;
        self.ledger += desk.decoder.ledger();
        self.evicted.add(&desk.decoder.directory().evicted);
        self.turned_away.add(&desk.decoder.directory().turned_away);
        for device in desk.decoder.directory().devices() {
            self.devices.entry(device.identity.id.clone()).or_default().add(device);
        }
        for (address, limited) in desk.admission.limited() {
            self.devices.entry(address.into()).or_default().limited += limited;
        }
    }
}

/// What a listener, or a receiver of datagrams, is called in reports once a reload has ended it.
pub(super) fn ended(name: &str) -> String {
    format!("{name} (until a reload)")
}

impl ListenerReport {
    pub(super) fn add(&mut self, received: Count) {
        self.received += received;
    }
}

impl DeviceReport {
    fn add(&mut self, device: &DeviceState) {
        self.name.clone_from(&device.identity.name);
        self.ledger += device.ledger;
        if device.skew().unsigned_abs() > self.skew.unsigned_abs() {
            self.skew = device.skew();
        }
        for (key, session) in device.streams.iter() {
            let lost = session.sequence.lost;
            match key.version {
                9 | SFLOW => self.lost.datagrams += lost,
                _ => self.lost.flows += lost,
            }
            self.lost.samples += session.samples_lost();
        }
    }
}
