//! Done once per batch, before any shard sees it: identifies the source of each row and corrects its times.

use crate::{
    flow::batch::{FlowBatch, Source},
    policy::sources::{Origin, Sources, View},
};

/// The sources and the corrected times of a batch's rows.
#[derive(Debug, Default)]
pub struct Clocked {
    /// The sources as of this batch.
    pub(super) view: View,
    /// Sources by place in the batch's list of devices; one for the host's.
    origins: Vec<Origin>,
    /// Of each row, and of the newest record of its source.
    pub(super) times: Vec<(u64, u64)>,
}

impl Clocked {
    /// The source of a row.
    #[inline(always)]
    pub(super) fn source(&self, batch: &FlowBatch, row: usize) -> Origin {
        source(&self.origins, batch, row)
    }
}

#[inline(always)]
fn source(origins: &[Origin], batch: &FlowBatch, row: usize) -> Origin {
    match batch.device.get(row) {
        Some(place) => {
            origins.get(*place as usize).or(origins.first()).copied().unwrap_or_default()
        }
        None => origins.first().copied().unwrap_or_default(),
    }
}

/// Keeps the sources.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) sources: Sources,
    /// Records so far.
    pub(super) records: u64,
    /// Whether flows have come of each kind of source, in the order of [`Source::ALL`].
    seen: [bool; Source::ALL.len()],
}

impl Front {
    /// No source but this host.
    pub(super) fn new(host: String) -> Self {
        Self { sources: Sources::new(host), records: 0, seen: Default::default() }
    }

    /// Identifies the sources of a batch and corrects the times of its rows.
    pub(super) fn clock(&mut self, batch: &FlowBatch, clocked: &mut Clocked) {
        let Clocked { view, origins, times } = clocked;
        self.sources.of_batch(batch, origins);
        times.clear();
        times.reserve(batch.len());
        let mut row = 0;
        if batch.device.is_empty() {
            self.sources.records(source(origins, batch, 0), &batch.end, times);
        }
        for run in batch.device.chunk_by(|place, next| place == next) {
            let rows = row..row + run.len();
            self.sources.records(source(origins, batch, row), &batch.end[rows], times);
            row += run.len();
        }
        *view = self.sources.view();
        self.records += batch.len() as u64;
        if let Some(at) = Source::ALL.iter().position(|source| *source == batch.observed_by) {
            self.seen[at] = true;
        }
    }

    /// The kinds of sources that flows have come from.
    pub(super) fn kinds(&self) -> Vec<Source> {
        let kinds = Source::ALL.into_iter().zip(self.seen);
        kinds.filter(|(_, seen)| *seen).map(|(source, _)| source).collect()
    }
}
