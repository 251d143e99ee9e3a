//! Aggregation: counts of packets in, batches of flow records out.
//!
//! A source merges its counts into the [`FlowCache`] by way of an [`Aggregator`], which lets time pass, gathers the records
//! of flows that have ended, and hands them on as full batches. It asks no clock: time is an argument.

use sensor_common::key::{V4_WORDS, V6_WORDS};

use super::{
    batch::{FlowBatch, Source},
    cache::{CacheOptions, FlowCache, Records},
    delta::{DeltaSink, FlowDelta},
};

/// A flow cache with what stands before and behind it; `O` takes each batch of records.
pub struct Aggregator<O> {
    cache: FlowCache,
    records: Records,
    output: O,
}

impl<O: FnMut(FlowBatch)> Aggregator<O> {
    /// An aggregator of flows that `source` observes. `seed` as for [`FlowCache::new`].
    pub fn new(source: Source, options: CacheOptions, seed: u64, output: O) -> Self {
        Self { cache: FlowCache::new(options, seed), records: Records::new(source), output }
    }

    /// The cache, for its counters.
    pub fn cache(&self) -> &FlowCache {
        &self.cache
    }

    /// Goes on with other `options`, also for the flows that there are: those that have lasted too long by them end with the next
    /// [`Self::expire`], and those beyond the number that may be held end now.
    pub fn reconfigure(&mut self, options: CacheOptions) {
        self.cache.reconfigure(options);
        while self.cache.shrink(&mut self.records) {
            self.hand_on();
        }
        self.hand_on();
    }

    /// Hands on the records of all flows that have ended by `now` (ms since the epoch), and those that waited.
    pub fn expire(&mut self, now: u64) {
        self.gather(now);
        self.hand_on();
    }

    /// Ends flows as [`Self::expire`] does, but lets their records wait until a batch is full: for sources that let
    /// time pass with every packet.
    pub fn gather(&mut self, now: u64) {
        while self.cache.expire(now, &mut self.records) {
            self.hand_on();
        }
    }

    /// Ends all flows and hands on their records.
    pub fn finish(&mut self) {
        while self.cache.flush(&mut self.records) {
            self.hand_on();
        }
        self.hand_on();
    }

    fn hand_on_when_full(&mut self) {
        if self.records.is_full() {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        for batch in self.records.take() {
            (self.output)(batch);
        }
    }
}

impl<O: FnMut(FlowBatch)> DeltaSink for Aggregator<O> {
    fn v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta) {
        self.cache.merge_v4(key, delta, &mut self.records);
        self.hand_on_when_full();
    }

    fn v6(&mut self, key: &[u64; V6_WORDS], delta: &FlowDelta) {
        self.cache.merge_v6(key, delta, &mut self.records);
        self.hand_on_when_full();
    }
}
