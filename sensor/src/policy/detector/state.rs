//! What is kept of a key.

use super::{context::Flow, incident::Incident};
use crate::policy::{
    keys::State,
    sources::SourceId,
    window::{
        Grid,
        distinct::Distinct,
        series::{Bucket, Placed, Series},
        starts::Starts,
    },
};

/// Ports and sources that a key remembers before it has an incident.
const REMEMBERED: usize = 4;

/// What is kept of a key: 128 bytes.
#[derive(Debug, Default)]
pub struct KeyState {
    pub(super) series: Series,
    /// First packet of what the window has seen since silence.
    pub(super) first: u64,
    /// Ports of the last records.
    pub(super) ports: [(u16, u16); REMEMBERED],
    /// One more than the number of each source, 0 for none.
    pub(super) sources: [u16; REMEMBERED],
    pub(super) counted: Option<Box<Counted>>,
    pub(super) incident: Option<Box<Incident>>,
    /// The same as `series` for counts that are scaled by the sampling rate, where records had several rates.
    pub(super) scaled: Option<Box<Series>>,
    /// The sampling rate of all records, where they had one; 0 before the first.
    pub(super) rate: u32,
    pub(super) next: u8,
    pub(super) expected: bool,
}

/// What is counted of the records of a key besides sums.
#[derive(Debug)]
pub struct Counted {
    /// Distinct values of the first field that is counted, and of others.
    pub(super) first: Distinct,
    pub(super) others: Vec<Distinct>,
    pub(super) starts: Starts,
}

impl Counted {
    pub(super) fn new(fields: usize, oldest: i32) -> Self {
        Self {
            first: Distinct::new(oldest),
            others: vec![Distinct::new(oldest); fields.saturating_sub(1)],
            starts: Starts::new(oldest),
        }
    }

    pub(super) fn distinct(&self, at: usize) -> Option<&Distinct> {
        if at == 0 { Some(&self.first) } else { self.others.get(at - 1) }
    }
}

impl State for KeyState {
    fn newest(&self) -> u64 {
        self.series.newest
    }
}

impl KeyState {
    /// The sources that feed it; `None` where there are more than it remembers.
    pub(super) fn sources(&self) -> Option<impl Iterator<Item = SourceId>> {
        let full = self.sources[REMEMBERED - 1] != 0;
        (!full).then(|| self.known_sources())
    }

    pub(super) fn known_sources(&self) -> impl Iterator<Item = SourceId> {
        self.sources.into_iter().take_while(|source| *source != 0).map(|source| source - 1)
    }

    #[inline(always)]
    pub(super) fn remember(&mut self, flow: &Flow<'_>) {
        let (batch, row) = (flow.row.batch, flow.row.row);
        self.ports[usize::from(self.next) % REMEMBERED] =
            (batch.source_port[row], batch.destination_port[row]);
        self.next = self.next.wrapping_add(1);
        let source = flow.source.saturating_add(1);
        if self.sources[0] != source {
            for own in &mut self.sources {
                if *own == source {
                    break;
                }
                if *own == 0 {
                    *own = source;
                    break;
                }
            }
        }
    }

    /// Adds a record to the window.
    #[inline(always)]
    pub(super) fn add(&mut self, grid: Grid, flow: &Flow<'_>) -> Placed {
        if let Some(scaled) = &mut self.scaled {
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
    pub(super) fn change_rate(&mut self, grid: Grid, flow: &Flow<'_>) {
        let mut scaled = self.series.scaled(self.rate);
        scaled.add(grid, &flow.sample.scaled(flow.rate));
        self.scaled = Some(Box::new(scaled));
    }

    /// What the window has as reported, and scaled by the sampling rate.
    pub(super) fn united(&self, oldest: i32) -> (Bucket, Bucket) {
        let unite = |series: &Series| {
            let mut all = Bucket::EMPTY;
            series.from(oldest).for_each(|bucket| all.unite(bucket));
            all
        };
        let counted = unite(&self.series);
        (counted, self.scaled.as_deref().map_or_else(|| counted.scaled(self.rate), unite))
    }

    /// Something of each place that a record changes, the value that is counted distinct among it; see [`Series::touch`].
    #[inline(always)]
    pub(super) fn touch(&self, value: Option<u64>) -> u64 {
        let counted = self.counted.as_ref().zip(value);
        let counted = counted.map_or(0, |(counted, value)| counted.first.touch(value));
        self.series.touch() ^ self.first ^ counted
    }

    pub(super) fn begin(&mut self, flow: &Flow<'_>) {
        self.rate = flow.rate;
        self.scaled = None;
        self.first = flow.sample.start;
        self.ports = Default::default();
        self.sources = Default::default();
        self.counted = None;
    }
}
