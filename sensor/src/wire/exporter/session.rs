//! One stream of messages of an exporter: its templates, and the sets that wait for theirs.

use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use hashbrown::HashMap;

use super::{connections::Connections, sampling::Sampling, sequence::Sequence};
use crate::wire::template::{Specifier, Template, compile::Plan};

/// What stands for sFlow among versions: its own is 5, which is NetFlow's as well.
pub const SFLOW: u8 = 0;

/// Tells the streams of one exporter's address apart.
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

/// A template, and its plan from when it was first needed.
#[derive(Debug)]
pub struct Known {
    /// The template.
    pub template: Template,
    plan: OnceLock<Plan>,
}

impl Known {
    /// A template that has not been needed yet.
    pub fn new(template: Template) -> Self {
        Self { template, plan: OnceLock::new() }
    }

    /// How its records are decoded.
    pub fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan::new(&self.template))
    }

    /// Octets of memory that it takes, about: what is held for it, and its plan.
    fn cost(&self) -> usize {
        size_of::<Self>() + self.template.specifiers.len() * (size_of::<Specifier>() + 32) + 64
    }
}

/// A data set whose template has not come yet.
#[derive(Debug)]
pub struct Waiting {
    /// Template identifier.
    pub template: u16,
    /// Seconds since the epoch, and uptime, in the header of its message.
    pub export: u64,
    /// Uptime in the header of its message.
    pub uptime: Option<u32>,
    /// When it was received.
    pub received: u64,
    /// The set without its header.
    pub set: Box<[u8]>,
}

/// What is known of one stream.
#[derive(Debug, Default)]
pub struct Session {
    /// Templates of flows. A template has its identifier to itself, whichever of the two it is in.
    templates: HashMap<u16, Arc<Known>>,
    /// Templates of options, apart, so that to withdraw all of one kind costs nothing for the other.
    options: HashMap<u16, Arc<Known>>,
    waiting: VecDeque<Waiting>,
    /// Sets whose template has come, until they are decoded.
    ready: VecDeque<(Waiting, Arc<Known>)>,
    waiting_cost: usize,
    /// What its options tell of sampling.
    pub sampling: Sampling,
    /// Its sequence numbers.
    pub sequence: Sequence,
    /// Numbers of flow samples, by source (sFlow).
    samples: HashMap<u32, Sequence>,
    /// Connections of a firewall that were counted while they lived.
    pub connections: Connections,
    connections_cost: usize,
    /// When the device booted, milliseconds since the epoch, as told by options.
    pub boot: Option<u64>,
    /// When data were last decoded with its templates, milliseconds since the epoch; 0 for never.
    pub last_decoded: u64,
    /// Octets of memory that it takes, about.
    pub cost: usize,
}

/// Sets that wait at most, whatever their length: they are searched whenever a template comes.
const WAITING_SETS: usize = 256;

/// Sources of samples whose numbers are followed.
const SAMPLED_SOURCES: usize = 256;

/// Octets of memory that a session takes without templates, about.
pub const SESSION_COST: usize = size_of::<Session>() + size_of::<SessionKey>() + 32;

impl Session {
    /// A session of which nothing is known.
    pub fn new() -> Self {
        Self { cost: SESSION_COST, ..Self::default() }
    }

    /// The template `id`.
    pub fn template(&self, id: u16) -> Option<&Arc<Known>> {
        self.templates.get(&id).or_else(|| self.options.get(&id))
    }

    /// All templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.templates.values().chain(self.options.values()).map(|known| &known.template)
    }

    /// Octets of memory that `template` would take beyond what it replaces; none when it is known as it is.
    pub fn cost_of(&self, template: &Template) -> Option<usize> {
        let replaced = match self.template(template.id) {
            Some(known) if known.template == *template => return None,
            Some(known) => known.cost(),
            None => 0,
        };
        let cost = size_of::<Known>() + template.specifiers.len() * (size_of::<Specifier>() + 32);
        Some((cost + 64).saturating_sub(replaced))
    }

    /// Takes `template` in the place of one with its identifier.
    pub fn insert(&mut self, template: Template) {
        self.remove(template.id);
        let known = Arc::new(Known::new(template));
        self.cost += known.cost();
        let options = known.template.is_options();
        self.of_kind(options).insert(known.template.id, known);
    }

    /// Forgets the template `id`.
    pub fn remove(&mut self, id: u16) {
        if let Some(known) = self.templates.remove(&id).or_else(|| self.options.remove(&id)) {
            self.cost -= known.cost();
        }
    }

    /// Forgets all templates of flows, or all of options.
    pub fn remove_all(&mut self, options: bool) {
        let removed = std::mem::take(self.of_kind(options));
        self.cost -= removed.values().map(|known| known.cost()).sum::<usize>();
    }

    fn of_kind(&mut self, options: bool) -> &mut HashMap<u16, Arc<Known>> {
        if options { &mut self.options } else { &mut self.templates }
    }

    /// Lets a set wait. Those that wait longest make room while all take more than `limit` octets; their octets are
    /// returned.
    pub fn wait(&mut self, set: Waiting, limit: usize) -> usize {
        let mut dropped = 0;
        self.enter(waiting_cost(&set), 0);
        self.waiting.push_back(set);
        while self.waiting_cost > limit || self.waiting.len() > WAITING_SETS {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.enter(0, waiting_cost(&oldest));
            dropped += oldest.set.len();
        }
        dropped
    }

    /// True when sets are ready.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// True when sets wait.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The template `id` has come, as `known`: the sets that have waited for it are ready.
    pub fn make_ready(&mut self, id: u16, known: &Arc<Known>) {
        for set in std::mem::take(&mut self.waiting) {
            if set.template == id {
                self.ready.push_back((set, known.clone()));
            } else {
                self.waiting.push_back(set);
            }
        }
    }

    /// Takes the first set that is ready, and its template.
    pub fn take_ready(&mut self) -> Option<(Waiting, Arc<Known>)> {
        let (set, known) = self.ready.pop_front()?;
        self.enter(0, waiting_cost(&set));
        Some((set, known))
    }

    fn enter(&mut self, more: usize, less: usize) {
        self.cost = self.cost + more - less;
        self.waiting_cost = self.waiting_cost + more - less;
    }

    /// Notes flow sample number `sequence` of source `source`.
    pub fn sample(&mut self, source: u32, sequence: u32) {
        if let Some(known) = self.samples.get_mut(&source) {
            known.observe(sequence, Some(1));
        } else if self.samples.len() < SAMPLED_SOURCES {
            self.cost += size_of::<(u32, Sequence)>() + 8;
            self.samples.entry(source).or_default().observe(sequence, Some(1));
        }
    }

    /// Takes the memory of [`Session::connections`] into account.
    pub fn account_connections(&mut self) {
        let cost = self.connections.cost();
        self.cost = self.cost + cost - self.connections_cost;
        self.connections_cost = cost;
    }

    /// Flow samples that never came.
    pub fn samples_lost(&self) -> u64 {
        self.samples.values().map(|sequence| sequence.lost).sum()
    }

    /// Forgets the sets that wait. Returns their octets.
    pub fn forget_waiting(&mut self) -> usize {
        self.enter(0, self.waiting_cost);
        let ready = self.ready.drain(..).map(|(set, _)| set);
        self.waiting.drain(..).chain(ready).map(|set| set.set.len()).sum()
    }
}

fn waiting_cost(set: &Waiting) -> usize {
    size_of::<Waiting>() + set.set.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(id: u16, scopes: u16) -> Template {
        Template { id, scopes, specifiers: [Specifier::iana(8, 4)].into() }
    }

    #[test]
    fn templates_of_flows_and_of_options_are_withdrawn_apart() {
        let mut session = Session::new();
        let empty = session.cost;
        session.insert(template(256, 0));
        session.insert(template(257, 1));
        session.remove_all(false);
        assert!(session.template(256).is_none());
        assert!(session.template(257).is_some());
        session.remove_all(true);
        assert_eq!((session.templates().count(), session.cost), (0, empty));
    }

    #[test]
    fn an_identifier_stands_for_one_template_of_either_kind() {
        let mut session = Session::new();
        session.insert(template(256, 0));
        let one = session.cost;
        session.insert(template(256, 1));
        assert_eq!((session.templates().count(), session.cost), (1, one));
        assert!(session.template(256).is_some_and(|known| known.template.is_options()));
        session.insert(template(256, 0));
        assert!(session.template(256).is_some_and(|known| !known.template.is_options()));
        session.remove(256);
        assert!(session.template(256).is_none());
    }
}
