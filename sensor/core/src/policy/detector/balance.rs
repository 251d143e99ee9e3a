//! Assigns policies to shards.
//!
//! The cost of a policy is estimated: the cost of its query, plus the share of flows that match it times the cost of a match.
//! That share is a guess derived from the query until flows have shown the real one. The first shard gets every policy that
//! writes labels, because labels have to be written before the next batch is enriched, and it is charged with the work that
//! is done once for all shards.

use std::{cmp::Reverse, sync::Arc};

use crate::{
    flow::batch::Source,
    nql::{columns::Program, typed::Typed},
    policy::model::Policy,
};

/// The share of flows that match a policy, where it is known.
pub(super) type Load = Option<f64>;

/// Nanoseconds a flow that context, tags and times cost, which are found once.
const ONCE: f64 = 25.0;
/// Queries share most of their tests: the part of a query's own cost that is left.
const UNSHARED: f64 = 0.25;
/// What a match costs beside, nanoseconds, for each alternative key: of a policy without thresholds, and of one with
/// them.
const HIT: f64 = 80.0;
const WINDOW: f64 = 180.0;
/// What each field costs that is counted distinct.
const DISTINCT: f64 = 60.0;

/// Places of the policies of each of so many shards, at least one, in ascending order.
pub(super) fn split(policies: &[Arc<Policy>], shards: usize, loads: &[Load]) -> Vec<Vec<usize>> {
    let mut split = vec![Vec::new(); shards.max(1)];
    if split.len() == 1 {
        split[0] = (0..policies.len()).collect();
        return split;
    }
    let mut sums = vec![0.0; split.len()];
    sums[0] = ONCE;
    let costs = policies.iter().enumerate().map(|(at, policy)| {
        let load = loads.get(at).copied().flatten();
        (at, cost(policy, load))
    });
    let (fixed, mut free): (Vec<_>, Vec<_>) =
        costs.partition(|(at, _)| policies[*at].label.is_some());
    // The heaviest first, each to the shard that has least so far.
    free.sort_by_key(|(at, cost)| (Reverse((cost * 1e3) as u64), *at));
    for (at, cost) in fixed.iter().chain(&free) {
        let lightest = (0..sums.len()).min_by(|one, other| sums[*one].total_cmp(&sums[*other]));
        let shard = if policies[*at].label.is_some() { 0 } else { lightest.unwrap_or(0) };
        split[shard].push(*at);
        sums[shard] += cost;
    }
    split.iter_mut().for_each(|places| places.sort_unstable());
    split
}

/// Nanoseconds a flow.
fn cost(policy: &Policy, load: Load) -> f64 {
    let none = Typed::Constant(false);
    let query = policy.search.of(Source::Host).or(policy.search.of(Source::NetFlow));
    let guess = Program::compile([query.unwrap_or(&none)]).guess(0);
    let key = match policy.has_thresholds() {
        true => WINDOW + DISTINCT * policy.distinct.len() as f64,
        false => HIT,
    };
    let keys = policy.track_by.len().max(1) as f64;
    guess.cost * UNSHARED + load.unwrap_or(guess.share) * key * keys
}
