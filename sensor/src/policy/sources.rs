//! How far each source of flows has come, by the time of its records.
//!
//! A router's active timeout or a cloud log's quarter of an hour is not lateness: records are late against the newest of
//! their own source. Where a source is silent, the clock goes on for it, as far behind as its longest recent silence.

use std::{collections::HashMap, net::IpAddr};

use crate::flow::batch::{FlowBatch, Source};

/// Number of a source.
pub type SourceId = u16;

/// This host.
pub const HOST: SourceId = 0;

/// How far a record may be ahead of the clock, milliseconds. More is a wrong clock, and the record counts as of now.
const AHEAD: u64 = 60_000;
/// How far the clock may go back before it counts as set back, milliseconds.
const BACK: u64 = 60_000;
/// Longest silence that is waited for, milliseconds.
const LONGEST_GAP: u64 = 3_600_000;
/// The same for this host, which reports flows that go on every minute.
const LONGEST_HOST_GAP: u64 = 60_000;
/// How long a silence is remembered at least, milliseconds.
const GAP_MEMORY: u64 = 3_600_000;

/// All sources.
#[derive(Debug)]
pub struct Sources {
    all: Vec<Progress>,
    by_address: HashMap<IpAddr, SourceId>,
    /// Milliseconds since the epoch; `None` before the first word of it.
    clock: Option<u64>,
    /// When everything began, by the clock or the first record.
    began: Option<u64>,
    /// Records ahead of the clock.
    pub ahead: u64,
    /// How often the clock was set back.
    pub set_back: u64,
}

#[derive(Debug)]
struct Progress {
    name: String,
    seen: bool,
    /// Time of the newest record.
    mark: u64,
    /// Longest silences, in this period and the one before.
    gaps: [u64; 2],
    period: u64,
}

impl Progress {
    fn new(name: String) -> Self {
        Self { name, seen: false, mark: 0, gaps: [0; 2], period: 0 }
    }
}

impl Sources {
    /// No source but this host, which events call `host`.
    pub fn new(host: String) -> Self {
        Self {
            all: vec![Progress::new(host)],
            by_address: HashMap::new(),
            clock: None,
            began: None,
            ahead: 0,
            set_back: 0,
        }
    }

    /// Name of a source.
    pub fn name(&self, id: SourceId) -> &str {
        &self.all[usize::from(id)].name
    }

    /// Moves the clock. Where it was set back, what is newer by its own time was never so.
    pub fn advance(&mut self, now: u64) {
        self.began.get_or_insert(now);
        let back = self.clock.is_some_and(|clock| now.saturating_add(BACK) < clock);
        if back {
            self.set_back += 1;
            self.began = Some(now);
            for source in &mut self.all {
                source.mark = source.mark.min(now);
                source.gaps = [0; 2];
                source.period = now;
            }
        }
        if back || self.clock.is_none_or(|clock| now > clock) {
            self.clock = Some(now);
        }
    }

    /// The sources of a batch's rows, by place in its list of exporters; one for the host's.
    pub fn of_batch(&mut self, batch: &FlowBatch, ids: &mut Vec<SourceId>) {
        ids.clear();
        if batch.observed_by == Source::Host && batch.router.exporters.is_empty() {
            ids.push(HOST);
            return;
        }
        for exporter in &batch.router.exporters {
            let id = *self.by_address.entry(exporter.address).or_insert_with(|| {
                if self.all.len() < usize::from(SourceId::MAX) {
                    self.all.push(Progress::new(exporter.address.to_string()));
                }
                (self.all.len() - 1) as SourceId
            });
            let source = &mut self.all[usize::from(id)];
            if !exporter.name.is_empty() && source.name != exporter.name {
                source.name.clone_from(&exporter.name);
            }
            ids.push(id);
        }
        if ids.is_empty() {
            ids.push(HOST);
        }
    }

    /// Takes note of a record that ends at `end`. Returns the time that it counts as of, and that of the newest record of
    /// its source.
    #[inline(always)]
    pub fn record(&mut self, id: SourceId, end: u64) -> (u64, u64) {
        let mut end = end;
        if let Some(clock) = self.clock.filter(|clock| end > clock.saturating_add(AHEAD)) {
            end = clock;
            self.ahead += 1;
        }
        let clock = self.clock;
        let source = &mut self.all[usize::from(id)];
        if end > source.mark || !source.seen {
            self.began.get_or_insert(end);
            source.progress(end, clock, if id == HOST { LONGEST_HOST_GAP } else { LONGEST_GAP });
        }
        (end, source.mark)
    }

    /// Up to when the records of a source have arrived, as far as can be told.
    pub fn horizon(&self, id: SourceId) -> u64 {
        let source = &self.all[usize::from(id)];
        let gap = source.gaps[0].max(source.gaps[1]);
        self.clock.map_or(source.mark, |clock| clock.saturating_sub(gap).max(source.mark))
    }

    /// The horizon of the slowest source; the clock where no source has been seen.
    pub fn slowest(&self) -> u64 {
        let seen = (0..self.all.len()).filter(|&id| self.all[id].seen);
        let slowest = seen.map(|id| self.horizon(id as SourceId)).min();
        slowest.or(self.clock).unwrap_or(0)
    }

    /// When everything began, milliseconds since the epoch; again where the clock was set back.
    pub fn began(&self) -> u64 {
        self.began.unwrap_or(0)
    }

    /// Whether a time lies so far ahead of the clock that a wrong clock made it.
    pub fn is_ahead(&self, time: u64) -> bool {
        self.clock.is_some_and(|clock| time > clock.saturating_add(AHEAD))
    }
}

impl Progress {
    #[cold]
    #[inline(never)]
    fn note_gap(&mut self, clock: u64, longest: u64) {
        if clock.saturating_sub(self.period) >= GAP_MEMORY {
            self.gaps = [0, self.gaps[0]];
            self.period = clock;
        }
        let gap = clock.saturating_sub(self.mark).min(longest);
        self.gaps[0] = self.gaps[0].max(gap);
    }

    #[inline(always)]
    fn progress(&mut self, end: u64, clock: Option<u64>, longest: u64) {
        if let Some(clock) = clock.filter(|_| self.seen) {
            let gap = clock.saturating_sub(self.mark).min(longest);
            if gap > self.gaps[0] || clock.saturating_sub(self.period) >= GAP_MEMORY {
                self.note_gap(clock, longest);
            }
        }
        self.seen = true;
        self.mark = end;
    }
}
