//! The course of an incident: it starts or returns, is told of, ends, and time passes for it.

use std::collections::BTreeSet;

use super::WindowTracker;
use crate::policy::{
    alert::{EndReason, EventKind, MAX_SAMPLES},
    detector::{
        ended::Ended,
        incident::Incident,
        report,
        scope::{Flow, TrackerScope},
        seen::Seen,
        traces::MOST_QUOTED,
    },
    keys::Slot,
    model::Policy,
};

impl WindowTracker {
    #[cold]
    pub(super) fn start(
        &mut self,
        policy: &Policy,
        slot: Slot,
        time: u64,
        level: usize,
        flow: Option<&Flow<'_>>,
        context: &mut TrackerScope<'_>,
    ) {
        let quoted = self.open.len() < MOST_QUOTED;
        let returns = |ended: &Ended| {
            !context.sources.is_ahead(ended.time) && time < ended.time.saturating_add(policy.reopen)
        };
        let ended = self.ended.take(self.keys.key(slot)).filter(returns);
        let (kind, mut incident) = match ended {
            Some(ended) => (EventKind::Ongoing, Incident::again(&ended, policy, level, time)),
            None => {
                let track = self.fields.values(self.keys.key(slot), context.texts);
                self.begun += 1;
                let id = report::incident(policy, &track, time, self.begun);
                (EventKind::Start, Incident::new(id, policy, level, time))
            }
        };
        let state = self.keys.state(slot);
        let is_counted = state.is_approaching();
        if is_counted {
            incident = incident.after(self.approaching.take(state.approach()));
        }
        let oldest = state.series.oldest_at(self.grid, time);
        let most = MAX_SAMPLES - usize::from(flow.is_some());
        for kept in state.flows_since(oldest, most, &self.log) {
            incident.traces.add_kept(kept.row(), quoted && !is_counted);
        }
        for source in state.known_sources() {
            incident.traces.add_source(source);
        }
        for (field, distinct) in policy.distinct.iter().zip(self.counted.of(slot).distinct) {
            report::add_counted(&mut incident.traces, field.name, distinct.values());
        }
        if let Some(flow) = flow {
            incident.add(flow, quoted);
            if !quoted {
                incident.traces.sample(flow.row);
            }
            incident.label(policy, (level, time), Some(flow), context);
        }
        state.open(incident);
        self.open.insert(slot);
        self.tell(policy, slot, kind, time, None, context);
        if let Some(incident) = self.keys.state(slot).incident_mut().filter(|_| !quoted) {
            incident.traces.forget_samples();
        }
    }

    #[cold]
    pub(super) fn end(
        &mut self,
        policy: &Policy,
        slot: Slot,
        time: u64,
        reason: EndReason,
        context: &mut TrackerScope<'_>,
    ) {
        let Some(incident) = self.keys.peek(slot).incident() else { return };
        let reason = incident.reason(reason);
        self.tell(policy, slot, EventKind::End, time, Some(reason), context);
        if let Some(incident) = self.keys.state(slot).close() {
            self.ended.keep(self.keys.key(slot), incident.ended(time), policy.max_keys);
        }
        self.open.remove(&slot);
    }

    pub(super) fn tell(
        &mut self,
        policy: &Policy,
        slot: Slot,
        kind: EventKind,
        time: u64,
        reason: Option<EndReason>,
        context: &mut TrackerScope<'_>,
    ) {
        if !policy.gives_events() {
            return;
        }
        let track = self.fields.values(self.keys.key(slot), context.texts);
        let state = self.keys.peek(slot);
        let Some(incident) = state.incident() else { return };
        let window = Seen::new((state, self.counted.of(slot)), self.seconds, self.grid, time);
        let window = window.snapshot(&policy.levels[incident.level].threshold.condition, policy);
        let event = incident.event(policy, track, window, (kind, time, reason), context.sources);
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
                self.ended.take(self.keys.key(slot));
                self.keys.state(slot).forget_window(&mut self.log);
            }
            let time = self.horizon(slot, context);
            if self.open.contains(&slot) || time >= settled {
                self.judge(policy, slot, time, None, context);
            }
        }
        let rest = policy.window.saturating_add(policy.lateness);
        let horizon = context.sources.slowest();
        self.ended.forget_before(horizon.saturating_sub(policy.reopen));
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
