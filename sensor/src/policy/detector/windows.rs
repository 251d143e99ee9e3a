//! Policies with thresholds: a window for each key.

use std::collections::BTreeSet;

use super::{
    context::{Context, Flow},
    incident::{self, Incident},
    report,
    traces::MOST_QUOTED,
};
use crate::policy::{
    event::{EndReason, EventKind},
    keys::{Keys, Slot, State},
    model::Policy,
    sources::SourceId,
    threshold::{Metric, Quantity, Window},
    values::{KEY_WORDS, KeyFields, Part},
    window::{
        Grid,
        distinct::Distinct,
        series::{Bucket, OCTETS, PACKETS, Placed, SCALED_OCTETS, SCALED_PACKETS, Series},
        starts::Starts,
    },
};

/// Ports and sources that a key remembers before it has an incident.
const REMEMBERED: usize = 4;

/// The keys of one alternative.
#[derive(Debug)]
pub struct WindowTracker {
    pub(super) fields: KeyFields,
    pub(super) keys: Keys<KeyState>,
    pub(super) grid: Grid,
    distinct: Vec<Part>,
    beacons: bool,
    /// Keys whose silence matters.
    expected: Vec<Slot>,
    /// Keys with an incident.
    open: BTreeSet<Slot>,
}

/// What is kept of a key.
#[derive(Debug, Default)]
pub struct KeyState {
    pub(super) series: Series,
    /// First packet of what the window has seen since silence.
    pub(super) first: u64,
    /// Ports of the last records.
    ports: [(u16, u16); REMEMBERED],
    next: u8,
    pub(super) expected: bool,
    /// One more than the number of each source, 0 for none.
    sources: [u16; REMEMBERED],
    counted: Option<Box<Counted>>,
    pub(super) incident: Option<Box<Incident>>,
}

#[derive(Debug, Default)]
struct Counted {
    distinct: Vec<Distinct>,
    starts: Starts,
}

impl State for KeyState {
    fn newest(&self) -> u64 {
        self.series.newest
    }
}

impl KeyState {
    /// The sources that feed it; `None` where there are more than it remembers.
    fn sources(&self) -> Option<impl Iterator<Item = SourceId>> {
        let full = self.sources[REMEMBERED - 1] != 0;
        (!full).then(|| self.known_sources())
    }

    fn known_sources(&self) -> impl Iterator<Item = SourceId> {
        self.sources.into_iter().take_while(|source| *source != 0).map(|source| source - 1)
    }

    #[inline(always)]
    fn remember(&mut self, flow: &Flow<'_>) {
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

    fn begin(&mut self, flow: &Flow<'_>) {
        self.first = flow.sample.start;
        self.ports = Default::default();
        self.sources = Default::default();
        self.counted = None;
    }
}

/// A window at some time.
pub struct Seen<'s> {
    state: &'s KeyState,
    oldest: i32,
    /// Length, seconds.
    seconds: f64,
}

impl<'s> Seen<'s> {
    /// The window of `state` that ends at `time`.
    pub fn new(state: &'s KeyState, policy: &Policy, grid: Grid, time: u64) -> Self {
        let oldest = state.series.oldest(grid, time);
        Self { state, oldest, seconds: policy.window as f64 / 1000.0 }
    }

    fn sum(&self, at: usize) -> u64 {
        let buckets = self.state.series.from(self.oldest).iter();
        buckets.fold(0, |sum: u64, bucket| sum.saturating_add(bucket.sums[at]))
    }

    fn records(&self) -> u64 {
        let buckets = self.state.series.from(self.oldest).iter();
        buckets.map(|bucket| u64::from(bucket.records)).sum()
    }

    fn minimum(&self, at: usize) -> u64 {
        let buckets = self.state.series.from(self.oldest).iter();
        buckets
            .filter(|bucket| bucket.records > 0)
            .map(|bucket| bucket.minima[at])
            .min()
            .unwrap_or(0)
    }

    fn maximum(&self, at: usize) -> u64 {
        let buckets = self.state.series.from(self.oldest).iter();
        buckets.map(|bucket| bucket.maxima[at]).max().unwrap_or(0)
    }

    fn of_metric(&self, metric: Metric, value: impl Fn(&Self, usize) -> u64, flows: u64) -> u64 {
        match metric {
            Metric::Bits => value(self, OCTETS).saturating_mul(8),
            Metric::ScaledBits => value(self, SCALED_OCTETS).saturating_mul(8),
            Metric::Octets => value(self, OCTETS),
            Metric::Packets => value(self, PACKETS),
            Metric::ScaledPackets => value(self, SCALED_PACKETS),
            Metric::Flows => flows,
        }
    }

    fn total(&self, metric: Metric) -> u64 {
        match metric {
            Metric::Flows => self.records(),
            metric => self.of_metric(metric, Self::sum, 0),
        }
    }

    /// All buckets together.
    pub fn united(&self) -> Bucket {
        let mut all = Bucket::EMPTY;
        self.state.series.from(self.oldest).iter().for_each(|bucket| all.unite(bucket));
        all
    }
}

impl Window for Seen<'_> {
    #[inline]
    fn quantity(&self, quantity: Quantity) -> f64 {
        let counted = self.state.counted.as_deref();
        match quantity {
            Quantity::Sum(metric) => self.total(metric) as f64,
            Quantity::Rate(metric) => self.total(metric) as f64 / self.seconds,
            Quantity::Min(metric) => {
                self.of_metric(metric, Self::minimum, self.records().min(1)) as f64
            }
            Quantity::Max(metric) => {
                self.of_metric(metric, Self::maximum, self.records().min(1)) as f64
            }
            Quantity::Count => self.records() as f64,
            Quantity::Distinct(at) => {
                let distinct = counted.and_then(|counted| counted.distinct.get(at));
                distinct.map_or(0.0, |distinct| distinct.count(self.oldest))
            }
            Quantity::Beacon { sizes } => {
                counted.map_or(0.0, |counted| counted.starts.score(self.oldest, sizes))
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.records() == 0
    }
}

impl WindowTracker {
    /// A tracker of keys of these fields.
    pub fn new(policy: &Policy, fields: KeyFields, seed: u64, context: &mut Context<'_>) -> Self {
        let beacons = policy.asks(|quantity| matches!(quantity, Some(Quantity::Beacon { .. })));
        let mut tracker = Self {
            keys: Keys::new(fields.words(), seed),
            grid: Grid::new(policy.window),
            distinct: policy.distinct.iter().map(|field| Part::of(field)).collect(),
            beacons,
            expected: Vec::new(),
            open: BTreeSet::new(),
            fields,
        };
        for values in &policy.expect {
            let Some(key) = tracker.fields.of_values(values, context.texts) else { continue };
            if tracker.keys.find(&key).is_none() {
                let slot = tracker.keys.insert(&key, 0, true);
                tracker.keys.state(slot).expected = true;
                tracker.expected.push(slot);
            }
        }
        tracker
    }

    /// Number of keys.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Takes note of a matching flow.
    #[inline]
    pub fn observe(&mut self, policy: &Policy, flow: &Flow<'_>, context: &mut Context<'_>) {
        let mut words = [0; KEY_WORDS];
        let Some(key) = self.fields.read(flow.row, context.texts, &mut words) else {
            context.counters.untracked += 1;
            return;
        };
        let slot = match self.keys.find(key) {
            Some(slot) => slot,
            None => self.insert(policy, key, flow, context),
        };
        let state = self.keys.state(slot);
        if state.series.newest > flow.sample.end && context.sources.is_ahead(state.series.newest) {
            state.series = Series::default();
        }
        let bucket = match state.series.add(self.grid, &flow.sample) {
            Placed::TooOld => {
                context.counters.late += 1;
                return;
            }
            Placed::Anew(bucket) => {
                state.begin(flow);
                bucket
            }
            Placed::In(bucket) => bucket,
        };
        state.first = state.first.min(flow.sample.start);
        state.remember(flow);
        if !self.distinct.is_empty() || self.beacons {
            self.count(slot, bucket, flow, context);
        }
        let quoted = self.open.len() < MOST_QUOTED;
        if let Some(incident) = &mut self.keys.state(slot).incident {
            incident.add(flow, quoted);
        }
        let time = self.keys.peek(slot).series.newest;
        self.judge(policy, slot, time, Some(flow), context);
    }

    fn count(&mut self, slot: Slot, bucket: i32, flow: &Flow<'_>, context: &mut Context<'_>) {
        let state = self.keys.state(slot);
        let oldest = state.series.oldest(self.grid, state.series.newest);
        let counted = state.counted.get_or_insert_with(|| {
            Box::new(Counted {
                distinct: vec![Distinct::new(oldest); self.distinct.len()],
                starts: Starts::new(oldest),
            })
        });
        for (part, distinct) in self.distinct.iter().zip(&mut counted.distinct) {
            if let Some(value) = part.word(flow.row, context.texts) {
                distinct.add(value, bucket, oldest);
            }
        }
        if self.beacons {
            let bits = flow.sample.values[OCTETS].saturating_mul(8);
            counted.starts.add(flow.sample.start, bits, bucket, oldest);
        }
    }

    #[cold]
    fn insert(
        &mut self,
        policy: &Policy,
        key: &[u64],
        flow: &Flow<'_>,
        context: &mut Context<'_>,
    ) -> Slot {
        let full = self.keys.len() >= policy.max_keys.saturating_add(self.expected.len());
        if let Some(idle) = full.then(|| self.keys.most_idle()).flatten() {
            context.counters.evicted += 1;
            self.end(policy, idle, flow.sample.end, EndReason::Evicted, context);
            self.keys.remove_most_idle();
        }
        self.keys.insert(key, flow.sample.end, false)
    }

    /// Compares the window that ends at `time` with the thresholds, and says what has changed.
    #[inline]
    fn judge(
        &mut self,
        policy: &Policy,
        slot: Slot,
        time: u64,
        flow: Option<&Flow<'_>>,
        context: &mut Context<'_>,
    ) {
        let state = self.keys.peek(slot);
        let held = state.incident.as_ref().map(|incident| incident.level);
        let holds = incident::level(
            policy,
            &Seen::new(state, policy, self.grid, time),
            held,
            state.expected,
        );
        match (held, holds) {
            (None, None) => {}
            (None, Some(level)) => self.start(policy, slot, time, level, flow, context),
            (Some(_), None) => self.end(policy, slot, time, EndReason::Cleared, context),
            (Some(held), Some(level)) => {
                let Some(incident) = &mut self.keys.state(slot).incident else { return };
                incident.label(policy, time, flow, context);
                let due = policy.update > 0 && time >= incident.spoke.saturating_add(policy.update);
                if level != held || due {
                    incident.go_on(policy, level, time);
                    self.tell(policy, slot, EventKind::Ongoing, time, None, context);
                }
            }
        }
    }

    #[cold]
    fn start(
        &mut self,
        policy: &Policy,
        slot: Slot,
        time: u64,
        level: usize,
        flow: Option<&Flow<'_>>,
        context: &mut Context<'_>,
    ) {
        let track = self.fields.values(self.keys.key(slot), context.texts);
        let quoted = self.open.len() < MOST_QUOTED;
        let state = self.keys.state(slot);
        if state.series.newest == 0 {
            // Nothing was ever heard of it.
            state.first = context.sources.began();
        }
        let id = report::incident(&policy.summary, &track, state.first);
        let mut incident = Box::new(Incident::new(id, policy, level, time));
        for (source, destination) in state.ports {
            incident.traces.add_ports(source, destination);
        }
        for source in state.known_sources() {
            incident.traces.add_source(source);
        }
        for (field, distinct) in
            policy.distinct.iter().zip(state.counted.iter().flat_map(|counted| &counted.distinct))
        {
            report::add_counted(&mut incident.traces, field.name, distinct.values());
        }
        if let Some(flow) = flow {
            incident.add(flow, quoted);
            incident.label(policy, time, Some(flow), context);
        }
        state.incident = Some(incident);
        self.open.insert(slot);
        self.tell(policy, slot, EventKind::Start, time, None, context);
    }

    #[cold]
    fn end(
        &mut self,
        policy: &Policy,
        slot: Slot,
        time: u64,
        reason: EndReason,
        context: &mut Context<'_>,
    ) {
        if self.keys.peek(slot).incident.is_some() {
            self.tell(policy, slot, EventKind::End, time, Some(reason), context);
            self.keys.state(slot).incident = None;
            self.open.remove(&slot);
        }
    }

    fn tell(
        &mut self,
        policy: &Policy,
        slot: Slot,
        kind: EventKind,
        time: u64,
        reason: Option<EndReason>,
        context: &mut Context<'_>,
    ) {
        if policy.label.is_some() {
            return;
        }
        let track = self.fields.values(self.keys.key(slot), context.texts);
        let state = self.keys.peek(slot);
        let counted = Seen::new(state, policy, self.grid, time).united();
        let Some(incident) = &state.incident else { return };
        let event =
            incident.event(policy, track, state, &counted, (kind, time, reason), context.sources);
        context.event(event);
        if let Some(incident) = &mut self.keys.state(slot).incident {
            incident.sequence += 1;
        }
    }

    /// Up to when all that feeds a key has arrived.
    fn horizon(&self, slot: Slot, context: &Context<'_>) -> u64 {
        let state = self.keys.peek(slot);
        let own = state.sources().and_then(|ids| ids.map(|id| context.sources.horizon(id)).min());
        let horizon = own.unwrap_or_else(|| context.sources.slowest());
        let patience = state.incident.as_ref().map_or(0, |incident| incident.patience);
        horizon.saturating_sub(patience).max(state.series.newest)
    }

    /// Goes on to what the sources have reached.
    pub fn advance(&mut self, policy: &Policy, context: &mut Context<'_>) {
        let slots: BTreeSet<Slot> = self.open.iter().chain(&self.expected).copied().collect();
        let settled = context.sources.began().saturating_add(policy.window);
        for slot in slots {
            if context.sources.is_ahead(self.keys.peek(slot).series.newest) {
                // The clock was set back: what the window holds has not happened yet.
                self.end(policy, slot, context.sources.slowest(), EndReason::Cleared, context);
                self.keys.state(slot).series = Series::default();
            }
            let time = self.horizon(slot, context);
            if self.open.contains(&slot) || time >= settled {
                self.judge(policy, slot, time, None, context);
            }
        }
        let rest = policy.window.saturating_add(policy.lateness);
        let horizon = context.sources.slowest();
        while let Some(slot) = self.keys.most_idle() {
            let newest = self.keys.peek(slot).series.newest;
            if newest.saturating_add(rest) >= horizon || self.open.contains(&slot) {
                break;
            }
            self.keys.remove_most_idle();
        }
    }

    /// Ends all incidents.
    pub fn finish(
        &mut self,
        policy: &Policy,
        now: u64,
        reason: EndReason,
        context: &mut Context<'_>,
    ) {
        for slot in self.open.clone() {
            self.end(policy, slot, now, reason, context);
        }
    }
}
