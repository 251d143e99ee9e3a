//! How an exporter samples: what its options say, by sampler, by interface, and for all its flows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Entries of each kind that one table keeps.
const LIMIT: usize = 4096;

/// What one observation domain has told of its sampling, or all domains of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    samplers: BTreeMap<u64, Rate>,
    interfaces: BTreeMap<u32, Rate>,
    all: Option<Rate>,
}

/// What is known of a stream that has told nothing.
pub static UNTOLD: Sampling =
    Sampling { samplers: BTreeMap::new(), interfaces: BTreeMap::new(), all: None };

/// One of how many packets, and which domain said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rate {
    /// 0 where two domains disagree.
    rate: u32,
    domain: u32,
}

/// What a rate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Flows that name this sampler.
    Sampler(u64),
    /// Flows that came in by this interface.
    Interface(u32),
    /// All flows.
    All,
}

impl Sampling {
    /// Notes that `domain` samples one of `rate` packets in `scope`. Where another domain says something else, nobody's
    /// word counts.
    pub fn learn(&mut self, scope: Scope, rate: u32, domain: u32) {
        let told = Rate { rate, domain };
        match scope {
            Scope::Sampler(id) => insert(&mut self.samplers, id, told),
            Scope::Interface(index) => insert(&mut self.interfaces, index, told),
            Scope::All => self.all = Some(self.all.map_or(told, |known| known.and(told))),
        }
    }

    /// Entries of all kinds.
    pub fn len(&self) -> usize {
        self.samplers.len() + self.interfaces.len() + usize::from(self.all.is_some())
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rate for all flows: as told, or that of the only sampler.
    fn of_all(&self) -> Option<u32> {
        let only = || match self.samplers.len() {
            1 => self.samplers.values().next().copied(),
            _ => None,
        };
        self.all.or_else(only).and_then(Rate::certain)
    }
}

impl Rate {
    fn and(self, told: Self) -> Self {
        if self.domain == told.domain || self.rate == told.rate {
            told
        } else {
            Self { rate: 0, ..told }
        }
    }

    fn certain(self) -> Option<u32> {
        (self.rate != 0).then_some(self.rate)
    }
}

fn insert<K: Ord>(table: &mut BTreeMap<K, Rate>, key: K, told: Rate) {
    if let Some(known) = table.get_mut(&key) {
        *known = known.and(told);
    } else if table.len() < LIMIT {
        table.insert(key, told);
    }
}

/// Where the rates of a message's flows are looked up: its own domain first, then the whole device, since some send
/// their options in another domain than their flows.
#[derive(Clone, Copy)]
pub struct Rates<'a> {
    /// Configured for the exporter: goes before all that it says itself.
    pub configured: Option<u32>,
    /// What the header says.
    pub header: Option<u32>,
    /// What the domain has told.
    pub domain: &'a Sampling,
    /// What all its domains have told.
    pub device: &'a Sampling,
}

impl Rates<'_> {
    /// The rate of sampler `id`.
    pub fn of_sampler(&self, id: u64) -> Option<u32> {
        let of = |table: &Sampling| table.samplers.get(&id).copied().and_then(Rate::certain);
        of(self.domain).or_else(|| of(self.device))
    }

    /// True when some rate is told by interface.
    pub fn has_interfaces(&self) -> bool {
        !self.device.interfaces.is_empty()
    }

    /// The rate of flows that come in by interface `index`.
    pub fn of_interface(&self, index: u32) -> Option<u32> {
        let of = |table: &Sampling| table.interfaces.get(&index).copied().and_then(Rate::certain);
        of(self.domain).or_else(|| of(self.device))
    }

    /// The rate of flows of which nothing else tells it.
    pub fn of_all(&self) -> Option<u32> {
        self.header.or_else(|| self.domain.of_all()).or_else(|| self.device.of_all())
    }
}
