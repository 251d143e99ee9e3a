//! Policies with thresholds: a window for each key.

use std::{collections::BTreeSet, hint::black_box};

use super::{
    BLOCK,
    context::{Context, Flow},
    incident::{self, Incident},
    report,
    seen::Seen,
    state::{Counted, KeyState},
    traces::MOST_QUOTED,
};
use crate::policy::{
    event::{EndReason, EventKind},
    keys::{Hash, Keys, Slot},
    model::Policy,
    threshold::Quantity,
    values::{KEY_WORDS, KeyFields, Part},
    window::{
        Grid,
        distinct::Distinct,
        series::{OCTETS, Placed, Series},
    },
};

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

    /// Ends incidents, `most` of them at most. True once none is left.
    pub fn finish(
        &mut self,
        policy: &Policy,
        now: u64,
        reason: EndReason,
        most: usize,
        context: &mut Context<'_>,
    ) -> bool {
        for slot in self.open.iter().copied().take(most).collect::<Vec<_>>() {
            self.end(policy, slot, now, reason, context);
        }
        self.open.is_empty()
    }
}
