//! One stream of messages of a device: its templates, and the sets that wait for theirs.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::{
    clock::Clock,
    connections::Connections,
    sampling::Sampling,
    sequence::Sequence,
    shared::Shared,
    succession::{Sign, Trace},
    table::Table,
    templates::{KnownTemplate, Templates},
    waiting::{Queue, Waiting},
};

/// What stands for sFlow among versions: its own is 5, which is NetFlow's as well.
pub const SFLOW: u8 = 0;

/// Tells the streams of one device's address apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey {
    /// Version of the protocol, [`SFLOW`] for sFlow: their domains are numbered apart.
    pub version: u8,
    /// Source port.
    pub port: u16,
    /// Observation domain (IPFIX), source identifier (NetFlow 9), engine (NetFlow 5), sub-agent (sFlow).
    pub domain: u32,
}

impl Hash for SessionKey {
    /// In one word: every datagram asks for its stream.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (version, port) = (u64::from(self.version), u64::from(self.port));
        state.write_u64(version << 48 | port << 32 | u64::from(self.domain));
    }
}

/// What is known of one stream.
#[derive(Debug, Default)]
pub struct Session {
    /// Its templates.
    pub templates: Templates,
    /// Sets whose templates have not come, or that are not decoded yet.
    pub waiting: Queue,
    /// What its messages say of the process that sends them.
    pub trace: Trace,
    /// The port that it had before this one.
    pub former: Option<u16>,
    /// What its options tell of sampling.
    pub sampling: Sampling,
    /// Its sequence numbers.
    pub sequence: Sequence,
    /// Its clock.
    pub clock: Clock,
    /// Numbers of flow samples, by source (sFlow).
    samples: Table<u32, Sequence>,
    /// Connections of a firewall that were counted while they lived.
    pub connections: Connections,
    connections_cost: usize,
    /// When the device booted, milliseconds since the epoch, as told by options.
    pub boot: Option<u64>,
    /// What numbers in its flow records stand for.
    pub shared: Shared,
    shared_cost: usize,
    /// When data were last decoded with its templates, milliseconds since the epoch; 0 for never.
    pub last_decoded: u64,
}

/// Sources of samples whose numbers are followed.
const SAMPLED_SOURCES: usize = 256;

/// Octets of memory that a session takes without templates, about: its own, and its places in two tables with what they
/// keep free.
pub const SESSION_COST: usize = size_of::<Session>() + 3 * (size_of::<SessionKey>() + 8) + 64;

impl Session {
    /// Lets a set wait, within `limit` octets; the octets of sets that made room are returned.
    pub fn wait(&mut self, set: Waiting, limit: usize) -> usize {
        self.waiting.push(set, limit)
    }

    /// The template `id` has come, as `known`: the sets that have waited for it are ready.
    pub fn make_ready(&mut self, id: u16, known: &Arc<KnownTemplate>) {
        self.waiting.make_ready(id, known);
    }

    /// A message with this `sign` has come and is to be decoded. Where its process has begun anew, what was told of the one
    /// before it holds no longer: when the device booted, and which numbers come next.
    pub fn hear(&mut self, sign: Sign) {
        if self.trace.begins_anew(sign) {
            self.boot = None;
            self.shared = Shared::default();
            self.sequence.begin_anew();
            self.samples.values_mut().for_each(Sequence::begin_anew);
        }
    }

    /// Notes flow sample number `sequence` of source `source`; false when that is a new one, and there is room for it.
    pub fn sample_again(&mut self, source: u32, sequence: u32) -> bool {
        match self.samples.get_mut(&source) {
            Some(known) => known.observe(sequence, Some(1)),
            None => return self.samples.len() >= SAMPLED_SOURCES,
        }
        true
    }

    /// Notes the first flow sample of `source`, number `sequence`.
    pub fn sample(&mut self, source: u32, sequence: u32) {
        let mut numbers = Sequence::default();
        numbers.observe(sequence, Some(1));
        self.samples.insert(source, numbers);
    }

    /// Takes the memory of [`Session::connections`] into account.
    pub fn account_connections(&mut self) {
        self.connections_cost = self.connections.cost();
    }

    /// Takes the memory of [`Session::shared`] into account.
    pub fn account_shared(&mut self) {
        self.shared_cost = self.shared.cost();
    }

    /// A stream that gets back what `heir` has taken along of it.
    pub fn returned_by(heir: &mut Self) -> Self {
        heir.former = None;
        Self {
            templates: heir.templates.give_back(),
            sampling: std::mem::take(&mut heir.sampling),
            shared: std::mem::take(&mut heir.shared),
            shared_cost: std::mem::take(&mut heir.shared_cost),
            boot: heir.boot,
            ..Self::default()
        }
    }

    /// Flow samples that never came.
    pub fn samples_lost(&self) -> u64 {
        self.samples.values().map(|sequence| sequence.lost).sum()
    }

    /// Takes up what the stream `older`, which goes on as this one, knows. Its sets wait here, within `limit` octets; the
    /// octets of those for which there is no room are returned.
    pub fn take_up(&mut self, mut older: Self, limit: usize) -> usize {
        self.templates.bring(older.templates);
        if self.sampling.is_empty() {
            self.sampling = older.sampling;
        }
        if self.connections.cost() == 0 {
            self.connections = older.connections;
            self.account_connections();
        }
        if self.shared.is_empty() {
            self.shared = older.shared;
            self.account_shared();
        }
        self.boot = self.boot.or(older.boot);
        self.last_decoded = self.last_decoded.max(older.last_decoded);
        older.sequence.go_on_as(&self.sequence);
        self.sequence = older.sequence;
        self.waiting.append(older.waiting, limit)
    }

    /// Octets of memory that it takes, about.
    pub fn cost(&self) -> usize {
        SESSION_COST
            + self.templates.cost()
            + self.waiting.cost()
            + self.connections_cost
            + self.shared_cost
            + self.samples.octets()
    }
}
