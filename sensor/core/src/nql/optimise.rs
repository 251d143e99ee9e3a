//! Tests of one subject in one conjunction become one test.
//!
//! Queries name a field again and again: `dstport == 80 || dstport == 443 || ...`, `packets >= 6 && packets <= 60`,
//! `srcip != 10.0.0.0/8 && srcip != 192.168.0.0/16`. As tests are total and sets can be united, intersected and
//! subtracted, each such group is one set. Disjunctions need no rules of their own, they are negated conjunctions.

use std::hash::BuildHasher;

use super::{
    columns::Test,
    sets::{AddressSet, IntegerSet, TextSet},
    typed::Predicate,
};

/// Equal for tests that [`conjunction`] can make one of; `None` for those that stand alone.
pub fn merge_key(test: &Test, hasher: &impl BuildHasher) -> Option<u64> {
    Some(match test {
        Test::Number(column, _) => hasher.hash_one((0, column)),
        Test::Address(side, _) => hasher.hash_one((1, side)),
        Test::Profile(side, subject, Predicate::Texts(set)) => {
            hasher.hash_one((2, side, subject, set.ignores_case()))
        }
        _ => return None,
    })
}

/// Tests of equal merge key that all hold, or that do not where the flag is set, as fewer such; `None` when they are
/// as few as can be.
pub fn conjunction(tests: &[(&Test, bool)]) -> Option<Vec<(Test, bool)>> {
    match tests {
        [] | [_] => None,
        [(Test::Number(column, _), _), ..] => {
            let sets = |wanted: bool| {
                tests.iter().filter_map(move |(test, negated)| match test {
                    Test::Number(own, set) if own == column && *negated == wanted => Some(set),
                    _ => None,
                })
            };
            let excluded = IntegerSet::union_of(sets(true));
            let required = sets(false).cloned().reduce(|all, set| all.intersection(&set));
            Some(vec![match required {
                Some(required) => (Test::Number(*column, required.without(&excluded)), false),
                None => (Test::Number(*column, excluded), true),
            }])
        }
        [(Test::Address(side, _), _), ..] => {
            let sets = |wanted: bool| {
                tests.iter().filter_map(move |(test, negated)| match test {
                    Test::Address(own, set) if own == side && *negated == wanted => Some(set),
                    _ => None,
                })
            };
            let excluded = AddressSet::union_of(sets(true));
            let required = sets(false).cloned().reduce(|all, set| all.intersection(&set));
            Some(vec![match required {
                Some(required) => (Test::Address(*side, required.without(&excluded)), false),
                None => (Test::Address(*side, excluded), true),
            }])
        }
        [(Test::Profile(side, subject, _), _), ..] => {
            // A profile may have many texts, so those that are required stay apart.
            let mut rest = Vec::new();
            let mut excluded = Vec::new();
            let mut ignore_case = false;
            for (test, negated) in tests {
                match test {
                    Test::Profile(_, _, Predicate::Texts(set)) if *negated => {
                        ignore_case = set.ignores_case();
                        excluded.extend_from_slice(set.texts());
                    }
                    _ => rest.push(((*test).clone(), *negated)),
                }
            }
            if rest.len() + 1 >= tests.len() {
                return None;
            }
            let texts = Predicate::Texts(TextSet::new(excluded, ignore_case));
            rest.push((Test::Profile(*side, subject.clone(), texts), true));
            Some(rest)
        }
        _ => None,
    }
}

/// Whether both have one merge key in truth, and not by chance of the hash.
pub fn mergeable(left: &Test, right: &Test) -> bool {
    match (left, right) {
        (Test::Number(left, _), Test::Number(right, _)) => left == right,
        (Test::Address(left, _), Test::Address(right, _)) => left == right,
        (
            Test::Profile(left_side, left, Predicate::Texts(left_set)),
            Test::Profile(right_side, right, Predicate::Texts(right_set)),
        ) => {
            left_side == right_side
                && left == right
                && left_set.ignores_case() == right_set.ignores_case()
        }
        _ => false,
    }
}
