//! The tables as a whole: from an address to the number of its profile.
//!
//! Nothing in a context changes but that profiles are discovered: the combination of an address is known when the tables
//! are built, its place only when it is seen, and a profile is made when the two meet for the first time. What decides
//! is kept under numbers (of the combination, and of the records that MMDB files have), so that a profile is made once and
//! not once for each address.
//!
//! Places could make as many profiles as there are cities, and each costs memory in every predicate. So there are
//! levels: when half of [`Limits::profiles`] are in use, new ones are made without subdivision and location; when
//! all are, without AS as well, which leaves as many as combinations have countries. Labels, networks, bogons, reputation
//! and country are never given up. What was coarsened is counted.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use super::{
    combine::{Combination, Combined, Precedence, combine},
    geography::{Database, Place},
    interner::Texts,
    networks::Networks,
    sources::Sources,
};
use crate::{
    flow::{
        ports::PortLabels,
        profile::{AutonomousSystem, Profile, Profiles},
        trie::{Bits, Trie},
    },
    sync::Unpoisoned as _,
};

/// MMDB files of a context at most.
pub const DATABASES: usize = 3;
/// Stands for no profile: none has this number.
pub const NOTHING: u32 = u32::MAX;
/// Pairs of combination and place that are remembered.
const KNOWN: usize = 1 << 18;

/// How much a context may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Profiles at which new ones are made without AS.
    pub profiles: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { profiles: 1 << 17 }
    }
}

/// Combination, and records of the files.
type Key = (u32, [u32; DATABASES]);

/// All that is known about addresses.
#[derive(Debug)]
pub struct Context {
    texts: Texts,
    combinations: Vec<Combination>,
    v4: Trie<u32>,
    v6: Trie<u128>,
    networks: Networks,
    databases: Vec<Database>,
    internal_as: Vec<u32>,
    knows_local: bool,
    knows_reputation: bool,
    ports: Arc<PortLabels>,
    limits: Limits,
    profiles: Arc<Profiles>,
    /// Profiles of combinations, where there is no place beside them.
    placeless: Box<[AtomicU32]>,
    known: Mutex<HashMap<Key, u32>>,
    coarse: AtomicU64,
}

impl Context {
    /// The tables of what `sources` say.
    pub fn new(sources: Sources, precedence: Precedence, limits: Limits) -> Self {
        let Combined { mut combinations, v4, v6 } = combine(&sources.statements, precedence);
        let networks =
            Networks::new(&sources.networks, &sources.statements, precedence, &mut combinations);
        let combinations = combinations.into_items();
        let Sources { texts, mut databases, mut internal_as, .. } = sources;
        let mut ports = PortLabels::default();
        for port in &sources.ports {
            ports.add(port.protocol, port.port, texts.get(port.value));
        }
        databases.truncate(DATABASES);
        internal_as.sort_unstable();
        Self {
            placeless: combinations.iter().map(|_| AtomicU32::new(NOTHING)).collect(),
            texts,
            combinations,
            v4,
            v6,
            networks,
            databases,
            internal_as,
            knows_local: sources.knows_local,
            knows_reputation: sources.knows_reputation,
            ports: Arc::new(ports),
            limits,
            profiles: Arc::default(),
            known: Mutex::default(),
            coarse: AtomicU64::new(0),
        }
    }

    /// The profiles that numbers are about.
    pub fn profiles(&self) -> &Arc<Profiles> {
        &self.profiles
    }

    /// The networks that share addresses with others.
    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Labels of ports: the values of all contexts.
    pub fn ports(&self) -> &Arc<PortLabels> {
        &self.ports
    }

    /// Profiles made without all that was known.
    pub fn coarse(&self) -> u64 {
        self.coarse.load(Ordering::Relaxed)
    }

    /// Takes note of a profile that was made without all that was known.
    pub(super) fn count_coarse(&self) {
        self.coarse.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls `each` with every label that is stated of addresses: context, value, and once for each combination of statements that has it.
    pub fn each_label(&self, each: &mut dyn FnMut(&str, &str)) {
        for (context, value) in self.combinations.iter().flat_map(|own| &own.labels) {
            each(self.texts.get(*context), self.texts.get(*value));
        }
    }

    /// Combinations of statements, and octets of the tables that find them.
    pub fn size(&self) -> (usize, usize) {
        (self.combinations.len(), self.v4.size() + self.v6.size())
    }

    fn combination(&self, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(address) => self.v4.get(address.into()),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => self.v4.get(address.into()),
                None => self.v6.get(address.into()),
            },
        }
    }

    /// The number of the profile of an address.
    pub fn number(&self, address: IpAddr) -> u32 {
        self.number_of(address, self.combination(address))
    }

    /// The number of the profile of an address that has this combination.
    pub(super) fn number_of(&self, address: IpAddr, combination: u32) -> u32 {
        let make = |address| self.intern(self.profile(combination, self.place(address)));
        if self.databases.is_empty() {
            let known = &self.placeless[combination as usize];
            let mut number = known.load(Ordering::Acquire);
            if number == NOTHING {
                // Another thread that makes it as well is given the same number.
                number = make(address);
                known.store(number, Ordering::Release);
            }
            return number;
        }
        let mut records = [0; DATABASES];
        for (record, database) in records.iter_mut().zip(&self.databases) {
            *record = database.record(address);
        }
        let key = (combination, records);
        let mut known = self.known.lock().unpoisoned();
        if let Some(&number) = known.get(&key) {
            return number;
        }
        let number = make(address);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(key, number);
        number
    }

    /// Whether addresses share profiles: where an MMDB file has a say, each is looked up there.
    pub fn shares_profiles(&self) -> bool {
        self.databases.is_empty()
    }

    /// The number of the profile that an IPv4 address shares with all that have its first bits, where that is one that is
    /// known already, else [`NOTHING`]: a step of [`Context::number`] that costs less than to remember addresses. Only where
    /// [`Context::shares_profiles`].
    #[inline(always)]
    pub fn shared_v4(&self, address: u32) -> u32 {
        self.shared(&self.v4, address)
    }

    /// As [`Context::shared_v4`], for IPv6. Where IPv4 addresses are mapped, none is shared.
    #[inline(always)]
    pub fn shared_v6(&self, address: u128) -> u32 {
        if address.first() == 0 { NOTHING } else { self.shared(&self.v6, address) }
    }

    /// Without branches on what the tables say, which nobody can guess.
    #[inline(always)]
    fn shared<K: Bits>(&self, addresses: &Trie<K>, address: K) -> u32 {
        let (combination, is_shared) = addresses.shared(address);
        let place = if is_shared { combination as usize } else { 0 };
        let number = self.placeless[place].load(Ordering::Acquire);
        if is_shared { number } else { NOTHING }
    }

    /// The number of the profile of an address that has `labels` beside those of the tables; of `combination` instead of its own,
    /// where there is one.
    pub fn number_with(
        &self,
        address: IpAddr,
        combination: Option<u32>,
        labels: Vec<(String, String)>,
    ) -> u32 {
        let combination = combination.unwrap_or_else(|| self.combination(address));
        let mut profile = self.profile(combination, self.place(address));
        for (context, value) in labels {
            let values = profile.labels.entry(context).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
        self.intern(profile)
    }

    fn place(&self, address: IpAddr) -> Place {
        let places = self.databases.iter().map(|database| database.place(address));
        places.fold(Place::default(), Place::or)
    }

    /// The profile of a combination at a place.
    fn profile(&self, combination: u32, place: Place) -> Profile {
        let combination = &self.combinations[combination as usize];
        let text = |text| self.texts.get(text).to_owned();
        let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (context, value) in &combination.labels {
            labels.entry(text(*context)).or_default().push(text(*value));
        }
        let own_as =
            place.as_number.is_some_and(|number| self.internal_as.binary_search(&number).is_ok());
        let reputation = combination.reputation.iter().map(|category| text(*category)).collect();
        Profile {
            labels,
            internal: Some(combination.internal || own_as),
            local: self.knows_local.then_some(combination.local),
            bogon: Some(combination.bogon),
            owner_as: AutonomousSystem {
                number: place.as_number,
                organisation: place.as_organisation,
            },
            routed_as: AutonomousSystem::default(),
            country: place.country,
            continent: place.continent,
            subdivision: place.subdivision,
            location: place.location,
            reputation: self.knows_reputation.then_some(reputation),
        }
    }

    /// The number of a profile, in as much detail as there is room for.
    fn intern(&self, mut profile: Profile) -> u32 {
        let count = self.profiles.count();
        let whole = count < self.limits.profiles / 2;
        if !whole && (profile.location.is_some() || profile.subdivision.is_some()) {
            (profile.location, profile.subdivision) = (None, None);
            self.coarse.fetch_add(1, Ordering::Relaxed);
        }
        if count >= self.limits.profiles {
            profile.owner_as = AutonomousSystem::default();
        }
        self.profiles.intern(profile)
    }
}
