//! Roles of hosts, proposed from what they do: who answers names, relays mail, scans, backs up.
//!
//! Policies leave hosts alone that do by duty what others must not; whoever runs a network has to name them. [`Roles`] watches
//! flows and proposes, each proposal with what was seen. It labels nobody: a person reviews the proposals.
//!
//! * `service`: which service a port stands for. `host`: what is kept of a host. `rules`: the one table of roles.

mod host;
mod rules;
mod service;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use sensor_common::{
    packet::ip::protocol::{ICMP, ICMPV6},
    tcp,
};

use self::{host::Host, rules::RULES, service::Service};
use crate::flow::{
    batch::FlowBatch,
    fields::{Row, Value},
    initiator::{Initiator, opened},
    interfaces::Interfaces,
    labels::ROLE,
    profile::{Profile, Side},
};

/// The context of the labels that say what a host is for.
pub const CONTEXT: &str = ROLE;

/// Hosts that are watched at the same time, at most.
const MOST_HOSTS: usize = 1 << 16;

/// Peers that are remembered of all hosts together, at most: some 100 MB.
const MOST_PEERS: usize = 1 << 22;

/// A role that a host may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The host.
    pub address: IpAddr,
    /// The role.
    pub role: &'static str,
    /// What was seen, in words.
    pub evidence: String,
}

/// Watches flows.
#[derive(Debug, Default)]
pub struct Roles {
    hosts: HashMap<IpAddr, Host>,
    seen: Seen,
    peers: usize,
}

/// What has been watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Flow records.
    pub records: u64,
    /// Of these, without an internal address.
    pub external: u64,
    /// Of these, of hosts or peers for which there was no room.
    pub unwatched: u64,
    /// Time of the first packet, milliseconds since the epoch.
    pub first: Option<u64>,
    /// Time of the last packet, milliseconds since the epoch.
    pub last: Option<u64>,
}

/// The ends of a record.
const ENDS: [Side; 2] = [Side::Source, Side::Destination];

/// One end of a record.
#[derive(Clone, Copy)]
struct End {
    address: IpAddr,
    side: Side,
    internal: bool,
}

impl Roles {
    /// Takes in the records of a batch whose addresses have been looked up.
    pub fn observe(&mut self, batch: &FlowBatch, interfaces: &Interfaces) {
        for row in 0..batch.len() {
            self.record(Row { batch, row, interfaces });
        }
    }

    /// What has been watched so far.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// The roles that the hosts seem to have, by address, without those that are known already.
    pub fn proposals(&self) -> Vec<Proposal> {
        let mut all: Vec<_> = self
            .hosts
            .iter()
            .flat_map(|(address, host)| {
                let new = RULES.iter().filter(|rule| !host.roles.contains(rule.role));
                new.filter_map(|rule| {
                    let evidence = (rule.evidence)(host)?;
                    Some(Proposal { address: *address, role: rule.role, evidence })
                })
            })
            .collect();
        all.sort_by_key(|proposal| (proposal.address, proposal.role));
        all
    }

    fn record(&mut self, whole: Row<'_>) {
        let Row { batch, row, .. } = whole;
        self.seen.records += 1;
        let start = batch.start[row];
        self.seen.first = Some(self.seen.first.map_or(start, |first| first.min(start)));
        self.seen.last = self.seen.last.max(Some(batch.end[row]));
        let end = |side, address| {
            let internal = batch.profile(side, row).internal == Some(true);
            End { address, side, internal }
        };
        let ends = [end(ENDS[0], whole.source()), end(ENDS[1], whole.destination())];
        if !ends.iter().any(|end| end.internal) {
            self.seen.external += 1;
            return;
        }
        let protocol = batch.protocol[row];
        // Of a flow without ports nobody can say which service it is about.
        let [Some(source), Some(destination)] = ENDS.map(|side| batch.port(side, row)) else {
            return;
        };
        let ports = [source, destination];
        let services = ports.map(|port| Service::of(protocol, port));
        // Who serves: who is known not to have opened the connection, else the side with the port of a service.
        let known = opened(batch, row).filter(|opened| !opened.guessed);
        let to_server = match (known, services) {
            (Some(known), _) => known.by == Initiator::Source,
            (None, [None, Some(_)]) => true,
            (None, [Some(_), None]) => false,
            (None, [Some(_), Some(_)] | [None, None]) => return,
        };
        let service = match protocol {
            ICMP | ICMPV6 => Service::Echo,
            _ => services[usize::from(to_server)].unwrap_or(Service::Other),
        };
        let (client, server) = if to_server { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
        let port = ports[usize::from(to_server)];
        let refuses =
            batch.tcp_flags_of(row).is_some_and(|flags| flags & (tcp::RST | tcp::SYN) == tcp::RST);
        let answer = !to_server && !refuses;
        let octets = batch.octets[row];
        for (own, other, serves) in [(client, server, false), (server, client, true)] {
            if !own.internal {
                continue;
            }
            let profile = batch.profile(own.side, row);
            let Some(host) = self.host(own.address, profile) else { continue };
            let part = host.part(service, serves);
            part.records += 1;
            if serves == to_server {
                part.received = part.received.saturating_add(octets);
            } else {
                part.sent = part.sent.saturating_add(octets);
            }
            let new = if to_server {
                let peer = part.asked.insert(other.address, 0);
                usize::from(peer) + usize::from(!serves && host.asked.insert(other.address, port))
            } else if answer {
                let peers = if other.internal { &mut part.inside } else { &mut part.outside };
                usize::from(peers.insert(other.address, 0))
            } else {
                0
            };
            self.peers += new;
        }
    }

    /// The host, if there is room for it.
    fn host(&mut self, address: IpAddr, profile: &Profile) -> Option<&mut Host> {
        let is_full = self.hosts.len() >= MOST_HOSTS && !self.hosts.contains_key(&address);
        if is_full || self.peers >= MOST_PEERS {
            self.seen.unwatched += 1;
            return None;
        }
        Some(self.hosts.entry(address).or_insert_with(|| {
            let roles = match profile.label(CONTEXT) {
                Value::Texts(roles) => roles.iter().cloned().collect(),
                _ => BTreeSet::new(),
            };
            Host::new(roles)
        }))
    }
}
