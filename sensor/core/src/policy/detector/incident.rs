//! The life of an incident: from the first threshold that holds for a key until none has held for a while.

use super::{
    approach::Approach,
    ended::Ended,
    report::{self, Snapshot},
    scope::{Flow, TrackerScope},
    traces::Traces,
};
use crate::{
    flow::{batch, fields::OwnedValue},
    policy::{
        alert::{Alert, EndReason, EventKind, Severity},
        model::Policy,
        sources::View,
        threshold::{Reach, Reading, Window},
    },
};

/// How long the record of a flow that goes on is waited for at most, milliseconds.
const MOST_PATIENCE: u64 = 1_800_000;

/// An open incident.
#[derive(Debug)]
pub struct Incident {
    id: u64,
    /// When the first threshold held.
    start: u64,
    /// Events given so far.
    pub sequence: u32,
    /// The threshold that holds.
    pub level: usize,
    highest: Severity,
    /// Since when no threshold has held.
    below_since: Option<u64>,
    /// Time of the last event.
    pub spoke: u64,
    /// Time of the last label.
    labelled: Option<u64>,
    /// How long its flows report nothing while they go on, milliseconds.
    pub patience: u64,
    /// What its events tell of flows.
    pub traces: Traces,
}

/// What thresholds say of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None holds, and a few more records cannot change that.
    Far,
    /// None holds, and the lowest is not near.
    Open,
    /// None holds, but the lowest is near.
    Near,
    /// This one holds.
    Holds(usize),
}

/// What the thresholds of a policy say of a window, where `held` held before.
///
/// It rises to the highest that holds as written, falls to the highest that holds eased, and ends where none does; with
/// `clear`, where none holds as written and that does. Without a record in the window everything ends, unless the key is
/// one that is expected. `nested` says that each threshold implies the one below.
#[inline(always)]
pub fn verdict(
    (policy, nested): (&Policy, bool),
    window: &impl Window,
    held: Option<usize>,
    expected: bool,
) -> Verdict {
    let lowest = policy.levels.first().filter(|_| held.is_none());
    let reach = lowest.map_or(Reach::Far, |level| level.threshold.condition.reach(window));
    let below = match reach {
        Reach::Near => Verdict::Near,
        Reach::Far if nested && held.is_none() => Verdict::Far,
        _ => Verdict::Open,
    };
    if nested && held.is_none() && reach != Reach::Holds {
        return below;
    }
    level(policy, window, held, expected).map_or(below, Verdict::Holds)
}

fn level(
    policy: &Policy,
    window: &impl Window,
    held: Option<usize>,
    expected: bool,
) -> Option<usize> {
    let highest = |reading, most: usize| {
        let levels = policy.levels.iter().enumerate().take(most).rev();
        let mut holding =
            levels.filter(|(_, level)| level.threshold.condition.holds(window, reading));
        holding.next().map(|(at, _)| at)
    };
    let strict = highest(Reading::Strict, policy.levels.len());
    let Some(held) = held else { return strict.filter(|_| expected || !window.is_empty()) };
    if !expected && window.is_empty() {
        return None;
    }
    if let Some(strict) = strict.filter(|strict| *strict >= held) {
        return Some(strict);
    }
    let eased = highest(Reading::Eased, held + 1);
    match &policy.clear {
        Some(clear) if strict.is_none() => {
            let cleared = clear.condition.holds(window, Reading::Strict);
            (!cleared).then(|| eased.unwrap_or(0))
        }
        _ => eased,
    }
}

impl Incident {
    /// An incident that begins at `time`.
    pub fn new(id: u64, policy: &Policy, level: usize, time: u64) -> Self {
        Self {
            id,
            start: time,
            sequence: 0,
            level,
            highest: policy.levels[level].severity,
            below_since: None,
            spoke: time,
            labelled: None,
            patience: 0,
            traces: Traces::default(),
        }
    }

    /// With what its key has left since it came near the threshold.
    #[must_use]
    pub fn after(self, approach: Option<Box<Approach>>) -> Self {
        Self { traces: approach.map_or_else(Traces::default, |approach| approach.traces), ..self }
    }

    /// An incident that had ended, and returns at `time`.
    pub fn again(ended: &Ended, policy: &Policy, level: usize, time: u64) -> Self {
        let new = Self::new(ended.id, policy, level, time);
        let highest = new.highest.max(ended.highest);
        Self { start: ended.start, sequence: ended.sequence, highest, ..new }
    }

    /// What is kept of it when it ends at `time`.
    pub fn ended(&self, time: u64) -> Ended {
        let Self { id, start, sequence, highest, .. } = *self;
        Ended { id, start, sequence, highest, time }
    }

    /// No threshold holds at `time`. True once none has for long enough.
    pub fn is_over(&mut self, policy: &Policy, time: u64) -> bool {
        let since = *self.below_since.get_or_insert(time);
        time >= since.saturating_add(policy.hold)
    }

    /// Why it ends where something else than its window ends it.
    pub fn reason(&self, other: EndReason) -> EndReason {
        if self.below_since.is_some() { EndReason::Cleared } else { other }
    }

    /// A threshold holds.
    pub fn holds(&mut self) {
        self.below_since = None;
    }

    /// Takes note of a flow.
    pub fn add(&mut self, flow: &Flow<'_>, quoted: bool) {
        self.traces.add(flow, quoted);
        let reason = flow.row.batch.end_reason.get(flow.row.row).copied().unwrap_or(0);
        if reason == 0 || reason == batch::EndReason::ActiveTimeout as u8 {
            let duration = flow.sample.end.saturating_sub(flow.sample.start);
            self.patience = self.patience.max(duration.min(MOST_PATIENCE));
        }
    }

    /// Another event is given at `time`, with this threshold.
    pub fn go_on(&mut self, policy: &Policy, level: usize, time: u64) {
        self.level = level;
        self.spoke = time;
        self.highest = self.highest.max(policy.levels[level].severity);
    }

    /// Writes the label of the policy, or writes it again, where the threshold that holds is high enough.
    pub fn label(
        &mut self,
        policy: &Policy,
        (level, time): (usize, u64),
        flow: Option<&Flow<'_>>,
        context: &mut TrackerScope<'_>,
    ) {
        let (Some(rule), Some(flow)) = (&policy.label, flow) else { return };
        if rule.at_severity.is_some_and(|least| policy.levels[level].severity < least) {
            return;
        }
        let fresh = |written: u64| time < written.saturating_add(report::label_refresh(rule));
        if self.labelled.is_some_and(fresh) {
            return;
        }
        self.labelled = Some(time);
        if let Some(label) = report::label(&policy.summary, rule, flow) {
            context.counters.labels += 1;
            context.labels.push((context.at.row, label));
        }
    }

    /// An event about it, and about the window of its key.
    pub fn event(
        &self,
        policy: &Policy,
        track: Vec<(&'static str, OwnedValue)>,
        window: Snapshot,
        (kind, timestamp, reason): (EventKind, u64, Option<EndReason>),
        sources: &View,
    ) -> Alert {
        let level = &policy.levels[self.level];
        let Snapshot { counted, scaled, measured, newest } = window;
        Alert {
            incident: self.id,
            sequence: self.sequence,
            kind,
            timestamp,
            policy: policy.summary.clone(),
            severity: if kind == EventKind::End { self.highest } else { level.severity },
            threshold: Some(level.threshold.text.clone()),
            measured,
            track,
            start: self.start,
            end: newest.max(self.start),
            records: u64::from(counted.records),
            suppressed: 0,
            metrics: report::metrics(&counted, &scaled, policy.window as f64 / 1000.0),
            sources: self.traces.source_names(sources),
            source_ports: self.traces.source_ports(),
            destination_ports: self.traces.destination_ports(),
            top: self.traces.top(),
            samples: self.traces.samples.clone(),
            addresses: self.traces.addresses.clone().into_iter().collect(),
            reason,
        }
    }
}
