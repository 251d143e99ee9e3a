//! Other policies for a running detector.
//!
//! Whatever takes its time is done beside it: compiling, finding out which policies are still the same, deciding what hangs
//! on address profiles. The change itself moves what is kept; incidents of policies that are asked no more end in portions,
//! and nothing is freed but by whoever drops what is left over.

use std::{collections::HashMap, sync::Arc};

use super::{Context, Detector, Rules, Watch};
use crate::{
    flow::{batch::Source, ports::PortLabels, profile::Profiles},
    nql::columns::Scratch,
    policy::{
        event::{EndReason, Event},
        model::Policy,
    },
};

/// What a detector goes by, for whoever prepares a change.
#[derive(Clone)]
pub struct InForce {
    rules: Arc<Rules>,
    /// Sources that flows have come from.
    sources: Vec<Source>,
}

/// Policies to go on with.
pub struct Change {
    rules: Arc<Rules>,
    scratch: Vec<Scratch>,
    /// For each policy the place of the same one in force.
    same: Vec<Option<usize>>,
}

/// Policies that are asked no more, and what was kept for them.
pub struct Retired {
    policies: Vec<(Arc<Policy>, Watch)>,
    /// How many of them have nothing open any more.
    ended: usize,
    _rules: Arc<Rules>,
    _scratch: Vec<Scratch>,
}

impl Change {
    /// From those in force to `rules`; `None` keeps the policies, and decides anew what hangs on profiles. A policy of
    /// which nothing has changed keeps its state.
    pub fn new(from: &InForce, rules: Option<Rules>) -> Self {
        let before = &from.rules.policies;
        let rules = rules.map_or_else(|| from.rules.clone(), Arc::new);
        let places = before.iter().enumerate().map(|(at, policy)| (&*policy.summary.name, at));
        let places: HashMap<&str, usize> = places.collect();
        let same = rules.policies.iter().map(|policy| {
            let at = places.get(&*policy.summary.name).copied();
            at.filter(|at| Arc::ptr_eq(&before[*at], policy) || before[*at] == *policy)
        });
        let same = same.collect();
        let mut scratch = Vec::new();
        scratch.resize_with(rules.programs.len(), Scratch::default);
        Self { rules, scratch, same }
    }

    /// Decides beforehand, for the sources that flows have come from, what hangs on these profiles and labels.
    pub fn foresee(&mut self, from: &InForce, profiles: &Arc<Profiles>, labels: &Arc<PortLabels>) {
        for source in &from.sources {
            let at = self.rules.program(*source);
            self.rules.programs[at].foresee(profiles, labels, &mut self.scratch[at]);
        }
    }

    /// The policies.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.rules.policies
    }

    /// How many of them are new, or not what they were.
    pub fn changed(&self) -> usize {
        self.same.iter().filter(|same| same.is_none()).count()
    }
}

impl Detector {
    /// What it goes by.
    pub fn in_force(&self) -> InForce {
        let scratch = |source: &Source| self.scratch.get(self.rules.program(*source));
        let seen = |source: &Source| scratch(source).is_some_and(Scratch::is_used);
        let sources = Source::ALL.into_iter().filter(seen).collect();
        InForce { rules: self.rules.clone(), sources }
    }

    /// Goes on with other policies. What those had open that are asked no more waits for [`Detector::end`].
    pub fn change(&mut self, change: Change) -> Retired {
        let Change { rules, scratch, same } = change;
        let mut before: Vec<_> = std::mem::take(&mut self.watches).into_iter().map(Some).collect();
        let watches = rules.policies.iter().zip(same).map(|(policy, same)| {
            let kept = same.and_then(|at| before.get_mut(at)?.take());
            kept.unwrap_or_else(|| self.watch(policy))
        });
        self.watches = watches.collect();
        let rules = std::mem::replace(&mut self.rules, rules);
        let scratch = std::mem::replace(&mut self.scratch, scratch);
        let policies = rules.policies.iter().cloned().zip(before);
        let policies = policies.filter_map(|(policy, watch)| Some((policy, watch?))).collect();
        Retired { policies, ended: 0, _rules: rules, _scratch: scratch }
    }

    /// Ends incidents of policies that are asked no more, until about `most` have ended. True once none is left.
    pub fn end(
        &mut self,
        retired: &mut Retired,
        now: u64,
        most: usize,
        events: &mut Vec<Event>,
    ) -> bool {
        let Self { sources, texts, labels, found, .. } = self;
        while let Some((policy, Watch { trackers, counters })) =
            retired.policies.get_mut(retired.ended)
        {
            let mut context = Context { texts, sources, counters, at: 0, events: found, labels };
            let ended = trackers
                .iter_mut()
                .all(|tracker| tracker.finish(policy, now, EndReason::Reload, most, &mut context));
            retired.ended += usize::from(ended);
            if !ended || found.len() >= most {
                break;
            }
        }
        events.extend(found.drain(..).map(|(_, event)| event));
        retired.ended == retired.policies.len()
    }
}
