//! The active flows of one address family: storage, look-up, deadlines, and what both directions together tell.

use super::{
    CacheOptions,
    entry::{Entry, Opened},
    wheel::{Linked, Links, NIL, Wheel},
};
use crate::flow::{
    batch::{EndReason, Part},
    delta::FlowDelta,
    index::Index,
    initiator::Initiator,
};

const CHUNK: usize = 4096;

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
    /// The key of the other direction.
    reverse: fn([u64; N]) -> [u64; N],
    /// Flows that began earlier than this may have been there before anybody looked: their order tells nothing.
    pub watched_since: u64,
}

/// A record taken out of the table.
pub struct Ended<const N: usize> {
    /// Packed key.
    pub key: [u64; N],
    /// Everything counted.
    pub counts: FlowDelta,
    /// What else is known of it.
    pub part: Part,
}

impl<const N: usize> Table<N> {
    pub fn new(options: &CacheOptions, seed: u64, reverse: fn([u64; N]) -> [u64; N]) -> Self {
        Self {
            entries: Entries { chunks: Vec::new(), free: Vec::new() },
            index: Index::default(),
            wheel: Wheel::new(horizon(options)),
            seed,
            reverse,
            watched_since: 0,
        }
    }

    /// Goes on with other `options`, by which every flow has its deadline from now on.
    pub fn reschedule(&mut self, options: &CacheOptions) {
        let (wheel, flows) = self.wheel.replaced(&mut self.entries, horizon(options));
        self.wheel = wheel;
        for number in flows {
            let deadline = self.entries.get(number).deadline(options);
            self.wheel.arm(&mut self.entries, number, deadline);
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
        let Some(number) = self.find(hash, key) else {
            self.insert(options, hash, key, delta);
            return None;
        };
        let entry = self.entries.get(number);
        if entry.is_cut() {
            self.resume(options, hash, number, delta);
            return None;
        }
        if let Some(reason) = entry.end_before(delta, options) {
            let ended = self.end(number, reason, options);
            match reason {
                EndReason::ActiveTimeout => self.resume(options, hash, number, delta),
                _ => self.insert(options, hash, key, delta),
            }
            return ended;
        }
        if entry.absorb(delta) {
            self.rearm(number, options);
        }
        None
    }

    /// A flow that has ended by `now`; `None` when there is no more.
    pub fn expire(&mut self, options: &CacheOptions, now: u64) -> Option<Ended<N>> {
        while let Some(number) = self.wheel.due(now) {
            let entry = self.entries.get(number);
            if entry.deadline(options) > now {
                self.rearm(number, options);
                continue;
            }
            let reason = entry.reason(options);
            let ended = self.end(number, reason, options);
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    /// Takes out the flow that would end first, for `reason`; `None` when the table is empty. One whose record has left
    /// has no other.
    pub fn evict(&mut self, reason: EndReason, options: &CacheOptions) -> Option<Option<Ended<N>>> {
        let number = self.wheel.nearest()?;
        Some(self.end(number, reason, options))
    }

    fn find(&mut self, hash: u32, key: &[u64; N]) -> Option<u32> {
        let entries = &mut self.entries;
        self.index.find(hash, |number| entries.get(number).key == *key)
    }

    fn insert(&mut self, options: &CacheOptions, hash: u32, key: &[u64; N], delta: &FlowDelta) {
        let entry = Entry::new(key, delta);
        let deadline = entry.deadline(options);
        let number = self.entries.add(entry);
        debug_assert_ne!(number, NIL);
        self.wheel.arm(&mut self.entries, number, deadline);
        self.index.insert(hash, number);
    }

    /// Goes on with a flow that was cut, or begins anew if `delta` is no part of it.
    fn resume(&mut self, options: &CacheOptions, hash: u32, number: u32, delta: &FlowDelta) {
        let entry = self.entries.get(number);
        if entry.goes_on(delta, options) {
            entry.resume(delta);
            self.rearm(number, options);
        } else {
            let key = entry.key;
            self.end(number, EndReason::IdleTimeout, options);
            self.insert(options, hash, &key, delta);
        }
    }

    fn rearm(&mut self, number: u32, options: &CacheOptions) {
        let deadline = self.entries.get(number).deadline(options);
        self.wheel.disarm(&mut self.entries, number);
        self.wheel.arm(&mut self.entries, number, deadline);
    }

    /// Ends the record of a flow for `reason`, if it has one, and the flow, unless it is only cut.
    fn end(&mut self, number: u32, reason: EndReason, options: &CacheOptions) -> Option<Ended<N>> {
        self.look_at_order(number, options);
        let entry = self.entries.get(number);
        let Entry { key, counts, .. } = *entry;
        let ended = (!entry.is_cut()).then(|| Ended { key, counts, part: entry.part(reason) });
        if ended.is_some() && reason == EndReason::ActiveTimeout {
            entry.cut();
            self.rearm(number, options);
        } else {
            self.wheel.disarm(&mut self.entries, number);
            self.index.remove(hash(&key, self.seed), number);
            self.entries.free.push(number);
        }
        ended
    }

    /// Finds out who opened the flow that ends, and has it and the flow of the other direction tell each other.
    fn look_at_order(&mut self, number: u32, options: &CacheOptions) {
        let entry = self.entries.get(number);
        entry.opened = entry.seen();
        if !entry.has_counterpart() {
            return;
        }
        let one = *entry;
        let key = (self.reverse)(one.key);
        let Some(place) = self.find(hash(&key, self.seed), &key) else { return };
        let other = self.entries.get(place);
        // Both lived at once, whenever the wheel gets to them; what began later is no news for this record.
        let meet = other.counts.start < one.deadline(options)
            && one.counts.start < other.silent_at(options);
        if !meet {
            return;
        }
        let (own, others) = match (one.opened, other.seen()) {
            (Opened::Unseen, Opened::Unseen) if one.order_tells() => {
                first(one.age(), other.age(), self.watched_since)
            }
            (Opened::Unseen, told) => (told.turned(), other.opened),
            (told, Opened::Unseen) => (told, told.turned()),
            (told, _) => (told, other.opened),
        };
        other.opened = others;
        self.entries.get(number).opened = own;
    }
}

/// How far ahead deadlines lie at most.
fn horizon(options: &CacheOptions) -> u64 {
    options.active_timeout.max(options.idle_timeout)
}

/// What the ages of both directions say of each.
fn first(one: (bool, u64), other: (bool, u64), watched_since: u64) -> (Opened, Opened) {
    let (_, start) = one.min(other);
    if one == other || start < watched_since {
        return (Opened::Unclear, Opened::Unclear);
    }
    let by = Opened::By(if one < other { Initiator::Source } else { Initiator::Destination });
    (by, by.turned())
}

fn hash<const N: usize>(key: &[u64; N], seed: u64) -> u32 {
    let mut state = seed;
    for word in key {
        let product = u128::from(state ^ word) * 0x9e37_79b9_7f4a_7c15;
        state = product as u64 ^ (product >> 64) as u64;
    }
    (state ^ state >> 32) as u32
}
