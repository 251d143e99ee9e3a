//! Runs a test through the detector, with the clock at the end of each flow.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{
    Case,
    flows::{BEGIN, Draft, INTERFACES},
    outcome::{self, Found, Outcome},
};
use crate::{
    flow::{
        batch::BATCH_ROWS,
        interfaces::{Interface, Interfaces},
        prefix::Prefix,
        profile::{Profile, Profiles},
    },
    policy::{
        alert::{Alert, LabelAction},
        detector::{Detector, Rules},
        model::Policy,
    },
};

/// Runs a test on the policies of its neighbour file, enabled or not.
pub fn run(case: &Case, policies: &[Policy]) -> Outcome {
    let tested = policies
        .iter()
        .filter(|policy| case.policies.is_empty() || case.policies.contains(&policy.summary.name))
        .map(|policy| Policy { enabled: true, ..policy.clone() });
    let mut run = Run {
        case,
        detector: Detector::new(Rules::new(tested), 0, "host"),
        interfaces: interfaces(),
        now: BEGIN,
        events: Vec::new(),
        found: Vec::new(),
        written: BTreeMap::new(),
    };
    run.all();
    outcome::compare(&case.expected, &run.events, &run.found)
}

fn interfaces() -> Interfaces {
    let named = |name: &str| Interface { name: name.to_owned(), alias: String::new() };
    Interfaces((1..).zip(INTERFACES.map(named)).collect())
}

struct Run<'c> {
    case: &'c Case,
    detector: Detector,
    interfaces: Interfaces,
    now: u64,
    events: Vec<Alert>,
    found: Vec<Found>,
    /// Labels that policies have written, and when they lapse.
    written: BTreeMap<(IpAddr, String), (Vec<String>, u64)>,
}

impl Run<'_> {
    fn all(&mut self) {
        let flows = &self.case.flows;
        let mut rows: Vec<(u64, usize, u64)> = Vec::new();
        for (at, draft) in flows.iter().enumerate() {
            let end = |number| draft.end.saturating_add(draft.after(number));
            rows.extend((0..draft.count()).map(|number| (end(number), at, number)));
        }
        rows.sort_unstable();
        self.go_to(self.now);
        let mut rest = &rows[..];
        while let Some(&(end, at, _)) = rest.first() {
            let alike = |row: &&(u64, usize, u64)| row.0 == end && flows[row.1].is_like(&flows[at]);
            let count = rest.iter().take(BATCH_ROWS).take_while(alike).count();
            let (now, after) = rest.split_at(count);
            self.go_to(end);
            self.observe(&now.iter().map(|row| flows[row.1].row(row.2)).collect::<Vec<_>>());
            rest = after;
        }
        let last = self.now;
        self.go_to(last.saturating_add(self.case.wait.as_millis() as u64));
    }

    /// Lets time go by in small steps.
    fn go_to(&mut self, time: u64) {
        let gap = time.saturating_sub(self.now);
        let step = if gap <= 600_000 { 1000 } else { gap / 600 };
        while self.now < time {
            self.now = (self.now + step).min(time);
            self.advance();
        }
        if gap == 0 {
            self.advance();
        }
    }

    fn advance(&mut self) {
        let known = self.events.len();
        self.detector.advance(self.now, &mut self.events);
        self.found.extend(self.events[known..].iter().map(outcome::of_event));
    }

    fn observe(&mut self, rows: &[Draft]) {
        let mut batch = rows[0].batch();
        let mut profiles = Profiles::default();
        for row in rows {
            let known = [0, 1].map(|side| self.profile(row, side));
            row.push(&mut batch, &mut profiles, known);
        }
        batch.profiles = Arc::new(profiles);
        let known = self.events.len();
        self.detector.observe(&batch, &self.interfaces, &mut self.events);
        self.found.extend(self.events[known..].iter().map(outcome::of_event));
        for label in self.detector.take_labels().collect::<Vec<_>>() {
            self.found.push(outcome::of_label(&label));
            let LabelAction { address, context, values, expires, .. } = label;
            self.written.insert((address, context), (values, expires));
        }
    }

    /// What is known of an address: what the flow says, its labels, and whether it is internal.
    fn profile(&self, row: &Draft, side: usize) -> Profile {
        let address = row.addresses[side];
        let mut profile = row.profiles[side].clone();
        for (context, values) in row.labels.get(&address).into_iter().flatten() {
            profile.labels.entry(context.clone()).or_default().extend(values.iter().cloned());
        }
        for ((labelled, context), (values, expires)) in &self.written {
            if *labelled == address && self.now < *expires {
                profile.labels.entry(context.clone()).or_default().extend(values.iter().cloned());
            }
        }
        let internal = self.case.internal.iter().any(|network| contains(*network, address));
        profile.internal = profile.internal.or(Some(internal));
        profile
    }
}

fn contains(network: Prefix, address: IpAddr) -> bool {
    network.address.is_ipv4() == address.is_ipv4()
        && Prefix { address, ..network }.canonical() == network.canonical()
}
