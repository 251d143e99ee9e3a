//! One exporter: all streams of messages that come from one address, and what they have told of the device.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hashbrown::HashMap;

use super::{
    connections::Connections,
    names::Names,
    options::Subjects,
    relayed::Relayed,
    sampling::{Rates, Sampling, UNTOLD},
    session::{Known, SESSION_COST, Session, SessionKey},
};
use crate::{
    flow::router::Exporter,
    wire::{ledger::Ledger, sflow::counters::InterfaceCounters},
};

/// Streams of one domain that are looked at for a template that the stream itself has not announced.
const NEIGHBOURS: usize = 8;

/// Clocks that differ by more than this, in milliseconds, are reported.
pub const SKEW_LIMIT: u64 = 60_000;

/// What is configured for an exporter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: String,
    /// Tags for its flows.
    pub tags: Vec<String>,
    /// One of how many packets it samples, whatever it says itself.
    pub sample_rate: Option<u32>,
}

/// What is known of one exporter.
#[derive(Debug)]
pub struct Device {
    /// What its flows are labelled with.
    pub exporter: Arc<Exporter>,
    /// Configured sampling rate.
    pub sample_rate: Option<u32>,
    /// What all its domains tell of sampling.
    pub sampling: Sampling,
    /// Octets and records.
    pub ledger: Ledger,
    /// When its data were last decoded, milliseconds since the epoch; 0 for never.
    pub last_decoded: u64,
    /// Its clock minus ours, milliseconds, at the last datagram that told its time.
    pub skew: i64,
    /// Counters of its interfaces (sFlow).
    pub interfaces: BTreeMap<u32, InterfaceCounters>,
    /// Octets of memory that it takes, about.
    pub cost: usize,
    /// Names that its flows are not labelled with yet.
    pub names: Names,
    /// Exporters whose flows it passes on.
    pub relayed: Relayed,
    sessions: HashMap<SessionKey, Session>,
    /// Ports from which each domain sends, up to one more than are looked at.
    ports: HashMap<(u8, u32), Vec<u16>>,
    /// When streams that have never decoded anything were last thrown out.
    last_purge: u64,
}

/// What decoding flows needs of a device.
pub struct Parts<'a> {
    /// What its flows are labelled with.
    pub exporter: &'a Arc<Exporter>,
    /// Exporters whose flows it passes on.
    pub relayed: &'a Relayed,
    /// How its packets are sampled.
    pub rates: Rates<'a>,
    /// When it booted, as its options tell.
    pub boot: Option<u64>,
    /// What a firewall has counted already.
    pub connections: Option<&'a mut Connections>,
    /// Octets and records.
    pub ledger: &'a mut Ledger,
}

/// Octets of memory that a device takes without sessions, about.
pub const DEVICE_COST: usize = size_of::<Device>() + size_of::<Exporter>() + 256;

impl Device {
    /// A device at `address` of which nothing is known but what is configured.
    pub fn new(address: IpAddr, profile: Profile) -> Self {
        let Profile { name, site, tags, sample_rate } = profile;
        Self {
            exporter: Arc::new(Exporter { name, site, tags, ..Exporter::new(address) }),
            sample_rate,
            sampling: Sampling::default(),
            ledger: Ledger::default(),
            last_decoded: 0,
            skew: 0,
            interfaces: BTreeMap::new(),
            cost: DEVICE_COST,
            names: Names::default(),
            relayed: Relayed::default(),
            sessions: HashMap::new(),
            ports: HashMap::new(),
            last_purge: 0,
        }
    }

    /// All streams.
    pub fn sessions(&self) -> impl Iterator<Item = (&SessionKey, &Session)> {
        self.sessions.iter()
    }

    /// The stream `key`.
    pub fn session(&self, key: &SessionKey) -> Option<&Session> {
        self.sessions.get(key)
    }

    /// The stream `key`, a new one where there is none; none when the device's memory of `limit` octets is used up.
    pub fn session_mut(&mut self, key: SessionKey, limit: usize) -> Option<&mut Session> {
        if !self.sessions.contains_key(&key) {
            if self.cost + SESSION_COST > limit {
                return None;
            }
            self.cost += SESSION_COST;
            let ports = self.ports.entry((key.version, key.domain)).or_default();
            if ports.len() <= NEIGHBOURS {
                ports.push(key.port);
            }
            self.sessions.insert(key, Session::new());
        }
        self.sessions.get_mut(&key)
    }

    /// The stream `key`, where there is one. For what takes no memory; else see [`Device::change`].
    pub fn existing_session(&mut self, key: &SessionKey) -> Option<&mut Session> {
        self.sessions.get_mut(key)
    }

    /// Changes the stream `key`, and keeps account of the memory.
    pub fn change<T>(
        &mut self,
        key: &SessionKey,
        change: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(key)?;
        let before = session.cost;
        let answer = change(session);
        self.cost = self.cost + session.cost - before;
        Some(answer)
    }

    /// The template `id` of stream `key`: its own, else that of the same domain from another port, when all that know it
    /// agree.
    pub fn template(&self, key: &SessionKey, id: u16) -> Option<Arc<Known>> {
        if let Some(known) = self.sessions.get(key).and_then(|session| session.template(id)) {
            return Some(known.clone());
        }
        let ports = self.ports.get(&(key.version, key.domain))?;
        if ports.len() > NEIGHBOURS {
            return None;
        }
        let mut found = ports.iter().filter_map(|port| {
            self.sessions.get(&SessionKey { port: *port, ..*key })?.template(id)
        });
        let first = found.next()?;
        found.all(|other| other.template == first.template).then(|| first.clone())
    }

    /// What decoding flows of stream `key` needs of the device; `header` is the sampling rate in the header.
    pub fn parts(&mut self, key: &SessionKey, header: Option<u32>) -> Parts<'_> {
        let (domain, boot, connections) = match self.sessions.get_mut(key) {
            Some(session) => (&session.sampling, session.boot, Some(&mut session.connections)),
            None => (&UNTOLD, None, None),
        };
        let device = &self.sampling;
        Parts {
            exporter: &self.exporter,
            relayed: &self.relayed,
            rates: Rates { configured: self.sample_rate, header, domain, device },
            boot,
            connections,
            ledger: &mut self.ledger,
        }
    }

    /// Whom options of stream `key` tell about.
    pub fn subjects(&mut self, key: &SessionKey) -> Option<Subjects<'_>> {
        let session = self.sessions.get_mut(key)?;
        let Self { exporter, names, sampling, .. } = self;
        Some(Subjects { exporter, names, sampling, session })
    }

    /// Gives the names that were told up to now, `now`, to the flows that come, as soon as that may be.
    pub fn renew_names(&mut self, now: u64) {
        if self.names.wait() {
            let datagram = self.ledger.datagrams;
            let (more, less) = self.names.renew(&mut self.exporter, now, datagram);
            self.cost = self.cost + more - less;
        }
    }

    /// Throws out streams that never decoded anything, or not for `stale` milliseconds; at most once a second.
    pub fn purge(&mut self, now: u64, stale: u64) {
        if now.saturating_sub(self.last_purge) < 1000 {
            return;
        }
        self.last_purge = now;
        self.keep_streams(|_, session| {
            session.last_decoded != 0 && now.saturating_sub(session.last_decoded) < stale
        });
    }

    /// Throws out the streams that come from `port`.
    pub fn end_streams(&mut self, port: u16) {
        self.keep_streams(|key, _| key.port != port);
    }

    fn keep_streams(&mut self, keep: impl Fn(&SessionKey, &Session) -> bool) {
        let (cost, ledger) = (&mut self.cost, &mut self.ledger);
        let ports = &mut self.ports;
        self.sessions.retain(|key, session| {
            let keep = keep(key, session);
            if !keep {
                *cost -= session.cost;
                forget_waiting(session, ledger);
                if let Some(known) = ports.get_mut(&(key.version, key.domain)) {
                    known.retain(|port| *port != key.port);
                }
            }
            keep
        });
        ports.retain(|_, known| !known.is_empty());
    }

    /// Gives up on all sets that wait.
    pub fn give_up_waiting(&mut self) {
        for session in self.sessions.values_mut() {
            let before = session.cost;
            forget_waiting(session, &mut self.ledger);
            self.cost -= before - session.cost;
        }
    }

    /// Notes that the device says it is `export` (milliseconds since the epoch) when it is `now` here.
    pub fn observe_clock(&mut self, export: u64, now: u64) {
        self.skew = export.saturating_sub(now) as i64 - now.saturating_sub(export) as i64;
    }

    /// True when its clock differs from ours by more than [`SKEW_LIMIT`].
    pub fn is_skewed(&self) -> bool {
        self.skew.unsigned_abs() > SKEW_LIMIT
    }
}

fn forget_waiting(session: &mut Session, ledger: &mut Ledger) {
    let octets = session.forget_waiting();
    ledger.waiting -= octets as u64;
    ledger.skip(crate::wire::ledger::Skipped::UnknownTemplate, octets);
}

/// The address by which an exporter is known: an IPv4-mapped IPv6 address is the IPv4 address.
pub fn address(from: SocketAddr) -> IpAddr {
    from.ip().to_canonical()
}
