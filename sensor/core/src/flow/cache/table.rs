//! The active flows of one address family: storage, look-up and deadlines.

use sensor_common::packet::ip::protocol;

use super::{
    CacheOptions,
    wheel::{Linked, Links, NIL, Wheel},
};
use crate::flow::{batch::EndReason, delta::FlowDelta, index::Index};

const CHUNK: usize = 4096;
const FIN: u16 = 0x01;
const SYN: u16 = 0x02;
const RST: u16 = 0x04;

/// One active flow.
#[derive(Clone, Copy, Debug)]
struct Entry<const N: usize> {
    key: [u64; N],
    counts: FlowDelta,
    links: Links,
    /// FIN or RST was seen: the flow ends after a linger.
    ended: bool,
}

/// Entries in chunks that never move, so that growth costs no copy and no second allocation of that size.
#[derive(Debug)]
struct Entries<const N: usize> {
    chunks: Vec<Vec<Entry<N>>>,
    free: Vec<u32>,
}

impl<const N: usize> Entries<N> {
    fn get(&mut self, index: u32) -> &mut Entry<N> {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    fn add(&mut self, entry: Entry<N>) -> u32 {
        if let Some(index) = self.free.pop() {
            *self.get(index) = entry;
            return index;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let full = (self.chunks.len() - 1) * CHUNK;
        let chunk = &mut self.chunks[full / CHUNK];
        chunk.push(entry);
        (full + chunk.len() - 1) as u32
    }
}

impl<const N: usize> Linked for Entries<N> {
    fn links(&mut self, index: u32) -> &mut Links {
        &mut self.get(index).links
    }
}

/// The flows of keys of `N` words.
#[derive(Debug)]
pub struct Table<const N: usize> {
    entries: Entries<N>,
    index: Index,
    wheel: Wheel,
    seed: u64,
}

/// A record taken out of the table.
pub struct Ended<const N: usize> {
    /// Packed key.
    pub key: [u64; N],
    /// Everything counted.
    pub counts: FlowDelta,
    /// Why.
    pub reason: EndReason,
}

impl<const N: usize> Table<N> {
    pub fn new(options: &CacheOptions, seed: u64) -> Self {
        Self {
            entries: Entries { chunks: Vec::new(), free: Vec::new() },
            index: Index::default(),
            wheel: Wheel::new(options.active_timeout.max(options.idle_timeout)),
            seed,
        }
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Adds `delta` to its flow. Returns the record of an earlier flow of this key that `delta` no longer belongs
    /// to, however late the wheel gets to it: so where records are cut depends on packet times alone.
    pub fn merge(
        &mut self,
        options: &CacheOptions,
        key: &[u64; N],
        delta: &FlowDelta,
    ) -> Option<Ended<N>> {
        let hash = hash(key, self.seed);
        let entries = &mut self.entries;
        let Some(number) = self.index.find(hash, |number| entries.get(number).key == *key) else {
            self.insert(options, hash, key, delta);
            return None;
        };
        let entry = self.entries.get(number);
        if let Some(reason) = end_before(entry, delta, options) {
            let ended = self.remove(number, reason);
            self.insert(options, hash, key, delta);
            return Some(ended);
        }
        absorb(&mut entry.counts, delta);
        if !entry.ended && ends(key, delta) {
            entry.ended = true;
            let deadline = deadline(entry, options);
            self.wheel.disarm(&mut self.entries, number);
            self.wheel.arm(&mut self.entries, number, deadline);
        }
        None
    }

    /// A flow that has ended by `now`; `None` when there is no more.
    pub fn expire(&mut self, options: &CacheOptions, now: u64) -> Option<Ended<N>> {
        while let Some(number) = self.wheel.due(now) {
            let entry = self.entries.get(number);
            let deadline = deadline(entry, options);
            if deadline <= now {
                let reason = reason(entry, options);
                return Some(self.remove(number, reason));
            }
            self.wheel.disarm(&mut self.entries, number);
            self.wheel.arm(&mut self.entries, number, deadline);
        }
        None
    }

    /// The flow that would end first, taken out for `reason`; `None` when the table is empty.
    pub fn evict(&mut self, reason: EndReason) -> Option<Ended<N>> {
        let number = self.wheel.nearest()?;
        Some(self.remove(number, reason))
    }

    fn insert(&mut self, options: &CacheOptions, hash: u32, key: &[u64; N], delta: &FlowDelta) {
        let entry =
            Entry { key: *key, counts: *delta, links: Links::default(), ended: ends(key, delta) };
        let deadline = deadline(&entry, options);
        let number = self.entries.add(entry);
        debug_assert_ne!(number, NIL);
        self.wheel.arm(&mut self.entries, number, deadline);
        self.index.insert(hash, number);
    }

    fn remove(&mut self, number: u32, reason: EndReason) -> Ended<N> {
        self.wheel.disarm(&mut self.entries, number);
        let Entry { key, counts, .. } = *self.entries.get(number);
        self.index.remove(hash(&key, self.seed), number);
        self.entries.free.push(number);
        Ended { key, counts, reason }
    }
}

/// When `entry` ends if nothing more comes, in ms.
fn deadline<const N: usize>(entry: &Entry<N>, options: &CacheOptions) -> u64 {
    let quiet = if entry.ended { options.end_linger } else { options.idle_timeout };
    let FlowDelta { start, end, .. } = entry.counts;
    end.saturating_add(quiet).min(start.saturating_add(options.active_timeout))
}

/// Why `entry`, whose deadline has come, ends.
fn reason<const N: usize>(entry: &Entry<N>, options: &CacheOptions) -> EndReason {
    let FlowDelta { start, end, .. } = entry.counts;
    if entry.ended {
        EndReason::EndOfFlow
    } else if end.saturating_add(options.idle_timeout)
        <= start.saturating_add(options.active_timeout)
    {
        EndReason::IdleTimeout
    } else {
        EndReason::ActiveTimeout
    }
}

/// Why `delta` does not belong to `entry` any more, if so.
fn end_before<const N: usize>(
    entry: &Entry<N>,
    delta: &FlowDelta,
    options: &CacheOptions,
) -> Option<EndReason> {
    // A new connection on the ports of one that has ended. Within one tick nobody is that fast: there it is the beginning
    // of the same one, counted by another CPU whose table is drained later.
    let reopened = entry.ended && delta.tcp_flags & SYN != 0 && delta.start > entry.counts.end;
    (reopened || delta.start >= deadline(entry, options)).then(|| reason(entry, options))
}

/// True when `delta` holds the end of a TCP connection.
fn ends<const N: usize>(key: &[u64; N], delta: &FlowDelta) -> bool {
    key[N - 1] as u8 == protocol::TCP && delta.tcp_flags & (FIN | RST) != 0
}

fn absorb(counts: &mut FlowDelta, delta: &FlowDelta) {
    counts.octets = counts.octets.saturating_add(delta.octets);
    counts.packets = counts.packets.saturating_add(delta.packets);
    counts.layer2_octets = counts.layer2_octets.saturating_add(delta.layer2_octets);
    counts.start = counts.start.min(delta.start);
    counts.end = counts.end.max(delta.end);
    counts.tcp_flags |= delta.tcp_flags;
    counts.ttl_min = counts.ttl_min.min(delta.ttl_min);
    counts.ttl_max = counts.ttl_max.max(delta.ttl_max);
}

fn hash<const N: usize>(key: &[u64; N], seed: u64) -> u32 {
    let mut state = seed;
    for word in key {
        let product = u128::from(state ^ word) * 0x9e37_79b9_7f4a_7c15;
        state = product as u64 ^ (product >> 64) as u64;
    }
    (state ^ state >> 32) as u32
}
