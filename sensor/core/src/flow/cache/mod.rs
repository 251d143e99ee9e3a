//! The active-flow cache: merges what sources count into flow records, and decides when a record ends.
//!
//! Invariants: nothing merged is ever dropped (a full cache ends its nearest flow early, with
//! [`EndReason::LackOfResources`]); records depend on the deltas and their times alone, not on the clock, the
//! hash seed, or how often [`FlowCache::expire`] is called; but for who opened a flow that is no TCP, which may be found out
//! one record later where it is called often.

use sensor_common::key::{KeyV4, KeyV6, V4_WORDS, V6_WORDS, reverse_v4, reverse_v6};

use super::{
    batch::{EndReason, FlowBatch, Source},
    delta::FlowDelta,
    index::Index,
};

mod entry;
mod options;
mod table;
mod wheel;

use entry::Entry;
pub use options::CacheOptions;
use table::{Ended, Table};

/// Where ended flows' records go: a batch of each family, to be taken when full.
#[derive(Clone, Debug)]
pub struct Records {
    /// IPv4 records.
    pub v4: FlowBatch,
    /// IPv6 records.
    pub v6: FlowBatch,
}

impl Records {
    /// No records.
    pub fn new(source: Source) -> Self {
        Self { v4: FlowBatch::v4(source), v6: FlowBatch::v6(source) }
    }

    /// True when a batch should be taken before more is put in.
    pub fn is_full(&self) -> bool {
        self.v4.is_full() || self.v6.is_full()
    }

    /// Takes the batches that have rows, IPv4 first, and leaves empty ones.
    pub fn take(&mut self) -> impl Iterator<Item = FlowBatch> + use<> {
        let v4 = taken(&mut self.v4, FlowBatch::v4);
        let v6 = taken(&mut self.v6, FlowBatch::v6);
        v4.into_iter().chain(v6)
    }

    fn push_v4(&mut self, ended: &Ended<V4_WORDS>) {
        self.v4.push(&KeyV4::unpack(&ended.key), &ended.counts, ended.part);
    }

    fn push_v6(&mut self, ended: &Ended<V6_WORDS>) {
        self.v6.push(&KeyV6::unpack(&ended.key), &ended.counts, ended.part);
    }
}

/// The batch, where it has rows. An empty one stays: a new one would allocate, and sources ask with every packet.
fn taken(batch: &mut FlowBatch, empty: fn(Source) -> FlowBatch) -> Option<FlowBatch> {
    (!batch.is_empty()).then(|| std::mem::replace(batch, empty(batch.observed_by)))
}

/// The cache of both address families.
#[derive(Debug)]
pub struct FlowCache {
    options: CacheOptions,
    v4: Table<V4_WORDS>,
    v6: Table<V6_WORDS>,
    /// Packets have come.
    is_watching: bool,
    evicted: u64,
}

impl FlowCache {
    /// Octets that it takes at most, where all flows are of IPv6 and it is full.
    pub fn octets(options: &CacheOptions) -> usize {
        let flows = options.max_flows;
        flows.saturating_mul(size_of::<Entry<V6_WORDS>>()).saturating_add(Index::octets(flows))
    }

    /// An empty cache. `seed` goes into its hash; draw it where senders of packets could choose keys.
    pub fn new(options: CacheOptions, seed: u64) -> Self {
        Self {
            options,
            v4: Table::new(&options, seed, reverse_v4),
            v6: Table::new(&options, seed, reverse_v6),
            is_watching: false,
            evicted: 0,
        }
    }

    /// Goes on with other `options`: they hold for the flows that are held as well. Where there are now more than may be,
    /// [`Self::shrink`] ends them.
    pub fn reconfigure(&mut self, options: CacheOptions) {
        self.options = options;
        self.v4.reschedule(&options);
        self.v6.reschedule(&options);
    }

    /// Ends flows early until no more are held than may be, or `out` is full; true when there may be more.
    pub fn shrink(&mut self, out: &mut Records) -> bool {
        while self.len() > self.options.max_flows {
            if out.is_full() {
                return true;
            }
            self.make_room(out);
        }
        false
    }

    /// Flows held; those among them whose record was cut and of which no packet has come since.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// True when no flow is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flows ended early because the cache was full, since the start.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Adds counts to the IPv4 flow of a packed key. Puts at most two records into `out`.
    pub fn merge_v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta, out: &mut Records) {
        self.watch(delta);
        if let Some(ended) = self.v4.merge(&self.options, key, delta) {
            out.push_v4(&ended);
        }
        self.make_room(out);
    }

    /// Adds counts to the IPv6 flow of a packed key. Puts at most two records into `out`.
    pub fn merge_v6(&mut self, key: &[u64; V6_WORDS], delta: &FlowDelta, out: &mut Records) {
        self.watch(delta);
        if let Some(ended) = self.v6.merge(&self.options, key, delta) {
            out.push_v6(&ended);
        }
        self.make_room(out);
    }

    /// Moves the records of flows that have ended by `now` (ms since the epoch) to `out` until it is full; true
    /// when there may be more.
    pub fn expire(&mut self, now: u64, out: &mut Records) -> bool {
        while !out.is_full() {
            if let Some(ended) = self.v4.expire(&self.options, now) {
                out.push_v4(&ended);
            } else if let Some(ended) = self.v6.expire(&self.options, now) {
                out.push_v6(&ended);
            } else {
                return false;
            }
        }
        true
    }

    /// Moves all flows to `out` with [`EndReason::ForcedEnd`] until it is full; true when there is more.
    pub fn flush(&mut self, out: &mut Records) -> bool {
        while !out.is_full() {
            if !self.evict(EndReason::ForcedEnd, out) {
                return false;
            }
        }
        true
    }

    /// Notes when packets were first seen. What has been silent for the idle timeout since then was no flow before.
    fn watch(&mut self, delta: &FlowDelta) {
        if !self.is_watching {
            let since = delta.start.saturating_add(self.options.idle_timeout);
            (self.v4.watched_since, self.v6.watched_since) = (since, since);
            self.is_watching = true;
        }
    }

    fn make_room(&mut self, out: &mut Records) {
        if self.len() > self.options.max_flows {
            self.evict(EndReason::LackOfResources, out);
            self.evicted += 1;
        }
    }

    /// Ends the flow with the nearest timeout in the fuller table; false when there is none.
    fn evict(&mut self, reason: EndReason, out: &mut Records) -> bool {
        if self.v4.len() >= self.v6.len() {
            let Some(ended) = self.v4.evict(reason, &self.options) else { return false };
            ended.iter().for_each(|ended| out.push_v4(ended));
        } else {
            let Some(ended) = self.v6.evict(reason, &self.options) else { return false };
            ended.iter().for_each(|ended| out.push_v6(ended));
        }
        true
    }
}

#[cfg(test)]
mod tests;
