//! What became of the flows of a replay, for one policy.

use std::{collections::BTreeMap, ops::Range};

use super::{Asked, verdict::Verdict};
use crate::{
    flow::{
        batch::FlowBatch,
        fields::{FIELDS, OwnedValue, Row},
        interfaces::Interfaces,
    },
    policy::{
        alert::{Alert, EndReason, FlowSample},
        detector::{Counters, Detector, Rules, trace::Near},
        model::Policy,
        written::WrittenText,
    },
};

/// The account of one policy.
pub struct Account {
    asked: Asked,
    /// Has this policy alone.
    detector: Detector,
    events: Vec<Alert>,
    counts: Counts,
    /// Flows that do not fulfil the query, by its part that decides.
    unmatched: BTreeMap<(Part, usize, usize), u64>,
    nearest: Option<(Near, FlowSample)>,
    /// The flow that came furthest without matching, and how far.
    furthest: Option<(usize, FlowSample)>,
}

/// Which query of a policy.
type Part = &'static str;

/// How the flows were divided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flows that the policy was asked of: `no_query`, those that did not match, those of all discards, and matches.
    pub tested: u64,
    /// Of these, flows of sources that it has no query for.
    pub no_query: u64,
    /// Of these, flows that do not fulfil the query.
    pub unmatched: u64,
    /// Of these, flows that each discard passed over.
    pub discarded: Vec<u64>,
    /// Flows that a role exempted, by role; they are among those above.
    pub exempt: BTreeMap<String, u64>,
}

/// Flows that failed at one part of a query.
#[derive(Clone, Debug)]
pub struct Failed<'a> {
    /// The query.
    pub query: &'a WrittenText,
    /// The part of its text.
    pub part: Range<usize>,
    /// How many flows.
    pub flows: u64,
}

impl Account {
    /// No flows so far. A policy that is not enabled is asked all the same.
    pub fn new(asked: Asked) -> Self {
        let policy = Policy { enabled: true, ..asked.policy.clone() };
        let discarded = vec![0; asked.discards.len()];
        Self {
            detector: Detector::new(Rules::new([policy]), 0, "replay"),
            asked,
            events: Vec::new(),
            counts: Counts { discarded, ..Counts::default() },
            unmatched: BTreeMap::new(),
            nearest: None,
            furthest: None,
        }
    }

    /// The policy.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Takes note of a batch of records that context and tags have been added to.
    pub fn observe(&mut self, batch: &FlowBatch, interfaces: &Interfaces) {
        for row in 0..batch.len() {
            self.row(Row { batch, row, interfaces });
        }
        let nearest = &mut self.nearest;
        self.detector.trace(batch, interfaces, &mut self.events, &mut |row, near| {
            if nearest.as_ref().is_none_or(|(known, _)| near.share > known.share) {
                *nearest = Some((near, sample(row)));
            }
        });
        self.events.clear();
    }

    fn row(&mut self, row: Row<'_>) {
        if !self.asked.is_about(&row) {
            return;
        }
        let source = row.batch.observed_by;
        let verdict = Verdict::of(&self.asked, &row, source);
        self.counts.tested += 1;
        for role in verdict.roles() {
            *self.counts.exempt.entry(role.clone()).or_default() += 1;
        }
        let queries = self.asked.query(source).map_or(0, |(query, _)| query.text().len());
        let reached = match &verdict {
            Verdict::NoQuery => {
                self.counts.no_query += 1;
                return;
            }
            Verdict::Unmatched(reason) => {
                self.counts.unmatched += 1;
                let own = self.asked.written.by_source.iter().any(|(own, _)| *own == source);
                let part = if own { source.name() } else { "" };
                let failed = self.unmatched.entry((part, reason.span.start, reason.span.end));
                *failed.or_default() += 1;
                reason.passed
            }
            Verdict::Discarded(at, _) => {
                self.counts.discarded[*at] += 1;
                queries.saturating_add(*at)
            }
            Verdict::Matched => return,
        };
        if self.furthest.as_ref().is_none_or(|(known, _)| reached > *known) {
            self.furthest = Some((reached, sample(row)));
        }
    }

    /// Lets time pass: `now` is milliseconds since the epoch.
    pub fn advance(&mut self, now: u64) {
        self.detector.advance(now, &mut self.events);
        self.events.clear();
    }

    /// Ends all incidents.
    pub fn finish(&mut self) {
        let now = self.detector.latest();
        self.detector.finish(now, EndReason::Shutdown, &mut self.events);
        self.events.clear();
    }

    /// How the flows were divided.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Where flows failed, the most frequent part first.
    pub fn failed(&self) -> Vec<Failed<'_>> {
        let written = &self.asked.written;
        let query = |part: Part| match part {
            "" => written.matches.as_ref(),
            part => {
                written.by_source.iter().find(|(own, _)| own.name() == part).map(|(_, text)| text)
            }
        };
        let failed = self.unmatched.iter().filter_map(|((part, start, end), flows)| {
            Some(Failed { query: query(part)?, part: *start..*end, flows: *flows })
        });
        let mut failed: Vec<_> = failed.collect();
        failed.sort_by_key(|failed| std::cmp::Reverse(failed.flows));
        failed
    }

    /// What the detection counted.
    pub fn detected(&self) -> Counters {
        self.detector.counters().next().map(|(_, counters, _)| counters).unwrap_or_default()
    }

    /// The key that came nearest to the lowest threshold, and the flow by which it did.
    pub fn nearest(&self) -> Option<(&Near, &FlowSample)> {
        self.nearest.as_ref().map(|(near, flow)| (near, flow))
    }

    /// Of the flows that do not count, the first that came furthest.
    pub fn furthest(&self) -> Option<&FlowSample> {
        self.furthest.as_ref().map(|(_, flow)| flow)
    }
}

fn sample(row: Row<'_>) -> FlowSample {
    let value = |field: &crate::flow::fields::Field| OwnedValue::of(field.value(row));
    FIELDS.iter().filter_map(|field| Some((field.name, value(field)?))).collect()
}
