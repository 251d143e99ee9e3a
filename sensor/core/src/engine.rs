//! The engine: counts in, flow records out ([`Engine`]); records in, records with their context and events out
//! ([`pipeline`]).
//!
//! It knows neither where counts come from nor who takes the records, and no clock: time is an argument.

pub mod change;
pub mod inside;
pub mod pipeline;

use sensor_common::key::{V4_WORDS, V6_WORDS};

use crate::flow::{
    batch::{FlowBatch, Source},
    cache::{CacheOptions, FlowCache, Records},
    delta::{DeltaSink, FlowDelta},
};

/// The engine; `O` takes each batch of records.
pub struct Engine<O> {
    cache: FlowCache,
    records: Records,
    output: O,
}

impl<O: FnMut(FlowBatch)> Engine<O> {
    /// An engine for flows that `source` observes. `seed` as for [`FlowCache::new`].
    pub fn new(source: Source, options: CacheOptions, seed: u64, output: O) -> Self {
        Self { cache: FlowCache::new(options, seed), records: Records::new(source), output }
    }

    /// The cache, for its counters.
    pub fn cache(&self) -> &FlowCache {
        &self.cache
    }

    /// Hands on the records of all flows that have ended by `now` (ms since the epoch), and those that waited.
    pub fn expire(&mut self, now: u64) {
        self.gather(now);
        self.hand_on();
    }

    /// Ends flows as [`Engine::expire`] does, but lets their records wait until a batch is full: for sources that let
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

impl<O: FnMut(FlowBatch)> DeltaSink for Engine<O> {
    fn v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta) {
        self.cache.merge_v4(key, delta, &mut self.records);
        self.hand_on_when_full();
    }

    fn v6(&mut self, key: &[u64; V6_WORDS], delta: &FlowDelta) {
        self.cache.merge_v6(key, delta, &mut self.records);
        self.hand_on_when_full();
    }
}
