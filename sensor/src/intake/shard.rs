//! One decoder, with the judge before it, the batches behind it, and the counts of what passed.

use std::{
    net::SocketAddr,
    ops::AddAssign,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use sensor_core::{flow::batch::FlowBatch, sync::Unpoisoned as _};
use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
    device::{directory::Limits, state},
};
use serde::Serialize;

use super::{
    admission::{Admission, Rules, Verdict},
    contacts::{Contact, Contacts},
    relay::selection::Protocol,
};

/// Takes decoded flows; gives the batch back when nobody needs its memory any more.
pub type Sink = Arc<dyn Fn(FlowBatch) -> Option<FlowBatch> + Send + Sync>;

/// How long flows wait in a batch that does not fill.
const PATIENCE: Duration = Duration::from_millis(500);

/// Datagrams or messages, and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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
pub(super) struct DecoderShard {
    pub decoder: Decoder,
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

impl DecoderShard {
    pub(super) fn new(rules: &Arc<Rules>, memory: usize, inner_headers: bool) -> Self {
        Self {
            decoder: Decoder::new(decoding(rules, memory, inner_headers)),
            admission: Admission::new(rules.clone()),
            contacts: Contacts::default(),
            batches: Batches::default(),
            received: Vec::new(),
            refused: Count::default(),
            limited: Count::default(),
            left: Count::default(),
            handed_on: Instant::now(),
        }
    }

    /// Goes on by `rules`, within `memory`. What devices have told stays.
    pub(super) fn reconfigure(&mut self, rules: &Arc<Rules>, memory: usize, inner_headers: bool) {
        self.decoder.reconfigure(decoding(rules, memory, inner_headers));
        self.admission.follow(rules.clone());
    }

    /// Has a count for each of so many listeners.
    pub(super) fn make_room(&mut self, listeners: usize) {
        let all = listeners.max(self.received.len());
        self.received.resize(all, Count::default());
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
        let verdict = self.admission.judge(state::address(from), now);
        self.received[listener].add(octets.len());
        match verdict {
            Verdict::Admitted => {
                self.greet(from, now, octets);
                self.decoder.datagram(from, now, octets, &mut self.batches);
            }
            Verdict::Limited => self.limited.add(octets.len()),
            Verdict::Refused => {
                self.refused.add(octets.len());
                let address = state::address(from);
                if self.admission.names(address, now) {
                    tracing::warn!(
                        "refused datagrams from {address}: it is neither in intake.allow nor a [[device]]"
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
        self.decoder.message(from, now, octets, &mut self.batches);
    }

    /// Tells of a device that is heard for the first time, and of one that cannot be understood.
    fn greet(&mut self, from: SocketAddr, now: u64, octets: &[u8]) {
        let address = state::address(from);
        if Protocol::of(octets).is_none() {
            if self.admission.names(address, now) {
                tracing::warn!(
                    "cannot decode datagrams from {address}: {}; supported are NetFlow 5, 7 and 9, IPFIX and sFlow 5",
                    foreign(octets)
                );
            }
            return;
        }
        if let Some(contact) = Contact::of(address, octets)
            && let Some(untold) = self.contacts.note(contact, now)
        {
            tracing::info!("{contact}");
            if untold != 0 {
                tracing::info!("and {untold} more devices in the minute before");
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
        self.batches.exchange(all, &**sink);
        if all {
            self.handed_on = Instant::now();
        }
    }
}

/// What a decoder is told.
fn decoding(rules: &Arc<Rules>, memory: usize, inner_headers: bool) -> Options {
    let profiles = rules.clone();
    let default = Limits::default();
    let limits = Limits { total: memory, device: default.device.min(memory / 4), ..default };
    Options {
        limits,
        inner_headers,
        profile: Box::new(move |address| profiles.profile(address)),
        ..Options::default()
    }
}

/// A decoder that its thread and whoever asks how it is going share. The thread holds the lock for one batch of
/// datagrams at a time.
pub(super) type SharedDecoder = Arc<Mutex<DecoderShard>>;

pub(super) fn lock(desk: &Mutex<DecoderShard>) -> MutexGuard<'_, DecoderShard> {
    // Whoever panicked with it left counts behind that still tell something.
    desk.lock().unpoisoned()
}

/// What a datagram of none of the protocols is, by the words in which they have their versions.
fn foreign(datagram: &[u8]) -> String {
    match *datagram {
        [0, 0, high, low, ..] => {
            format!("it is sFlow of version {}", u16::from_be_bytes([high, low]))
        }
        [high, low, ..] => format!("its version is {}", u16::from_be_bytes([high, low])),
        _ => "it is too short to have a version".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_no_protocol_is_named_by_its_version() {
        for (datagram, expected) in [
            (&[0, 250, 0, 1, 9][..], "its version is 250"),
            (b"GET / HTTP/1.1", "its version is 18245"),
            (&[0, 0, 0, 4, 0, 0, 0, 1], "it is sFlow of version 4"),
            (&[0, 0, 1], "its version is 0"),
            (&[5], "it is too short to have a version"),
            (&[], "it is too short to have a version"),
        ] {
            assert_eq!(Protocol::of(datagram), None);
            assert_eq!(foreign(datagram), expected);
        }
    }
}
