//! How a device samples: what its options say, by sampler, by interface, and for all its flows.

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
    /// True where flows say which sampler took them.
    #[serde(default)]
    is_referred_to: bool,
}

/// What is known of a stream that has told nothing.
pub static UNTOLD: Sampling = Sampling {
    samplers: BTreeMap::new(),
    interfaces: BTreeMap::new(),
    all: None,
    is_referred_to: false,
};

/// One of how many packets, and which domain said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rate {
    rate: u32,
    domain: u32,
    /// What other domains say, each with its latest word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<(u32, u32)>,
    /// A domain for whose words there was no room disagreed.
    #[serde(default)]
    is_disputed: bool,
}

/// Domains of one device whose words about one thing are kept beside each other.
const DOMAINS: usize = 8;

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
    /// Notes that `domain` samples one of `rate` packets in `scope`. Where the latest words of two domains differ, nobody's
    /// counts.
    pub fn learn(&mut self, scope: Scope, rate: u32, domain: u32) {
        match scope {
            Scope::Sampler(id) => learn(&mut self.samplers, id, rate, domain),
            Scope::Interface(index) => learn(&mut self.interfaces, index, rate, domain),
            Scope::All => match &mut self.all {
                Some(known) => known.learn(rate, domain),
                all => *all = Some(Rate::new(rate, domain)),
            },
        }
    }

    /// Notes that some template of flows names samplers: flows that name none are of no sampler.
    pub fn refer(&mut self) {
        self.is_referred_to = true;
    }

    /// Entries of all kinds.
    pub fn len(&self) -> usize {
        self.samplers.len() + self.interfaces.len() + usize::from(self.all.is_some())
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rate for flows that name no sampler: as told for all, or that of the only sampler, unless flows say which of them
    /// it took.
    fn of_all(&self) -> Option<u32> {
        let only = || match self.samplers.len() {
            1 if !self.is_referred_to => self.samplers.values().next(),
            _ => None,
        };
        self.all.as_ref().or_else(only).and_then(Rate::certain)
    }
}

impl Rate {
    fn new(rate: u32, domain: u32) -> Self {
        Self { rate, domain, others: Vec::new(), is_disputed: false }
    }

    fn learn(&mut self, rate: u32, domain: u32) {
        if domain == self.domain {
            self.rate = rate;
        } else if let Some(known) = self.others.iter_mut().find(|(other, _)| *other == domain) {
            known.1 = rate;
        } else if self.others.len() + 1 < DOMAINS {
            self.others.push((domain, rate));
        } else if rate != self.rate {
            self.is_disputed = true;
        }
    }

    fn certain(&self) -> Option<u32> {
        let agreed = self.others.iter().all(|(_, rate)| *rate == self.rate);
        (agreed && !self.is_disputed && self.rate != 0).then_some(self.rate)
    }
}

fn learn<K: Ord>(table: &mut BTreeMap<K, Rate>, key: K, rate: u32, domain: u32) {
    if let Some(known) = table.get_mut(&key) {
        known.learn(rate, domain);
    } else if table.len() < LIMIT {
        table.insert(key, Rate::new(rate, domain));
    }
}

/// Where the rates of a message's flows are looked up: its own domain first, then the whole device, since some send
/// their options in another domain than their flows.
#[derive(Clone, Copy)]
pub struct Rates<'a> {
    /// Configured for the device: goes before all that it says itself.
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
        let of = |table: &Sampling| table.samplers.get(&id).and_then(Rate::certain);
        of(self.domain).or_else(|| of(self.device))
    }

    /// True when some rate is told by interface.
    pub fn has_interfaces(&self) -> bool {
        !self.device.interfaces.is_empty()
    }

    /// The rate of flows that come in by interface `index`.
    pub fn of_interface(&self, index: u32) -> Option<u32> {
        let of = |table: &Sampling| table.interfaces.get(&index).and_then(Rate::certain);
        of(self.domain).or_else(|| of(self.device))
    }

    /// The rate of flows of which nothing else tells it.
    pub fn of_all(&self) -> Option<u32> {
        self.header.or_else(|| self.domain.of_all()).or_else(|| self.device.of_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_all(device: &Sampling) -> Option<u32> {
        Rates { configured: None, header: None, domain: &UNTOLD, device }.of_all()
    }

    #[test]
    fn the_only_sampler_is_that_of_flows_that_never_name_one() {
        let mut device = Sampling::default();
        device.learn(Scope::Sampler(1), 1000, 1);
        assert_eq!(of_all(&device), Some(1000));
        device.refer();
        assert_eq!(of_all(&device), None);
        device.learn(Scope::All, 50, 1);
        assert_eq!(of_all(&device), Some(50), "told for all flows");
    }

    #[test]
    fn domains_that_disagree_count_for_nothing_however_often_they_say_it() {
        let mut device = Sampling::default();
        device.learn(Scope::All, 100, 1);
        for _ in 0..3 {
            device.learn(Scope::All, 200, 2);
            assert_eq!(of_all(&device), None);
        }
        device.learn(Scope::All, 200, 1);
        assert_eq!(of_all(&device), Some(200), "both have changed");
        for domain in 3..30 {
            device.learn(Scope::All, 200, domain);
        }
        assert_eq!(of_all(&device), Some(200));
        device.learn(Scope::All, 7, 99);
        assert_eq!(of_all(&device), None, "one of too many to remember");
    }

    #[test]
    fn what_was_saved_before_domains_were_told_apart_is_read() {
        let saved = r#"{"samplers":{},"interfaces":{},"all":{"rate":9,"domain":1}}"#;
        let device: Sampling = serde_json::from_str(saved).unwrap();
        assert_eq!(of_all(&device), Some(9));
    }
}
