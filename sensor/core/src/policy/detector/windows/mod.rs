//! Policies with thresholds: a window for each key.

mod course;
mod near;

use std::collections::BTreeSet;

use super::{
    approach::Approaching,
    ended::EndedIncidents,
    incident::{self, Verdict},
    matches::Match,
    prefetch::Step,
    scope::{Flow, TrackerScope},
    seen::Seen,
    state::KeyState,
    traces::MOST_QUOTED,
};
use crate::{
    flow::kept::RowLog,
    policy::{
        alert::{EndReason, EventKind},
        keys::{Keys, Slot},
        model::Policy,
        threshold::Quantity,
        values::{KeyFields, Part, Texts},
        window::{
            Grid,
            counted::Counted,
            series::{OCTETS, Placed},
        },
    },
};

/// The keys of one alternative.
#[derive(Debug)]
pub struct WindowTracker {
    pub(super) fields: KeyFields,
    pub(super) keys: Keys<KeyState>,
    pub(super) grid: Grid,
    /// The length of the window: every judgement of a rate asks for it.
    seconds: f64,
    /// The fields of [`Self::counted`].
    parts: Vec<Part>,
    counted: Counted,
    /// Whether each threshold implies the one below, so that without the lowest none holds.
    nested: bool,
    /// Keys whose silence matters.
    expected: Vec<Slot>,
    /// Flows of keys, to tell of.
    log: Box<RowLog>,
    /// How many keys a threshold is near.
    approaching: Approaching,
    /// Keys with an incident.
    open: BTreeSet<Slot>,
    /// Incidents that go on if they return; seldom asked for.
    ended: Box<EndedIncidents>,
    /// Incidents so far, and the records that had come before the first could.
    begun: u64,
}

fn asks_for_beacons(policy: &Policy) -> bool {
    policy.asks(|quantity| matches!(quantity, Some(Quantity::Beacon { .. })))
}

impl WindowTracker {
    /// Octets that a tracker of `count` keys of these fields takes, besides tables of many values.
    pub fn octets(policy: &Policy, fields: &KeyFields, count: usize) -> usize {
        let counted = Counted::octets_of_key(policy.distinct.len(), asks_for_beacons(policy));
        Keys::<KeyState>::octets(fields.words(), count)
            .saturating_add(count.saturating_mul(counted))
    }

    /// A tracker of keys of these fields; `since` so many records have come.
    pub fn new(
        policy: &Policy,
        fields: KeyFields,
        (seed, since): (u64, u64),
        context: &mut TrackerScope<'_>,
    ) -> Self {
        let beacons = asks_for_beacons(policy);
        let conditions = policy.levels.windows(2);
        let nested = conditions
            .into_iter()
            .all(|pair| pair[1].threshold.condition.implies(&pair[0].threshold.condition));
        let mut tracker = Self {
            nested,
            keys: Keys::new(fields.words(), seed),
            grid: Grid::new(policy.window),
            seconds: policy.window as f64 / 1000.0,
            parts: policy.distinct.iter().map(|field| Part::of(field)).collect(),
            counted: Counted::new(policy.distinct.len(), beacons),
            expected: Vec::new(),
            log: Box::default(),
            approaching: Approaching::default(),
            open: BTreeSet::new(),
            ended: Box::default(),
            begun: since,
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

    /// Asks for what flows need beside it, in two steps: first for what says where, then for that.
    #[inline(always)]
    pub fn prefetch_more(&self, matches: &mut [Match<'_>], texts: &mut Texts, step: Step) {
        for Match { flow, slot, goes_on, .. } in matches {
            let Some(slot) = *slot else { continue };
            let series = &self.keys.peek(slot).series;
            let counted = self.parts.iter().zip(self.counted.of(slot).distinct);
            let large = counted.filter(|(_, distinct)| distinct.is_large());
            let large = large.filter_map(|(part, own)| Some((own, part.word(flow.row, texts)?)));
            match step {
                Step::Where => {
                    *goes_on = series.prefetch(self.grid, &flow.sample);
                    if self.parts.is_empty() {
                        continue;
                    }
                    for (distinct, value) in large {
                        *goes_on |= distinct.prefetch(value);
                    }
                }
                Step::There if *goes_on => {
                    series.prefetch_older(self.grid, &flow.sample);
                    large.for_each(|(distinct, value)| distinct.prefetch_register(value));
                }
                Step::There => {}
            }
        }
    }

    /// Takes note of a matching flow, with its key and the slot that this has.
    #[inline(always)]
    pub fn observe(
        &mut self,
        policy: &Policy,
        flow: &Flow<'_>,
        (slot, key): (Option<Slot>, &[u64]),
        context: &mut TrackerScope<'_>,
    ) {
        let slot = match slot {
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
            state.forget_window(&mut self.log);
        }
        let placed = state.add(self.grid, flow);
        let (Placed::In(bucket) | Placed::Anew(bucket)) = placed else {
            context.counters.late += 1;
            return;
        };
        state.remember(flow);
        if let Placed::Anew(_) = placed {
            state.forget_flows(&mut self.log);
            self.counted.begin(slot, state.series.oldest(self.grid));
        }
        self.count(slot, bucket, flow, context);
        let state = self.keys.state(slot);
        if let Some(incident) = state.incident_mut() {
            incident.add(flow, self.open.len() < MOST_QUOTED);
        }
        let time = state.series.newest;
        let verdict = self.judge(policy, slot, time, Some(flow), context);
        let state = self.keys.state(slot);
        if verdict != Verdict::Far && state.lacks(bucket) {
            state.keep(bucket, flow, &mut self.log);
            if self.log.is_wasteful() {
                self.log.write_anew(self.keys.states().flat_map(KeyState::places));
            }
        }
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
        context.counters.keys += 1;
        self.keys.insert(key, flow.sample.end, false)
    }

    fn forget_most_idle(&mut self) {
        let Some(slot) = self.keys.most_idle() else { return };
        self.leave(slot);
        self.keys.state(slot).forget_flows(&mut self.log);
        self.keys.remove_most_idle();
        self.counted.forget(slot);
    }

    /// No threshold is near a key any more.
    #[inline(always)]
    fn leave(&mut self, slot: Slot) {
        let state = self.keys.state(slot);
        if state.is_approaching() {
            self.approaching.take(state.approach());
        }
    }

    /// Compares the window that ends at `time` with the thresholds, and gives events of what has changed.
    #[inline]
    fn judge(
        &mut self,
        policy: &Policy,
        slot: Slot,
        time: u64,
        flow: Option<&Flow<'_>>,
        context: &mut TrackerScope<'_>,
    ) -> Verdict {
        let state = self.keys.peek(slot);
        let held = state.incident().map(|incident| incident.level);
        let verdict = incident::verdict(
            (policy, self.nested),
            &Seen::new((state, self.counted.of(slot)), self.seconds, self.grid, time),
            held,
            state.expected,
        );
        match (held, verdict) {
            (None, Verdict::Far | Verdict::Open) => self.leave(slot),
            (None, Verdict::Near) => {
                let state = self.keys.state(slot);
                let kept = state.is_approaching() || self.approaching.has_room();
                if let Some(flow) = flow.filter(|_| kept) {
                    self.approaching.add(state.approach(), flow, policy.window);
                }
            }
            (None, Verdict::Holds(level)) => self.start(policy, slot, time, level, flow, context),
            (Some(_), Verdict::Far | Verdict::Open | Verdict::Near) => {
                let incident = self.keys.state(slot).incident_mut();
                if incident.is_some_and(|incident| incident.is_over(policy, time)) {
                    self.end(policy, slot, time, EndReason::Cleared, context);
                }
            }
            (Some(held), Verdict::Holds(level)) => {
                let Some(incident) = self.keys.state(slot).incident_mut() else { return verdict };
                incident.holds();
                incident.label(policy, (level, time), flow, context);
                let due = policy.update > 0 && time >= incident.spoke.saturating_add(policy.update);
                if level != held || due {
                    incident.go_on(policy, level, time);
                    self.tell(policy, slot, EventKind::Ongoing, time, None, context);
                }
            }
        }
        verdict
    }
}
