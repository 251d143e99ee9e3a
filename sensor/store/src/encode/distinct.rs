//! The distinct values of a column, and which of them each row has.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

/// Values that dictionaries are made of.
pub trait Value: Copy + Ord {
    /// A number below `SMALL` where it is one.
    fn small(self) -> Option<usize>;
    /// Its low and high half.
    fn halves(self) -> (u64, u64);
}

/// Numbers that have a place of their own in a table.
const SMALL: usize = 1 << 16;
/// What is not in that table yet.
const NOWHERE: u32 = u32::MAX;

impl Value for u32 {
    fn small(self) -> Option<usize> {
        Some(self as usize).filter(|own| *own < SMALL)
    }

    fn halves(self) -> (u64, u64) {
        (self.into(), 0)
    }
}

impl Value for u64 {
    fn small(self) -> Option<usize> {
        usize::try_from(self).ok().filter(|own| *own < SMALL)
    }

    fn halves(self) -> (u64, u64) {
        (self, 0)
    }
}

impl Value for u128 {
    fn small(self) -> Option<usize> {
        None
    }

    fn halves(self) -> (u64, u64) {
        (self as u64, (self >> 64) as u64)
    }
}

/// The distinct values, ascending, and the place among them of each of `values`; nothing where there are more than `most`.
pub fn of<T: Value>(values: &[T], most: usize) -> Option<(Vec<T>, Vec<u32>)> {
    // What comes from the network must not be able to choose values that meet in one place.
    let seed = RandomState::new().hash_one(0) | 1;
    let mut small = Vec::new();
    let mut others: HashTable<(T, u32)> = HashTable::new();
    let mut distinct: Vec<T> = Vec::new();
    let mut indexes = Vec::with_capacity(values.len());
    for value in values {
        let next = distinct.len() as u32;
        let index = match value.small() {
            Some(at) => {
                if small.len() <= at {
                    small.resize(if at < 256 { 256 } else { SMALL }, NOWHERE);
                }
                if small[at] == NOWHERE {
                    small[at] = next;
                }
                small[at]
            }
            None => {
                let spread = hash(*value, seed);
                match others.find(spread, |own| own.0 == *value) {
                    Some((_, index)) => *index,
                    None => {
                        others.insert_unique(spread, (*value, next), |own| hash(own.0, seed));
                        next
                    }
                }
            }
        };
        if index == next {
            if distinct.len() == most {
                return None;
            }
            distinct.push(*value);
        }
        indexes.push(index);
    }
    sort(&mut distinct, &mut indexes);
    Some((distinct, indexes))
}

/// Spreads values over a table.
#[inline(always)]
fn hash<T: Value>(value: T, seed: u64) -> u64 {
    let (low, high) = value.halves();
    let product = u128::from(low ^ seed) * u128::from(high.wrapping_add(seed.rotate_left(32)) | 1);
    let mixed = (product as u64 ^ (product >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

/// Brings distinct values into their order: neighbours are alike then, and compress.
fn sort<T: Value>(distinct: &mut Vec<T>, indexes: &mut [u32]) {
    if distinct.is_sorted() {
        return;
    }
    let mut order: Vec<(T, u32)> = distinct.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut places = vec![0; order.len()];
    for (place, (_, index)) in order.iter().enumerate() {
        places[*index as usize] = place as u32;
    }
    distinct.clear();
    distinct.extend(order.into_iter().map(|(value, _)| value));
    indexes.iter_mut().for_each(|index| *index = places[*index as usize]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn indexes_lead_back_to_the_values(values in proptest::collection::vec((any::<u128>(), 0..130_u32), 0..200)) {
            let values: Vec<u128> = values.into_iter().map(|(own, shift)| own.checked_shr(shift).unwrap_or(0)).collect();
            let (distinct, indexes) = of(&values, usize::MAX).expect("as many as there are");
            prop_assert!(distinct.is_sorted_by(|a, b| a < b));
            let found: Vec<u128> = indexes.iter().map(|at| distinct[*at as usize]).collect();
            prop_assert_eq!(&found, &values);
            let short: Vec<u64> = values.iter().map(|own| *own as u64).collect();
            let (distinct, indexes) = of(&short, short.len()).expect("no more than there are");
            prop_assert_eq!(indexes.iter().map(|at| distinct[*at as usize]).collect::<Vec<_>>(), short);
            let none = of(&values, distinct.len().saturating_sub(1));
            prop_assert!(none.is_none() || found.is_empty() || distinct.len() > none.unwrap().0.len());
        }
    }
}
