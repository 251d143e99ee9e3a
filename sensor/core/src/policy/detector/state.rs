//! What is kept of a key: two lines of the cache that every record changes, and what few keys have beside them.

use super::{
    approach::Approach,
    incident::Incident,
    kept::{KeptFlow, KeptFlows},
    scope::Flow,
};
use crate::{
    flow::kept::{LogPlace, RestoredRow, RowLog},
    policy::{
        keys::State,
        sources::SourceNumber,
        window::{
            Grid,
            series::{Bucket, Placed, Series},
        },
    },
};

/// Sources that a key remembers beside the first.
const MORE_SOURCES: usize = 3;

/// What is kept of a key: 128 bytes.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct KeyState {
    pub(super) series: Series,
    /// Flows to tell of where a threshold holds.
    pub(super) kept: KeptFlows,
    /// The sampling rate of all records, where they had one; 0 before the first.
    rate: u32,
    /// One more than the number of the first source, 0 for none.
    source: u16,
    pub(super) expected: bool,
    rare: Option<Box<Rare>>,
}

/// What few keys have.
#[derive(Debug, Default)]
struct Rare {
    incident: Option<Box<Incident>>,
    /// While a threshold is near and none holds.
    approach: Option<Box<Approach>>,
    /// The same as `series` for counts that are scaled by the sampling rate, where records had several rates.
    scaled: Option<Box<Series>>,
    /// One more flow to tell of, of a key that is expected: by time alone its threshold may hold without a flow that
    /// crosses it.
    kept: KeptFlow,
    /// Sources after the first, in the same way.
    sources: [u16; MORE_SOURCES],
}

impl State for KeyState {
    fn newest(&self) -> u64 {
        self.series.newest
    }
}

impl KeyState {
    /// The incident that is open.
    #[inline(always)]
    pub(super) fn incident(&self) -> Option<&Incident> {
        self.rare.as_ref()?.incident.as_deref()
    }

    /// The incident that is open.
    #[inline(always)]
    pub(super) fn incident_mut(&mut self) -> Option<&mut Incident> {
        self.rare.as_mut()?.incident.as_deref_mut()
    }

    /// What the key has left since a threshold is near.
    pub(super) fn approach(&mut self) -> &mut Option<Box<Approach>> {
        &mut self.rare.get_or_insert_default().approach
    }

    /// Whether it has left something since a threshold is near.
    #[inline(always)]
    pub(super) fn is_approaching(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.approach.is_some())
    }

    /// Opens an incident.
    pub(super) fn open(&mut self, incident: Incident) {
        self.rare.get_or_insert_default().incident = Some(Box::new(incident));
    }

    /// Takes out the incident.
    pub(super) fn close(&mut self) -> Option<Box<Incident>> {
        self.rare.as_mut()?.incident.take()
    }

    /// Counts scaled by the sampling rate, where records had several rates; else the rate of all.
    #[inline(always)]
    pub(super) fn scaled(&self) -> Result<&Series, u32> {
        self.rare.as_ref().and_then(|rare| rare.scaled.as_deref()).ok_or(self.rate)
    }

    /// The sources that feed it; `None` where there are more than it remembers.
    pub(super) fn sources(&self) -> Option<impl Iterator<Item = SourceNumber>> {
        let full = self.rare.as_ref().is_some_and(|rare| rare.sources[MORE_SOURCES - 1] != 0);
        (!full).then(|| self.known_sources())
    }

    pub(super) fn known_sources(&self) -> impl Iterator<Item = SourceNumber> {
        let more = self.rare.iter().flat_map(|rare| rare.sources);
        let all = std::iter::once(self.source).chain(more);
        all.take_while(|source| *source != 0).map(|source| source - 1)
    }

    /// Forgets its window: what it holds has not happened yet.
    pub(super) fn forget_window(&mut self, log: &mut RowLog) {
        self.series = Series::default();
        self.forget_flows(log);
    }

    /// Whether a flow that counts in `bucket` is one to keep.
    #[inline(always)]
    pub(super) fn lacks(&self, bucket: i32) -> bool {
        self.kept.lacks(bucket) || (self.expected && self.lacks_one_more(bucket))
    }

    #[cold]
    fn lacks_one_more(&self, bucket: i32) -> bool {
        self.rare.as_ref().is_none_or(|rare| rare.kept.lacks(bucket))
    }

    /// Keeps a flow that counts in `bucket`.
    pub(super) fn keep(&mut self, bucket: i32, flow: &Flow<'_>, log: &mut RowLog) {
        let more = self.expected.then(|| &mut self.rare.get_or_insert_default().kept);
        self.kept.add(bucket, flow, log, more);
    }

    /// Keeps none of its flows any more.
    pub(super) fn forget_flows(&mut self, log: &mut RowLog) {
        self.kept.forget(log);
        self.rare.iter_mut().for_each(|rare| rare.kept.forget(log));
    }

    /// Where its flows lie in the log.
    pub(super) fn places(&mut self) -> impl Iterator<Item = &mut LogPlace> {
        let more = self.rare.iter_mut().filter_map(|rare| rare.kept.place());
        self.kept.places().chain(more)
    }

    /// Its flows in buckets from `oldest` on: the last ones, `most` at most.
    pub(super) fn flows_since(&self, oldest: i32, most: usize, log: &RowLog) -> Vec<RestoredRow> {
        self.kept.since(oldest, most, log, self.rare.as_ref().map(|rare| &rare.kept))
    }

    /// Takes note of where a record came from.
    #[inline(always)]
    pub(super) fn remember(&mut self, flow: &Flow<'_>) {
        let source = flow.source.saturating_add(1);
        if self.source == 0 {
            self.source = source;
        } else if self.source != source {
            self.remember_more(source);
        }
    }

    #[cold]
    fn remember_more(&mut self, source: u16) {
        let sources = &mut self.rare.get_or_insert_default().sources;
        if let Some(own) = sources.iter_mut().find(|own| **own == source || **own == 0) {
            *own = source;
        }
    }

    /// Adds a record to the window.
    #[inline(always)]
    pub(super) fn add(&mut self, grid: Grid, flow: &Flow<'_>) -> Placed {
        if let Some(scaled) = self.rare.as_mut().and_then(|rare| rare.scaled.as_mut()) {
            scaled.add(grid, &flow.sample.scaled(flow.rate));
        } else if self.rate != flow.rate && self.rate != 0 {
            self.change_rate(grid, flow);
        }
        let placed = self.series.add(grid, &flow.sample);
        if let Placed::Anew(_) = placed {
            self.begin(flow);
        }
        placed
    }

    /// From here on the records have several sampling rates.
    #[cold]
    fn change_rate(&mut self, grid: Grid, flow: &Flow<'_>) {
        let mut scaled = self.series.scaled(self.rate);
        scaled.add(grid, &flow.sample.scaled(flow.rate));
        self.rare.get_or_insert_default().scaled = Some(Box::new(scaled));
    }

    /// What the window has as reported, and scaled by the sampling rate.
    pub(super) fn united(&self, oldest: i32) -> (Bucket, Bucket) {
        let unite = |series: &Series| {
            let mut all = Bucket::EMPTY;
            series.from(oldest).for_each(|bucket| all.unite(bucket));
            all
        };
        let counted = unite(&self.series);
        let scaled = self.scaled().map_or_else(|rate| counted.scaled(rate), unite);
        (counted, scaled)
    }

    fn begin(&mut self, flow: &Flow<'_>) {
        self.rate = flow.rate;
        self.source = 0;
        if let Some(rare) = &mut self.rare {
            (rare.scaled, rare.sources) = (None, Default::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_two_lines_of_the_cache() {
        assert_eq!(size_of::<KeyState>(), 128);
    }
}
