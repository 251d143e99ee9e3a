//! One decoder, with the judge before it, the batches behind it, and the counts of what passed.

use std::{
    net::SocketAddr,
    ops::AddAssign,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Sink,
    admission::{Admission, Rules, Verdict},
    contacts::{Contact, Contacts},
};
use crate::wire::{
    batches::Batches,
    collector::{Collector, Options},
    exporter::{device, directory::Limits},
};

/// How long flows wait in a batch that does not fill.
const PATIENCE: Duration = Duration::from_millis(500);

/// Datagrams or messages, and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Datagrams, or messages of a stream.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.octets += other.octets;
    }
}

impl Count {
    fn add(&mut self, octets: usize) {
        self.messages += 1;
        self.octets += octets as u64;
    }
}

/// A decoder and what belongs to it.
pub(super) struct Desk {
    pub collector: Collector,
    pub admission: Admission,
    contacts: Contacts,
    batches: Batches,
    /// What came, by listener.
    pub received: Vec<Count>,
    /// Of whom nobody listens to.
    pub refused: Count,
    /// Of those who sent too much.
    pub limited: Count,
    /// What waited at the stop and was not decoded in time.
    pub left: Count,
    handed_on: Instant,
}

impl Desk {
    pub(super) fn new(
        rules: Arc<Rules>,
        listeners: usize,
        memory: usize,
        inner_headers: bool,
    ) -> Self {
        let profiles = rules.clone();
        let default = Limits::default();
        let limits =
            Limits { total: memory, exporter: default.exporter.min(memory / 4), ..default };
        let options = Options {
            limits,
            inner_headers,
            profile: Box::new(move |address| profiles.profile(address)),
            ..Options::default()
        };
        Self {
            collector: Collector::new(options),
            admission: Admission::new(rules),
            contacts: Contacts::default(),
            batches: Batches::default(),
            received: vec![Count::default(); listeners],
            refused: Count::default(),
            limited: Count::default(),
            left: Count::default(),
            handed_on: Instant::now(),
        }
    }

    /// Takes a datagram that came at `now` (milliseconds since the epoch) to `listener`; what its judge says of it is
    /// returned.
    pub(super) fn datagram(
        &mut self,
        listener: usize,
        from: SocketAddr,
        now: u64,
        octets: &[u8],
    ) -> Verdict {
        let verdict = self.admission.judge(device::address(from), now);
        self.received[listener].add(octets.len());
        match verdict {
            Verdict::Admitted => {
                self.greet(from, now, octets);
                self.collector.datagram(from, now, octets, &mut self.batches);
            }
            Verdict::Limited => self.limited.add(octets.len()),
            Verdict::Refused => {
                self.refused.add(octets.len());
                let address = device::address(from);
                if self.admission.names(address, now) {
                    tracing::warn!(
                        "refused what {address} sends: it is in no network of intake.allow and is \
                         no [[exporter]]"
                    );
                }
            }
        }
        verdict
    }

    /// Counts a datagram of so many octets that came to `listener` and is not decoded, since the stop takes too long.
    pub(super) fn leave(&mut self, listener: usize, octets: usize) {
        self.received[listener].add(octets);
        self.left.add(octets);
    }

    /// Takes a message of a stream whose sender has been admitted.
    pub(super) fn message(&mut self, listener: usize, from: SocketAddr, now: u64, octets: &[u8]) {
        self.received[listener].add(octets.len());
        self.greet(from, now, octets);
        self.collector.message(from, now, octets, &mut self.batches);
    }

    /// Tells of an exporter that is heard for the first time.
    fn greet(&mut self, from: SocketAddr, now: u64, octets: &[u8]) {
        if let Some(contact) = Contact::of(device::address(from), octets)
            && let Some(untold) = self.contacts.note(contact, now)
        {
            tracing::info!("{contact}");
            if untold != 0 {
                tracing::info!("and {untold} more exporters in the minute before");
            }
        }
    }

    /// Hands on the batches that are full.
    pub(super) fn hand_on_full(&mut self, sink: &Sink) {
        self.hand_on(false, sink);
    }

    /// Hands on the batches that are full, and the others when they have waited long enough.
    pub(super) fn hand_on_due(&mut self, sink: &Sink) {
        self.hand_on(self.handed_on.elapsed() >= PATIENCE, sink);
    }

    /// Hands on whatever there is.
    pub(super) fn hand_on_all(&mut self, sink: &Sink) {
        self.hand_on(true, sink);
    }

    fn hand_on(&mut self, all: bool, sink: &Sink) {
        let mut spent = Vec::new();
        self.batches.take(all, |batch| spent.extend(sink(batch)));
        spent.into_iter().for_each(|batch| self.batches.give_back(batch));
        if all {
            self.handed_on = Instant::now();
        }
    }
}
