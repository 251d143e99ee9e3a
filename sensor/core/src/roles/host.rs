//! What is kept of a host: per service, as its client and as its server, whom it met and how much was moved.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    net::IpAddr,
};

use super::service::Service;

/// Peers of one kind that are told apart. More are "at least so many".
pub const MOST: usize = 4096;

/// A host.
#[derive(Debug, Default)]
pub struct Host {
    /// The roles that it is known to have.
    pub roles: BTreeSet<String>,
    /// Addresses and ports that it has tried, whether answered or not.
    pub asked: Peers,
    parts: Vec<Part>,
}

/// A host as client or server of a service.
#[derive(Debug)]
pub struct Part {
    service: Service,
    serves: bool,
    /// Flow records.
    pub records: u64,
    /// Octets that the host has sent.
    pub sent: u64,
    /// Octets that the host has received.
    pub received: u64,
    /// Peers to which, or by which, something was sent towards the server.
    pub asked: Peers,
    /// Internal peers between which the server has answered.
    pub inside: Peers,
    /// The same with external ones.
    pub outside: Peers,
}

impl Part {
    /// Whether the host is the server.
    pub fn serves(&self) -> bool {
        self.serves
    }
}

/// Addresses, or addresses and ports, told apart by their hashes.
#[derive(Debug, Default)]
pub struct Peers(HashSet<u64>);

impl Peers {
    /// Remembers one; true for a new one.
    pub fn insert(&mut self, address: IpAddr, port: u16) -> bool {
        // Whoever chose addresses that collide would only be counted as fewer.
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        self.0.len() < MOST && self.0.insert(hasher.hash_one((address, port)))
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many, for people.
    pub fn shown(&self) -> String {
        let count = self.count();
        if count < MOST { count.to_string() } else { format!("at least {count}") }
    }
}

impl Host {
    /// A host with these roles, of which nothing has been seen.
    pub fn new(roles: BTreeSet<String>) -> Self {
        Self { roles, ..Self::default() }
    }

    /// The part that it plays in a service.
    pub fn part(&mut self, service: Service, serves: bool) -> &mut Part {
        let is_it = |part: &Part| (part.service, part.serves) == (service, serves);
        let at = self.parts.iter().position(is_it).unwrap_or_else(|| {
            self.parts.push(Part {
                service,
                serves,
                records: 0,
                sent: 0,
                received: 0,
                asked: Peers::default(),
                inside: Peers::default(),
                outside: Peers::default(),
            });
            self.parts.len() - 1
        });
        &mut self.parts[at]
    }

    /// What it does as a server of one of `services`.
    pub fn serving<'h>(&'h self, services: &'h [Service]) -> impl Iterator<Item = &'h Part> {
        self.parts.iter().filter(move |part| part.serves && services.contains(&part.service))
    }

    /// What it does as a client of one of `services`.
    pub fn asking<'h>(&'h self, services: &'h [Service]) -> impl Iterator<Item = &'h Part> {
        self.parts.iter().filter(move |part| !part.serves && services.contains(&part.service))
    }

    /// Everything that it does.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}
