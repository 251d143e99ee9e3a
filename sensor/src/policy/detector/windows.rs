//! Policies with thresholds: a window for each key.

use std::{collections::BTreeSet, hint::black_box};

use super::{
    BLOCK,
    context::{Context, Flow},
    incident::{self, Incident},
    report,
    traces::MOST_QUOTED,
};
use crate::policy::{
    event::{EndReason, EventKind},
    keys::{Hash, Keys, Slot, State},
    model::Policy,
    sources::SourceId,
    threshold::{Metric, Quantity, Window},
    values::{KEY_WORDS, KeyFields, Part},
    window::{
        Grid,
        distinct::Distinct,
        series::{Bucket, OCTETS, PACKETS, Placed, Series},
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
    /// Room for the look-ups of a block.
    lookups: Box<[Lookup; BLOCK]>,
}

/// A key that is looked up: `None` as its hash where a part is missing.
#[derive(Clone, Copy, Debug, Default)]
struct Lookup {
    key: [u64; KEY_WORDS],
    hash: Option<Hash>,
    slot: Option<Slot>,
}

/// What is kept of a key: 128 bytes.
#[derive(Debug, Default)]
pub struct KeyState {
    pub(super) series: Series,
    /// First packet of what the window has seen since silence.
    pub(super) first: u64,
    /// Ports of the last records.
    ports: [(u16, u16); REMEMBERED],
    /// One more than the number of each source, 0 for none.
    sources: [u16; REMEMBERED],
    counted: Option<Box<Counted>>,
    pub(super) incident: Option<Box<Incident>>,
    /// The same as `series` for counts that are scaled by the sampling rate, where records had several rates.
    scaled: Option<Box<Series>>,
    /// The sampling rate of all records, where they had one; 0 before the first.
    rate: u32,
    next: u8,
    pub(super) expected: bool,
}

/// What is counted of the records of a key besides sums.
#[derive(Debug)]
struct Counted {
    /// Distinct values of the first field that is counted, and of others.
    first: Distinct,
    others: Vec<Distinct>,
    starts: Starts,
}

impl Counted {
    fn new(fields: usize, oldest: i32) -> Self {
        Self {
            first: Distinct::new(oldest),
            others: vec![Distinct::new(oldest); fields.saturating_sub(1)],
            starts: Starts::new(oldest),
        }
    }

    fn distinct(&self, at: usize) -> Option<&Distinct> {
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

    /// Adds a record to the window.
    #[inline(always)]
    fn add(&mut self, grid: Grid, flow: &Flow<'_>) -> Placed {
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
    fn change_rate(&mut self, grid: Grid, flow: &Flow<'_>) {
        let mut scaled = self.series.scaled(self.rate);
        scaled.add(grid, &flow.sample.scaled(flow.rate));
        self.scaled = Some(Box::new(scaled));
    }

    /// What the window has as reported, and scaled by the sampling rate.
    fn united(&self, oldest: i32) -> (Bucket, Bucket) {
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
    fn touch(&self, value: Option<u64>) -> u64 {
        let counted = self.counted.as_ref().zip(value);
        let counted = counted.map_or(0, |(counted, value)| counted.first.touch(value));
        self.series.touch() ^ self.first ^ counted
    }

    fn begin(&mut self, flow: &Flow<'_>) {
        self.rate = flow.rate;
        self.scaled = None;
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
    /// `oldest`, where the window does not have all that is kept.
    part: Option<i32>,
    /// Length, seconds.
    seconds: f64,
}

impl<'s> Seen<'s> {
    /// The window of `state` that ends at `time`.
    #[inline(always)]
    pub fn new(state: &'s KeyState, policy: &Policy, grid: Grid, time: u64) -> Self {
        let oldest = state.series.oldest_at(grid, time);
        let part = (time != state.series.newest).then_some(oldest);
        Self { state, oldest, part, seconds: policy.window as f64 / 1000.0 }
    }

    fn records(&self) -> u64 {
        self.state.series.records(self.part)
    }

    /// A number of the records as reported or scaled, by `of`.
    #[inline(always)]
    fn of(&self, metric: Metric, of: impl Fn(&Series, usize) -> u64) -> u64 {
        let KeyState { series, scaled, rate, .. } = self.state;
        let scaled = |at| match scaled {
            Some(scaled) => of(scaled, at),
            None => of(series, at).saturating_mul((*rate).into()),
        };
        match metric {
            Metric::Bits => of(series, OCTETS).saturating_mul(8),
            Metric::Octets => of(series, OCTETS),
            Metric::Packets => of(series, PACKETS),
            Metric::ScaledBits => scaled(OCTETS).saturating_mul(8),
            Metric::ScaledPackets => scaled(PACKETS),
            Metric::Flows => 0,
        }
    }

    #[inline(always)]
    fn total(&self, metric: Metric) -> u64 {
        match metric {
            Metric::Flows => self.records(),
            metric => self.of(metric, |series, at| series.sum(at, self.part)),
        }
    }

    fn extreme(
        &self,
        metric: Metric,
        of: impl Fn(&Bucket, usize) -> u64,
        best: fn(u64, u64) -> u64,
    ) -> u64 {
        if metric == Metric::Flows {
            return self.records().min(1);
        }
        self.of(metric, |series, at| {
            let buckets = series.from(self.oldest).filter(|bucket| bucket.records > 0);
            buckets.map(|bucket| of(bucket, at)).reduce(best).unwrap_or(0)
        })
    }
}

impl Window for Seen<'_> {
    #[inline(always)]
    fn quantity(&self, quantity: Quantity) -> f64 {
        let counted = self.state.counted.as_deref();
        match quantity {
            Quantity::Sum(metric) => self.total(metric) as f64,
            Quantity::Rate(metric) => self.total(metric) as f64 / self.seconds,
            Quantity::Min(metric) => {
                self.extreme(metric, |bucket, at| bucket.minima[at], u64::min) as f64
            }
            Quantity::Max(metric) => {
                self.extreme(metric, |bucket, at| bucket.maxima[at], u64::max) as f64
            }
            Quantity::Count => self.records() as f64,
            Quantity::Distinct(at) => {
                let distinct = counted.and_then(|counted| counted.distinct(at));
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
            lookups: Default::default(),
            fields,
        };
        for values in &policy.expect {
            let Some(key) = tracker.fields.of_values(values, context.texts) else { continue };
            if tracker.keys.find(tracker.keys.hash(&key), &key).is_none() {
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

    /// Takes note of matching flows, [`BLOCK`] of them at most.
    ///
    /// A key costs several waits for memory, each of which depends on the one before. So all keys of a block are looked up
    /// first, then everything is touched that will change, and only then are the records added, in their order.
    pub fn observe(&mut self, policy: &Policy, flows: &[Flow<'_>], context: &mut Context<'_>) {
        let mut touched = 0;
        for (flow, lookup) in flows.iter().zip(&mut *self.lookups) {
            let key = self.fields.read(flow.row, context.texts, &mut lookup.key);
            lookup.hash = key.map(|key| self.keys.hash(key));
            touched ^= lookup.hash.map_or(0, |hash| self.keys.touch(hash));
        }
        for lookup in &mut self.lookups[..flows.len()] {
            lookup.slot = lookup.hash.and_then(|hash| self.keys.find(hash, &lookup.key));
        }
        for (flow, lookup) in flows.iter().zip(&*self.lookups) {
            if let Some(slot) = lookup.slot {
                let counted = self.distinct.first();
                let value = counted.and_then(|part| part.word(flow.row, context.texts));
                touched ^= self.keys.peek(slot).touch(value);
            }
        }
        black_box(touched);
        for (at, flow) in flows.iter().enumerate() {
            let Lookup { key, hash, slot } = self.lookups[at];
            let Some(hash) = hash else {
                context.counters.untracked += 1;
                continue;
            };
            context.at = flow.row.row;
            // A record before may have brought the key, or taken its slot for another.
            let known = slot.filter(|slot| self.keys.is(*slot, &key));
            let slot = match known.or_else(|| self.keys.find(hash, &key)) {
                Some(slot) => slot,
                None => self.insert(policy, &key, flow, context),
            };
            self.record(policy, slot, flow, context);
        }
    }

    #[inline(always)]
    fn record(&mut self, policy: &Policy, slot: Slot, flow: &Flow<'_>, context: &mut Context<'_>) {
        let state = self.keys.state(slot);
        if state.series.newest > flow.sample.end && context.sources.is_ahead(state.series.newest) {
            state.series = Series::default();
        }
        let (Placed::In(bucket) | Placed::Anew(bucket)) = state.add(self.grid, flow) else {
            context.counters.late += 1;
            return;
        };
        state.first = state.first.min(flow.sample.start);
        state.remember(flow);
        if !self.distinct.is_empty() || self.beacons {
            self.count(slot, bucket, flow, context);
        }
        let state = self.keys.state(slot);
        if let Some(incident) = &mut state.incident {
            incident.add(flow, self.open.len() < MOST_QUOTED);
        }
        let time = state.series.newest;
        self.judge(policy, slot, time, Some(flow), context);
    }

    #[inline(always)]
    fn count(&mut self, slot: Slot, bucket: i32, flow: &Flow<'_>, context: &mut Context<'_>) {
        let state = self.keys.state(slot);
        let oldest = state.series.oldest(self.grid);
        let fields = self.distinct.len();
        let counted = state.counted.get_or_insert_with(|| Box::new(Counted::new(fields, oldest)));
        let all = std::iter::once(&mut counted.first).chain(&mut counted.others);
        for (part, distinct) in self.distinct.iter().zip(all) {
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
        for (at, field) in policy.distinct.iter().enumerate() {
            let distinct = state.counted.as_ref().and_then(|counted| counted.distinct(at));
            let values = distinct.map(Distinct::values).unwrap_or_default();
            report::add_counted(&mut incident.traces, field.name, values);
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
        let (counted, scaled) = state.united(state.series.oldest_at(self.grid, time));
        let Some(incident) = &state.incident else { return };
        let event = incident.event(
            policy,
            track,
            state,
            (&counted, &scaled),
            (kind, time, reason),
            context.sources,
        );
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
        while let Some(slot) = self.keys.idle_since(horizon.saturating_sub(rest)) {
            if self.open.contains(&slot) {
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
