//! Fragments of IP packets put together again: devices send datagrams larger than the path takes.

use std::{collections::BTreeMap, net::IpAddr};

use super::packet::{Fragment, Packet};

/// Packets that may be incomplete at a time; the one begun first is given up for another.
const OPEN: usize = 256;
/// Longest payload of a packet.
const LONGEST: usize = 65_535;
/// Fragments of a packet: no path cuts smaller.
const MOST: usize = 512;

/// How long the missing fragments of a packet are waited for, milliseconds.
const PATIENCE: u64 = 30_000;

/// What fragments of one packet have in common.
type Key = (IpAddr, IpAddr, u8, u32);

/// The beginning of a packet whose rest is missing.
#[derive(Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// What the payload is.
    pub protocol: u8,
    /// Its payload, up to where something is missing.
    pub payload: Vec<u8>,
    /// When it was captured, milliseconds since the epoch.
    pub received: u64,
}

/// Packets of which parts are missing.
#[derive(Debug, Default)]
pub struct Fragments {
    open: BTreeMap<Key, Parts>,
    begun: u64,
    given_up: u64,
}

#[derive(Debug)]
struct Parts {
    /// When it was begun.
    order: u64,
    /// When its first fragment was captured, milliseconds since the epoch.
    since: u64,
    /// By offset.
    parts: BTreeMap<usize, Vec<u8>>,
    /// Octets of the whole; known from the last fragment.
    length: Option<usize>,
}

impl Fragments {
    /// Takes a fragment captured at `now` (milliseconds since the epoch); the payload of the packet when it was the last one
    /// missing.
    pub fn put(&mut self, packet: &Packet<'_>, now: u64) -> Option<Vec<u8>> {
        let Fragment { identification, offset, more } = packet.fragment?;
        let end = offset + packet.payload.len();
        if end > LONGEST {
            self.given_up += 1;
            return None;
        }
        let key = (packet.source, packet.destination, packet.protocol, identification);
        self.begun += 1;
        let order = self.begun;
        let parts = self.open.entry(key).or_insert_with(|| Parts {
            order,
            since: now,
            parts: BTreeMap::new(),
            length: None,
        });
        if !more {
            parts.length = Some(end);
        }
        if parts.parts.len() < MOST {
            parts.parts.entry(offset).or_insert_with(|| packet.payload.to_vec());
        }
        let whole = parts.whole()?;
        self.open.remove(&key);
        Some(whole)
    }

    /// Gives up on packets that have waited long enough by `now`, or that have to make room; of those whose beginning is there,
    /// that. None once there is no more such packet.
    pub fn give_up(&mut self, now: u64) -> Option<Beginning> {
        let is_due = |parts: &Parts| now >= parts.since.saturating_add(PATIENCE);
        loop {
            let oldest = self.open.iter().min_by_key(|(_, parts)| parts.order);
            let full = self.open.len() > OPEN;
            let key = oldest.filter(|(_, parts)| full || is_due(parts)).map(|(key, _)| *key)?;
            let parts = self.open.remove(&key)?;
            if let Some(beginning) = self.beginning(key, &parts) {
                return Some(beginning);
            }
        }
    }

    fn beginning(&mut self, key: Key, parts: &Parts) -> Option<Beginning> {
        let (source, destination, protocol, _) = key;
        let since = parts.since;
        let (payload, used) = parts.joined();
        self.given_up += (parts.parts.len() - used) as u64;
        (used != 0).then_some(Beginning { source, destination, protocol, payload, received: since })
    }

    /// Fragments that are in no packet, nor in the beginning of one.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }
}

impl Parts {
    fn whole(&self) -> Option<Vec<u8>> {
        let length = self.length?;
        // First whether it is whole: each fragment asks.
        let mut end = 0;
        for (offset, part) in &self.parts {
            if *offset > end {
                return None;
            }
            end = end.max(offset + part.len());
        }
        if end < length {
            return None;
        }
        let (mut whole, _) = self.joined();
        whole.truncate(length);
        Some(whole)
    }

    /// What is there from the beginning up to the first gap, and how many parts that is.
    fn joined(&self) -> (Vec<u8>, usize) {
        let (mut joined, mut used) = (Vec::with_capacity(self.length.unwrap_or(0)), 0);
        for (offset, part) in &self.parts {
            // What came twice is taken once.
            let Some(known) = joined.len().checked_sub(*offset) else { break };
            joined.extend_from_slice(part.get(known..).unwrap_or_default());
            used += 1;
        }
        (joined, used)
    }
}
