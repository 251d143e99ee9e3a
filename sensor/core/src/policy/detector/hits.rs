//! Policies without thresholds: every matching flow is a hit, but a key speaks once in `suppress`.
//!
//! What is held back is counted, and told with the next hit; where none comes, when the time of silence is over. So the
//! records of all hits of a key add up to its matching flows.

use std::{collections::BTreeSet, mem};

use super::{
    report,
    scope::{Flow, TrackerScope},
    traces::{MOST_QUOTED, Traces},
};
use crate::policy::{
    alert::{Alert, EventKind},
    keys::{Keys, Slot, State},
    model::Policy,
    values::KeyFields,
    window::series::Bucket,
};

/// The keys of one alternative.
#[derive(Debug)]
pub struct HitTracker {
    pub(super) fields: KeyFields,
    pub(super) keys: Keys<HitState>,
    /// Hits so far, and the records that had come before the first could.
    told: u64,
    /// Keys that hold something back, by the time at which it must be told.
    due: BTreeSet<(u64, Slot)>,
}

/// What is kept of a key.
#[derive(Debug, Default)]
pub struct HitState {
    newest: u64,
    /// Time of the last hit.
    spoke: Option<u64>,
    held_back: Option<Box<HeldBack>>,
}

#[derive(Debug)]
struct HeldBack {
    counted: Bucket,
    scaled: Bucket,
    first: u64,
    last: u64,
    traces: Traces,
}

impl HeldBack {
    fn new() -> Self {
        Self {
            counted: Bucket::EMPTY,
            scaled: Bucket::EMPTY,
            first: u64::MAX,
            last: 0,
            traces: Traces::default(),
        }
    }

    fn add(&mut self, flow: &Flow<'_>, quoted: bool) {
        self.counted.add(&flow.sample.values);
        self.scaled.add(&flow.sample.scaled(flow.rate).values);
        self.first = self.first.min(flow.sample.start);
        self.last = self.last.max(flow.sample.end);
        self.traces.add(flow, quoted);
    }
}

impl State for HitState {
    fn newest(&self) -> u64 {
        self.newest.max(self.spoke.unwrap_or(0))
    }
}

impl HitTracker {
    /// Octets that a tracker of `count` keys of these fields takes, besides what is held back.
    pub fn octets(fields: &KeyFields, count: usize) -> usize {
        Keys::<HitState>::octets(fields.words(), count)
    }

    /// A tracker of keys of these fields; `since` so many records have come.
    pub fn new(fields: KeyFields, seed: u64, since: u64) -> Self {
        Self { keys: Keys::new(fields.words(), seed), fields, told: since, due: BTreeSet::new() }
    }

    /// Asks for the memory of the key in `slot`.
    #[inline(always)]
    pub fn prefetch(&self, slot: Slot) {
        self.keys.prefetch_slot(slot);
    }

    /// Takes note of a matching flow, with its key and the slot that this has.
    #[inline(never)]
    pub fn observe(
        &mut self,
        policy: &Policy,
        flow: &Flow<'_>,
        (slot, key): (Option<Slot>, &[u64]),
        context: &mut TrackerScope<'_>,
    ) {
        let end = flow.at;
        let slot = match slot {
            Some(slot) => slot,
            None => {
                if self.keys.len() >= policy.max_keys {
                    self.evict(policy, context);
                }
                context.counters.keys += 1;
                self.keys.insert(key, end, false)
            }
        };
        let silence = policy.label.as_ref().map_or(policy.suppress, report::label_refresh);
        let state = self.keys.state(slot);
        if context.sources.is_ahead(state.newest) {
            state.newest = end;
            state.spoke = state.spoke.filter(|spoke| !context.sources.is_ahead(*spoke));
        }
        state.newest = state.newest.max(end);
        let silent = state.spoke.filter(|spoke| end < spoke.saturating_add(silence));
        if let Some(rule) = &policy.label {
            if silent.is_none() {
                state.spoke = Some(end);
                if let Some(label) = report::label(&policy.summary, rule, flow) {
                    context.counters.labels += 1;
                    context.labels.push((context.at.row, label));
                }
            }
            return;
        }
        let quoted = self.due.len() < MOST_QUOTED;
        match silent {
            Some(spoke) => {
                if state.held_back.is_none() {
                    self.due.insert((spoke.saturating_add(silence), slot));
                }
                state.held_back.get_or_insert_with(|| Box::new(HeldBack::new())).add(flow, quoted);
            }
            None => {
                let mut told = state.held_back.take().unwrap_or_else(|| Box::new(HeldBack::new()));
                if let Some(spoke) = state.spoke.replace(end) {
                    self.due.remove(&(spoke.saturating_add(silence), slot));
                }
                told.add(flow, true);
                self.tell(policy, slot, end, *told, context);
            }
        }
    }

    fn tell(
        &mut self,
        policy: &Policy,
        slot: Slot,
        at: u64,
        told: HeldBack,
        context: &mut TrackerScope<'_>,
    ) {
        let track = self.fields.values(self.keys.key(slot), context.texts);
        let HeldBack { counted, scaled, first, last, mut traces } = told;
        let seconds = (last.saturating_sub(first) as f64 / 1000.0).max(1.0);
        let records = u64::from(counted.records);
        self.told += 1;
        context.event(Alert {
            incident: report::incident(policy, &track, first, self.told),
            sequence: 0,
            kind: EventKind::Hit,
            timestamp: at,
            policy: policy.summary.clone(),
            severity: policy.severity,
            threshold: None,
            measured: Vec::new(),
            track,
            start: first,
            end: last,
            records,
            suppressed: records.saturating_sub(1),
            metrics: report::metrics(&counted, &scaled, seconds),
            sources: traces.source_names(context.sources),
            source_ports: traces.source_ports(),
            destination_ports: traces.destination_ports(),
            top: traces.top(),
            samples: mem::take(&mut traces.samples),
            addresses: mem::take(&mut traces.addresses).into_iter().collect(),
            reason: None,
        });
    }

    /// Tells what a key holds back.
    fn tell_held_back(
        &mut self,
        policy: &Policy,
        slot: Slot,
        at: u64,
        context: &mut TrackerScope<'_>,
    ) {
        let state = self.keys.state(slot);
        if let Some(told) = state.held_back.take() {
            state.spoke = Some(at);
            self.tell(policy, slot, at, *told, context);
        }
    }

    fn evict(&mut self, policy: &Policy, context: &mut TrackerScope<'_>) {
        let Some(slot) = self.keys.most_idle() else { return };
        context.counters.evicted += 1;
        let state = self.keys.peek(slot);
        if let (Some(spoke), Some(held_back)) = (state.spoke, &state.held_back) {
            let at = held_back.last;
            self.due.remove(&(spoke.saturating_add(policy.suppress), slot));
            self.tell_held_back(policy, slot, at, context);
        }
        self.keys.remove_most_idle();
    }

    /// Goes on to the horizon of the slowest source.
    pub fn advance(&mut self, policy: &Policy, context: &mut TrackerScope<'_>) {
        let horizon = context.sources.slowest();
        while let Some(&(time, slot)) = self.due.first().filter(|(time, _)| *time <= horizon) {
            self.due.remove(&(time, slot));
            self.tell_held_back(policy, slot, time, context);
        }
        let rest = policy.suppress.saturating_add(policy.lateness);
        while let Some(slot) = self.keys.idle_since(horizon.saturating_sub(rest)) {
            if self.keys.peek(slot).held_back.is_some() {
                break;
            }
            self.keys.remove_most_idle();
        }
    }

    /// Tells what is held back, of `most` keys at most. True once nothing is left.
    pub fn finish(
        &mut self,
        policy: &Policy,
        now: u64,
        most: usize,
        context: &mut TrackerScope<'_>,
    ) -> bool {
        for _ in 0..most {
            let Some((_, slot)) = self.due.pop_first() else { break };
            self.tell_held_back(policy, slot, now, context);
        }
        self.due.is_empty()
    }
}
