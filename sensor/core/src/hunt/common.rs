//! What the flows of several queries have in common: the keys that each query has a flow with.

use super::{LimitReached, groups::Groups, sums::Sums};
use crate::flow::fields::OwnedValue;

/// Values that flows of every query have.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// A value for each field.
    pub values: Vec<OwnedValue>,
    /// The beginning of the bucket of time, milliseconds since the epoch, where there are buckets.
    pub bucket: Option<u64>,
    /// Sums over the flows of each query that have the values.
    pub sums: Vec<Sums>,
}

/// What the groups of several queries have in common, by time and by values. A flow that lacks a value has nothing in common with any.
pub(super) fn shared(mut queries: Vec<Groups>) -> Result<Vec<Shared>, LimitReached> {
    queries.iter().try_for_each(Groups::check)?;
    let Some(fewest) = (0..queries.len()).min_by_key(|at| queries[*at].groups()) else {
        return Ok(Vec::new());
    };
    let own = queries.swap_remove(fewest);
    let mut found: Vec<(u32, Vec<Sums>)> = Vec::new();
    let mut key = Vec::new();
    'keys: for number in own.table.numbers() {
        let (own_key, own_sums) = own.table.record(number).split_at(own.table.key);
        if !own.keys.is_whole(own_key) {
            continue;
        }
        let mut sums = Vec::with_capacity(queries.len() + 1);
        for other in &mut queries {
            key.clear();
            other.keys.adopt(&own.keys, own_key, &mut key);
            let Some(theirs) = other.table.find(&key, other.table.hash(&key)) else {
                continue 'keys;
            };
            sums.push(other.summed.read(&other.table.record(theirs)[key.len()..]));
        }
        // In the order of the queries.
        let last = sums.len();
        sums.push(own.summed.read(own_sums));
        sums.swap(fewest, last);
        found.push((number, sums));
    }
    let key = |number: u32| &own.table.record(number)[..own.table.key];
    found.sort_unstable_by(|(left, _), (right, _)| own.keys.order(key(*left), key(*right)));
    let shared = |(number, sums): (u32, Vec<Sums>)| Shared {
        values: own.keys.values_of(key(number)).into_iter().flatten().collect(),
        bucket: own.keys.bucket(key(number)),
        sums,
    };
    Ok(found.into_iter().map(shared).collect())
}
