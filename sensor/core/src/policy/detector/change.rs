//! Other policies for a running detector, or the same ones in other shards.
//!
//! Whatever takes its time is done beside it: compiling, finding out which policies are still the same, deciding what hangs
//! on address profiles. `swap` then puts it in force.

use std::{collections::HashMap, sync::Arc};

use super::{
    balance::Load,
    rules::{Compiled, Rules},
    shard::Shard,
    watch::Watch,
};
use crate::{
    flow::{batch::Source, ports::PortLabels, profile::Profiles},
    nql::columns::Scratch,
    policy::model::Policy,
};

/// What a detector goes by, for whoever prepares a change.
#[derive(Clone)]
pub struct ActiveRules {
    pub(super) rules: Arc<Compiled>,
    /// Sources that flows have come from.
    pub(super) sources: Vec<Source>,
    /// What flows have shown of each policy.
    pub(super) loads: Vec<Load>,
}

/// Policies to go on with.
pub struct RulesChange {
    pub(super) rules: Arc<Compiled>,
    /// For each shard, one for each program.
    pub(super) scratch: Vec<Vec<Scratch>>,
    /// For each policy the place of the same one in force.
    pub(super) same: Vec<Option<usize>>,
}

/// Policies that are asked no more, and what was kept for them.
pub struct RetiredRules {
    pub(super) policies: Vec<(Arc<Policy>, Watch)>,
    /// How many of them have nothing open any more.
    pub(super) ended: usize,
    pub(super) _shards: Vec<Shard>,
}

impl RulesChange {
    /// From those in force to `rules`, in as many shards; `None` keeps the policies where they are, and decides anew what
    /// hangs on profiles. A policy of which nothing has changed keeps its state.
    pub fn new(from: &ActiveRules, rules: Option<Rules>) -> Self {
        match rules {
            Some(rules) => Self::in_shards(from, rules, from.rules.parts.len()),
            None => Self::to(from, from.rules.clone()),
        }
    }

    /// The policies that are in force, in shards that what flows have shown makes alike.
    pub fn balanced(from: &ActiveRules) -> Self {
        Self::new(from, Some(Rules(from.rules.policies.clone())))
    }

    /// From those in force to `rules`, in so many shards.
    pub(super) fn in_shards(from: &ActiveRules, rules: Rules, shards: usize) -> Self {
        let same = same(&from.rules, &rules.0);
        let loads = same.iter().map(|same| from.loads.get((*same)?).copied().flatten());
        let loads: Vec<_> = loads.collect();
        Self::to(from, Arc::new(Compiled::new(rules.0, shards, &loads)))
    }

    fn to(from: &ActiveRules, rules: Arc<Compiled>) -> Self {
        let same = same(&from.rules, &rules.policies);
        let scratch = rules.parts.iter().map(|part| {
            let mut scratch = Vec::new();
            scratch.resize_with(part.programs.len(), Scratch::default);
            scratch
        });
        Self { scratch: scratch.collect(), same, rules }
    }

    /// Decides beforehand, for the sources that flows have come from, what hangs on these profiles and labels.
    pub fn precompute(
        &mut self,
        from: &ActiveRules,
        profiles: &Arc<Profiles>,
        labels: &Arc<PortLabels>,
    ) {
        for (part, scratch) in self.rules.parts.iter().zip(&mut self.scratch) {
            for source in &from.sources {
                let at = self.rules.program(*source);
                part.programs[at].precompute(profiles, labels, &mut scratch[at]);
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
    fn identity(policy: &Policy) -> (&str, Option<&str>) {
        (&policy.summary.name, policy.source.as_deref())
    }
    let places = before.iter().enumerate().map(|(at, policy)| (identity(policy), at));
    let places: HashMap<_, usize> = places.collect();
    let same = policies.iter().map(|policy| {
        let at = places.get(&identity(policy)).copied();
        at.filter(|at| Arc::ptr_eq(&before[*at], policy) || before[*at] == *policy)
    });
    same.collect()
}
