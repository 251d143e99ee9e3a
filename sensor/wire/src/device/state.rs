//! One device: all streams of messages that come from one address, and what they have told of the device.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use sensor_core::flow::device::Device;

use super::{
    clock::Clock,
    connections::Connections,
    names::Names,
    options::Subjects,
    profile::DeviceProfile,
    relayed::Relayed,
    room::{Presence, Standing},
    sampling::{Rates, Sampling, UNTOLD},
    session::{Session, SessionKey},
    shared::Shared,
    streams::Streams,
    succession::Sign,
    totals::Totals,
    who::Who,
};
use crate::{
    ledger::{Ledger, Skipped},
    sflow::counters::InterfaceCounters,
    template::compile::OutCounters,
};

/// What is known of one device.
#[derive(Debug)]
pub struct DeviceState {
    /// Its address.
    pub address: IpAddr,
    /// What its flows are labelled with.
    pub identity: Arc<Device>,
    /// Configured sampling rate.
    pub sample_rate: Option<u32>,
    /// What its OUT counters count.
    pub out_counters: OutCounters,
    /// What all its domains tell of sampling.
    pub sampling: Sampling,
    /// Octets and records.
    pub ledger: Ledger,
    /// Where its messages come from.
    pub source: IpAddr,
    /// Whether room is reserved for it.
    pub standing: Standing,
    /// When its data were first decoded, milliseconds since the epoch; 0 for never.
    pub first_decoded: u64,
    /// When its data were last decoded, milliseconds since the epoch; 0 for never.
    pub last_decoded: u64,
    /// Since when it is listened to, where that is later than its last data.
    pub listening: u64,
    /// The clock of the last datagram of no stream that is known.
    clock: Clock,
    /// Counters of its interfaces (sFlow).
    pub interfaces: BTreeMap<u32, InterfaceCounters>,
    /// Octets of memory that it takes without its streams, about.
    pub cost: usize,
    /// Names that its flows are not labelled with yet.
    pub names: Names,
    /// Devices whose flows it passes on.
    pub relayed: Relayed,
    /// Its streams of messages.
    pub streams: Streams,
    /// What its flows that live have counted.
    totals: Totals,
    totals_cost: usize,
}

/// What decoding flows needs of a device.
pub struct Parts<'a> {
    /// What its flows are labelled with.
    pub identity: &'a Arc<Device>,
    /// Devices whose flows it passes on.
    pub relayed: &'a Relayed,
    /// How its packets are sampled.
    pub rates: Rates<'a>,
    /// When it booted, as its options tell.
    pub boot: Option<u64>,
    /// Its clock minus ours, milliseconds; 0 where that does not matter.
    pub skew: i64,
    /// What numbers in its records stand for.
    pub shared: Option<&'a Shared>,
    /// What a firewall has counted already.
    pub connections: Option<&'a mut Connections>,
    /// What flows that live have counted.
    pub totals: &'a mut Totals,
    /// Octets and records.
    pub ledger: &'a mut Ledger,
}

/// Octets of memory that a device takes without sessions, about.
pub const DEVICE_COST: usize = size_of::<DeviceState>() + size_of::<Device>() + 256;

impl DeviceState {
    /// A device of which nothing is known but what is configured.
    pub fn new(who: Who, profile: DeviceProfile) -> Self {
        let cost = DEVICE_COST + profile.cost();
        let DeviceProfile { sample_rate, out_counters, standing, .. } = profile;
        let identity = profile.device(who.device());
        let names = Names::new(identity.interfaces.0.keys().copied().collect());
        Self {
            source: who.source(),
            address: who.device(),
            identity: Arc::new(identity),
            standing,
            sample_rate,
            out_counters,
            sampling: Sampling::default(),
            ledger: Ledger::default(),
            first_decoded: 0,
            last_decoded: 0,
            listening: 0,
            clock: Clock::default(),
            interfaces: BTreeMap::new(),
            cost,
            names,
            relayed: Relayed::default(),
            streams: Streams::default(),
            totals: Totals::default(),
            totals_cost: 0,
        }
    }

    /// Goes on with what is configured `now` instead of `before`. Streams, templates, and what the device has told stay; flows
    /// that are in batches keep their labels. `relayed` are the same two for the devices behind it.
    pub fn reprofile(
        &mut self,
        before: &DeviceProfile,
        now: &DeviceProfile,
        relayed: [&dyn Fn(IpAddr) -> DeviceProfile; 2],
    ) {
        (self.sample_rate, self.out_counters, self.standing) =
            (now.sample_rate, now.out_counters, now.standing);
        if !now.labels_as(before) {
            now.relabel(before, Arc::make_mut(&mut self.identity));
            self.names.configure(now.interfaces.keys().copied().collect());
            self.cost = (self.cost + now.cost()).saturating_sub(before.cost());
        }
        let (more, less) = self.relayed.relabel(relayed[0], relayed[1]);
        self.cost = (self.cost + more).saturating_sub(less);
    }

    /// By what it is known.
    pub fn who(&self) -> Who {
        Who::from(self.source).agent(self.address)
    }

    /// Notes that its data were decoded at `now`.
    pub fn decoded(&mut self, now: u64) {
        self.last_decoded = now.max(1);
        if self.first_decoded == 0 {
            self.first_decoded = self.last_decoded;
        }
    }

    pub(super) fn presence(&self, now: u64, kept: bool, stale: u64) -> Presence {
        Presence {
            decoded: self.last_decoded != 0,
            heard: self.last_decoded.saturating_sub(self.first_decoded),
            silent: now.saturating_sub(self.last_decoded.max(self.listening)),
            kept,
            stale,
        }
    }

    /// Octets of memory that it takes, about.
    pub fn total_cost(&self) -> usize {
        self.cost + self.streams.cost()
    }

    /// Makes the stream `key` where there is none; false when the device's memory of `limit` octets is used up.
    pub fn open(&mut self, key: SessionKey, limit: usize) -> bool {
        let is_known = self.streams.get(&key).is_some();
        if !is_known {
            if self.total_cost() + Streams::cost_of_one() > limit {
                return false;
            }
            self.streams.open(key);
        }
        true
    }

    /// To which stream a message belongs that has come as `key`, with `sign`; see [`Streams::identify`].
    pub fn identify(&mut self, key: SessionKey, sign: Sign, limit: usize) -> SessionKey {
        let (key, dropped) = self.streams.identify(key, sign, limit);
        self.give_up(dropped);
        key
    }

    /// What decoding flows of stream `key` needs of the device; `header` is the sampling rate in the header.
    pub fn parts(&mut self, key: &SessionKey, header: Option<u32>) -> Parts<'_> {
        let session = self.streams.get_mut(key);
        let told = session.as_ref().and_then(|session| session.clock.correction());
        let skew = told.or(self.clock.correction()).unwrap_or(0);
        let (domain, boot, shared, connections) = match session {
            Some(session) => {
                let Session { sampling, boot, shared, connections, .. } = session;
                (&*sampling, *boot, Some(&*shared), Some(connections))
            }
            None => (&UNTOLD, None, None, None),
        };
        let device = &self.sampling;
        Parts {
            identity: &self.identity,
            relayed: &self.relayed,
            rates: Rates { configured: self.sample_rate, header, domain, device },
            boot,
            skew,
            shared,
            connections,
            totals: &mut self.totals,
            ledger: &mut self.ledger,
        }
    }

    /// Enters the memory that totals take, once they have changed.
    pub fn account_totals(&mut self) {
        let cost = self.totals.cost();
        self.cost = self.cost + cost - self.totals_cost;
        self.totals_cost = cost;
    }

    /// Whom options of stream `key` tell about.
    pub fn subjects(&mut self, key: &SessionKey) -> Option<Subjects<'_>> {
        let Self { identity, names, sampling, streams, .. } = self;
        let session = streams.get_mut(key)?;
        Some(Subjects { device: identity, names, sampling, session })
    }

    /// Gives the names that were told up to now, `now`, to the flows that come, as soon as that may be.
    pub fn renew_names(&mut self, now: u64) {
        if self.names.wait() {
            let datagram = self.ledger.datagrams;
            let (more, less) = self.names.renew(&mut self.identity, now, datagram);
            self.cost = self.cost + more - less;
        }
    }

    /// Throws out streams that never decoded anything, or not for `stale` milliseconds; at most once a second.
    pub fn purge(&mut self, now: u64, stale: u64) {
        let octets = self.streams.purge(now, stale);
        self.give_up(octets);
    }

    /// Throws out the streams that come from `port`.
    pub fn end_streams(&mut self, port: u16) {
        let octets = self.streams.keep(|key, _| key.port != port);
        self.give_up(octets);
    }

    /// Gives up on all sets that wait.
    pub fn give_up_waiting(&mut self) {
        let octets = self.streams.give_up_waiting();
        self.give_up(octets);
    }

    /// Enters that `octets` have waited for a template that does not come.
    pub fn give_up(&mut self, octets: usize) {
        self.ledger.waiting -= octets as u64;
        self.ledger.skip(Skipped::UnknownTemplate, octets);
    }

    /// Notes what the header of a message of stream `key` says, before anything in it is decoded: `sign`, and the time of its
    /// export in milliseconds since the epoch, where the protocol tells it.
    pub fn hear(&mut self, key: &SessionKey, sign: Sign, export: Option<u64>) {
        let session = self.streams.get_mut(key);
        let clock = match session {
            Some(session) => {
                session.hear(sign);
                &mut session.clock
            }
            None => {
                self.clock = Clock::default();
                &mut self.clock
            }
        };
        if let Some(export) = export {
            clock.observe(export, sign.at);
        }
    }

    /// Its clock minus ours, milliseconds, as told by the stream that is furthest off; 0 where none is off by more than
    /// [`super::clock::SKEW_LIMIT`].
    pub fn skew(&self) -> i64 {
        let streams = self.streams.iter().filter_map(|(_, session)| session.clock.skew());
        let all = streams.max_by_key(|skew| (skew.unsigned_abs(), *skew));
        all.or(self.clock.skew()).unwrap_or(0)
    }
}

/// The address by which a device is known: an IPv4-mapped IPv6 address is the IPv4 address.
pub fn address(from: SocketAddr) -> IpAddr {
    from.ip().to_canonical()
}
