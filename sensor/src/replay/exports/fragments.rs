//! Fragments of IP packets put together again: exporters send datagrams larger than the path takes.

use std::{collections::BTreeMap, net::IpAddr};

use super::packet::{Fragment, Packet};

/// Packets that may be incomplete at a time; the one begun first is given up for another.
const OPEN: usize = 256;
/// Longest payload of a packet.
const LONGEST: usize = 65_535;
/// Fragments of a packet: no path cuts smaller.
const MOST: usize = 512;

/// What fragments of one packet have in common.
type Key = (IpAddr, IpAddr, u8, u32);

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
    /// By offset.
    parts: BTreeMap<usize, Vec<u8>>,
    /// Octets of the whole; known from the last fragment.
    length: Option<usize>,
}

impl Fragments {
    /// Takes a fragment; the payload of the packet when it was the last one missing.
    pub fn put(&mut self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let Fragment { identification, offset, more } = packet.fragment?;
        let end = offset + packet.payload.len();
        if end > LONGEST {
            self.given_up += 1;
            return None;
        }
        let key = (packet.source, packet.destination, packet.protocol, identification);
        if !self.open.contains_key(&key) && self.open.len() >= OPEN {
            let oldest = self.open.iter().min_by_key(|(_, parts)| parts.order);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.give_up(&key);
            }
        }
        self.begun += 1;
        let order = self.begun;
        let parts = self.open.entry(key).or_insert_with(|| Parts {
            order,
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

    fn give_up(&mut self, key: &Key) {
        if let Some(parts) = self.open.remove(key) {
            self.given_up += parts.parts.len() as u64;
        }
    }

    /// Fragments of packets that did not become whole, those that still might have included.
    pub fn given_up(&self) -> u64 {
        self.given_up + self.open.values().map(|parts| parts.parts.len() as u64).sum::<u64>()
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
        let mut whole = Vec::with_capacity(length);
        for (offset, part) in &self.parts {
            // What came twice is taken once.
            whole.extend_from_slice(part.get(whole.len() - offset..).unwrap_or_default());
        }
        whole.truncate(length);
        Some(whole)
    }
}
