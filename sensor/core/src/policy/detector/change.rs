//! Other policies for a running detector, or the same ones in other shards.
//!
//! Whatever takes its time is done beside it: compiling, finding out which policies are still the same, deciding what hangs
//! on address profiles. The change itself moves what is kept, from shard to shard where a policy lies in another one now;
//! incidents of policies that are asked no more end in portions, and nothing is freed but by whoever drops what is left
//! over.

use std::{collections::HashMap, sync::Arc};

use super::{
    Detector, Rules,
    balance::Load,
    context::{Context, Place},
    rules::Compiled,
    shard::{Shard, Watch},
};
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
    pub(super) rules: Arc<Compiled>,
    /// Sources that flows have come from.
    pub(super) sources: Vec<Source>,
    /// What flows have shown of each policy.
    pub(super) loads: Vec<Load>,
}

/// Policies to go on with.
pub struct Change {
    rules: Arc<Compiled>,
    /// For each shard, one for each program.
    scratch: Vec<Vec<Scratch>>,
    /// For each policy the place of the same one in force.
    same: Vec<Option<usize>>,
}

/// Policies that are asked no more, and what was kept for them.
pub struct Retired {
    policies: Vec<(Arc<Policy>, Watch)>,
    /// How many of them have nothing open any more.
    ended: usize,
    _shards: Vec<Shard>,
}

impl Change {
    /// From those in force to `rules`, in as many shards; `None` keeps the policies where they are, and decides anew what
    /// hangs on profiles. A policy of which nothing has changed keeps its state.
    pub fn new(from: &InForce, rules: Option<Rules>) -> Self {
        match rules {
            Some(rules) => Self::in_shards(from, rules, from.rules.parts.len()),
            None => Self::to(from, from.rules.clone()),
        }
    }

    /// The policies that are in force, in shards that what flows have shown makes alike.
    pub fn balanced(from: &InForce) -> Self {
        Self::new(from, Some(Rules(from.rules.policies.clone())))
    }

    /// From those in force to `rules`, in so many shards.
    pub(super) fn in_shards(from: &InForce, rules: Rules, shards: usize) -> Self {
        let same = same(&from.rules, &rules.0);
        let loads = same.iter().map(|same| from.loads.get((*same)?).copied().flatten());
        let loads: Vec<_> = loads.collect();
        Self::to(from, Arc::new(Compiled::new(rules.0, shards, &loads)))
    }

    fn to(from: &InForce, rules: Arc<Compiled>) -> Self {
        let same = same(&from.rules, &rules.policies);
        let scratch = rules.parts.iter().map(|part| {
            let mut scratch = Vec::new();
            scratch.resize_with(part.programs.len(), Scratch::default);
            scratch
        });
        Self { scratch: scratch.collect(), same, rules }
    }

    /// Decides beforehand, for the sources that flows have come from, what hangs on these profiles and labels.
    pub fn foresee(&mut self, from: &InForce, profiles: &Arc<Profiles>, labels: &Arc<PortLabels>) {
        for (part, scratch) in self.rules.parts.iter().zip(&mut self.scratch) {
            for source in &from.sources {
                let at = self.rules.program(*source);
                part.programs[at].foresee(profiles, labels, &mut scratch[at]);
            }
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

/// For each of some policies the place of the same one among those in force.
fn same(before: &Compiled, policies: &[Arc<Policy>]) -> Vec<Option<usize>> {
    let before = &before.policies;
    let places = before.iter().enumerate().map(|(at, policy)| (&*policy.summary.name, at));
    let places: HashMap<&str, usize> = places.collect();
    let same = policies.iter().map(|policy| {
        let at = places.get(&*policy.summary.name).copied();
        at.filter(|at| Arc::ptr_eq(&before[*at], policy) || before[*at] == *policy)
    });
    same.collect()
}

impl Detector {
    /// What it goes by. All shards are here.
    pub fn in_force(&self) -> InForce {
        let mut loads = vec![None; self.rules.policies.len()];
        for shard in &self.shards {
            for (place, watch) in self.rules.parts[shard.part].places.iter().zip(&shard.watches) {
                let records = self.front.records - watch.since;
                loads[*place] =
                    (records > 0).then(|| watch.counters.matched as f64 / records as f64);
            }
        }
        InForce { rules: self.rules.clone(), sources: self.front.kinds(), loads }
    }

    /// Goes on with other policies. What those had open that are asked no more waits for [`Detector::end`]. All shards
    /// are here.
    pub fn change(&mut self, change: Change) -> Retired {
        let Change { rules, scratch, same } = change;
        let mut shards = std::mem::take(&mut self.shards);
        let mut before: Vec<Option<Watch>> = Vec::new();
        before.resize_with(self.rules.policies.len(), || None);
        let mut labels = Vec::new();
        for shard in &mut shards {
            let places = &self.rules.parts[shard.part].places;
            for (place, watch) in places.iter().zip(shard.watches.drain(..)) {
                before[*place] = Some(watch);
            }
            labels.append(&mut shard.labels);
        }
        let view = self.front.sources.view();
        let since = self.front.records;
        self.shards = scratch
            .into_iter()
            .enumerate()
            .map(|(part, scratch)| {
                let policies = rules.parts[part].places.iter().map(|place| {
                    let kept = same[*place].and_then(|at| before.get_mut(at)?.take());
                    kept.unwrap_or_else(|| {
                        Watch::new(&rules.policies[*place], self.seed, &view, since)
                    })
                });
                let (rules, labels) = (rules.clone(), std::mem::take(&mut labels));
                Shard { watches: policies.collect(), rules, part, scratch, labels }
            })
            .collect();
        let rules = std::mem::replace(&mut self.rules, rules);
        let policies = rules.policies.iter().cloned().zip(before);
        let policies = policies.filter_map(|(policy, watch)| Some((policy, watch?))).collect();
        Retired { policies, ended: 0, _shards: shards }
    }

    /// Ends incidents of policies that are asked no more, until about `most` have ended. True once none is left.
    pub fn end(
        &mut self,
        retired: &mut Retired,
        now: u64,
        most: usize,
        events: &mut Vec<Event>,
    ) -> bool {
        let sources = self.front.sources.view();
        let (found, mut labels) = (&mut self.found, Vec::new());
        while let Some((policy, Watch { trackers, counters, texts, .. })) =
            retired.policies.get_mut(retired.ended)
        {
            let mut context = Context {
                texts,
                sources: &sources,
                counters,
                at: Place::default(),
                events: found,
                labels: &mut labels,
            };
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
