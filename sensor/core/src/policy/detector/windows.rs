//! Policies with thresholds: a window for each key.

use std::collections::BTreeSet;

use super::{
    incident::{self, Incident},
    prefetch::Step,
    report,
    scope::{Flow, TrackerScope},
    seen::Seen,
    state::KeyState,
    traces::MOST_QUOTED,
};
use crate::policy::{
    alert::{EndReason, EventKind},
    keys::{Hash, Keys, Slot},
    model::Policy,
    threshold::Quantity,
    values::{KeyFields, Part, Texts},
    window::{
        Grid,
        counted::Counted,
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
    /// The fields of [`Self::counted`].
    parts: Vec<Part>,
    counted: Counted,
    /// Whether each threshold implies the one below, so that without the lowest none holds.
    nested: bool,
    /// Keys whose silence matters.
    expected: Vec<Slot>,
    /// Keys with an incident.
    open: BTreeSet<Slot>,
}

impl WindowTracker {
    /// A tracker of keys of these fields.
    pub fn new(
        policy: &Policy,
        fields: KeyFields,
        seed: u64,
        context: &mut TrackerScope<'_>,
    ) -> Self {
        let beacons = policy.asks(|quantity| matches!(quantity, Some(Quantity::Beacon { .. })));
        let conditions = policy.levels.windows(2);
        let nested = conditions
            .into_iter()
            .all(|pair| pair[1].threshold.condition.implies(&pair[0].threshold.condition));
        let mut tracker = Self {
            nested,
            keys: Keys::new(fields.words(), seed),
            grid: Grid::new(policy.window),
            parts: policy.distinct.iter().map(|field| Part::of(field)).collect(),
            counted: Counted::new(policy.distinct.len(), beacons),
            expected: Vec::new(),
            open: BTreeSet::new(),
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

    /// Asks for the memory of the key in `slot`.
    #[inline(always)]
    pub fn prefetch(&self, slot: Slot) {
        self.keys.prefetch_slot(slot);
        self.counted.prefetch(slot);
    }

    /// Asks for what a flow needs beside it, in two steps: first for what says where, then for that.
    #[inline(always)]
    pub fn prefetch_more(&self, slot: Slot, flow: &Flow<'_>, texts: &mut Texts, step: Step) {
        let series = &self.keys.peek(slot).series;
        let counted = self.counted.of(slot).distinct;
        match step {
            Step::Where => {
                series.prefetch(self.grid, &flow.sample);
                counted.iter().for_each(Distinct::prefetch);
            }
            Step::There => {
                series.prefetch_older(self.grid, &flow.sample);
                for (part, distinct) in self.parts.iter().zip(counted) {
                    if let Some(value) = part.word(flow.row, texts) {
                        distinct.prefetch_value(value);
                    }
                }
            }
        }
    }

    /// Takes note of a matching flow.
    #[inline(always)]
    pub fn observe(
        &mut self,
        policy: &Policy,
        flow: &Flow<'_>,
        (hash, key): (Hash, &[u64]),
        context: &mut TrackerScope<'_>,
    ) {
        let slot = match self.keys.find(hash, key) {
            Some(slot) => slot,
            None => self.insert(policy, key, flow, context),
        };
        self.record(policy, slot, flow, context);
    }

    #[inline(always)]
    fn record(
        &mut self,
        policy: &Policy,
        slot: Slot,
        flow: &Flow<'_>,
        context: &mut TrackerScope<'_>,
    ) {
        let state = self.keys.state(slot);
        if state.series.newest > flow.sample.end && context.sources.is_ahead(state.series.newest) {
            state.series = Series::default();
        }
        let placed = state.add(self.grid, flow);
        let (Placed::In(bucket) | Placed::Anew(bucket)) = placed else {
            context.counters.late += 1;
            return;
        };
        state.first = state.first.min(flow.sample.start);
        state.remember(flow);
        if let Placed::Anew(_) = placed {
            self.counted.begin(slot, state.series.oldest(self.grid));
        }
        self.count(slot, bucket, flow, context);
        let state = self.keys.state(slot);
        if let Some(incident) = state.incident_mut() {
            incident.add(flow, self.open.len() < MOST_QUOTED);
        }
        let time = state.series.newest;
        self.judge(policy, slot, time, Some(flow), context);
    }

    #[inline(always)]
    fn count(&mut self, slot: Slot, bucket: i32, flow: &Flow<'_>, context: &mut TrackerScope<'_>) {
        if self.parts.is_empty() && !self.counted.beacons() {
            return;
        }
        let oldest = self.keys.peek(slot).series.oldest(self.grid);
        for (part, distinct) in self.parts.iter().zip(self.counted.distinct(slot)) {
            if let Some(value) = part.word(flow.row, context.texts) {
                distinct.add(value, bucket, oldest);
            }
        }
        if let Some(starts) = self.counted.starts(slot) {
            let bits = flow.sample.values[OCTETS].saturating_mul(8);
            starts.add(flow.sample.start, bits, bucket, oldest);
        }
    }

    #[cold]
    fn insert(
        &mut self,
        policy: &Policy,
        key: &[u64],
        flow: &Flow<'_>,
        context: &mut TrackerScope<'_>,
    ) -> Slot {
        let full = self.keys.len() >= policy.max_keys.saturating_add(self.expected.len());
        if let Some(idle) = full.then(|| self.keys.most_idle()).flatten() {
            context.counters.evicted += 1;
            self.end(policy, idle, flow.sample.end, EndReason::Evicted, context);
            self.forget_most_idle();
        }
        self.keys.insert(key, flow.sample.end, false)
    }

    fn forget_most_idle(&mut self) {
        if let Some(slot) = self.keys.remove_most_idle() {
            self.counted.forget(slot);
        }
    }

    /// Compares the window that ends at `time` with the thresholds, and says what has changed.
    #[inline]
    fn judge(
        &mut self,
        policy: &Policy,
        slot: Slot,
        time: u64,
        flow: Option<&Flow<'_>>,
        context: &mut TrackerScope<'_>,
    ) {
        let state = self.keys.peek(slot);
        let held = state.incident().map(|incident| incident.level);
        let holds = incident::level(
            (policy, self.nested),
            &Seen::new((state, self.counted.of(slot)), policy, self.grid, time),
            held,
            state.expected,
        );
        match (held, holds) {
            (None, None) => {}
            (None, Some(level)) => self.start(policy, slot, time, level, flow, context),
            (Some(_), None) => self.end(policy, slot, time, EndReason::Cleared, context),
            (Some(held), Some(level)) => {
                let Some(incident) = self.keys.state(slot).incident_mut() else { return };
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
        context: &mut TrackerScope<'_>,
    ) {
        let track = self.fields.values(self.keys.key(slot), context.texts);
        let quoted = self.open.len() < MOST_QUOTED;
        let state = self.keys.state(slot);
        if state.series.newest == 0 {
            // Nothing was ever heard of it.
            state.first = context.sources.began();
        }
        let id = report::incident(&policy.summary, &track, state.first);
        let mut incident = Incident::new(id, policy, level, time);
        for (source, destination) in state.ports {
            incident.traces.add_ports(source, destination);
        }
        for source in state.known_sources() {
            incident.traces.add_source(source);
        }
        for (field, distinct) in policy.distinct.iter().zip(self.counted.of(slot).distinct) {
            report::add_counted(&mut incident.traces, field.name, distinct.values());
        }
        if let Some(flow) = flow {
            incident.add(flow, quoted);
            incident.label(policy, time, Some(flow), context);
        }
        state.open(incident);
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
        context: &mut TrackerScope<'_>,
    ) {
        if self.keys.peek(slot).incident().is_some() {
            self.tell(policy, slot, EventKind::End, time, Some(reason), context);
            self.keys.state(slot).close();
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
        context: &mut TrackerScope<'_>,
    ) {
        if policy.label.is_some() {
            return;
        }
        let track = self.fields.values(self.keys.key(slot), context.texts);
        let state = self.keys.peek(slot);
        let (counted, scaled) = state.united(state.series.oldest_at(self.grid, time));
        let Some(incident) = state.incident() else { return };
        let event = incident.event(
            policy,
            track,
            state.span(),
            (&counted, &scaled),
            (kind, time, reason),
            context.sources,
        );
        context.event(event);
        if let Some(incident) = self.keys.state(slot).incident_mut() {
            incident.sequence += 1;
        }
    }

    /// Up to when all that feeds a key has arrived.
    fn horizon(&self, slot: Slot, context: &TrackerScope<'_>) -> u64 {
        let state = self.keys.peek(slot);
        let own = state.sources().and_then(|ids| ids.map(|id| context.sources.horizon(id)).min());
        let horizon = own.unwrap_or_else(|| context.sources.slowest());
        let patience = state.incident().map_or(0, |incident| incident.patience);
        horizon.saturating_sub(patience).max(state.series.newest)
    }

    /// Goes on to what the sources have reached.
    pub fn advance(&mut self, policy: &Policy, context: &mut TrackerScope<'_>) {
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
            self.forget_most_idle();
        }
    }

    /// Ends incidents, `most` of them at most. True once none is left.
    pub fn finish(
        &mut self,
        policy: &Policy,
        now: u64,
        reason: EndReason,
        most: usize,
        context: &mut TrackerScope<'_>,
    ) -> bool {
        for slot in self.open.iter().copied().take(most).collect::<Vec<_>>() {
            self.end(policy, slot, now, reason, context);
        }
        self.open.is_empty()
    }
}
