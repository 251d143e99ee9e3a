//! Records that are missing between others. No I/O.
//!
//! Numbers of records have no holes of their own, and retention deletes from the front: whatever lacks between two files was deleted by somebody
//! else, put aside as damaged, or lost with a disk. Files that retention takes from the middle, because a clock was set back, are noted
//! ([`crate::folder::Folder::note_expired`]) and lack nobody.

use std::fmt;

use crate::names::{SegmentName, moment};

/// Why records are missing, and what to do about it.
pub const REMEDY: &str = "the file that had them was deleted or put aside as damaged: put it back, or go on without them";

/// Records that no file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The number of the first of them.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// When the record before them was received, milliseconds since the epoch.
    pub from: u64,
    /// When the one behind them was; none where there is no record behind them.
    pub to: Option<u64>,
}

impl Gap {
    /// How many they are.
    pub fn records(&self) -> u64 {
        self.last - self.first + 1
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, from, to } = self;
        match self.records() {
            1 => write!(f, "1 record is missing (number {first}), received ")?,
            records => write!(f, "{records} records are missing ({first} to {last}), received ")?,
        }
        match to {
            Some(to) => write!(f, "between {} and {} UTC", moment(*from), moment(*to)),
            None => write!(f, "after {} UTC", moment(*from)),
        }
    }
}

/// What is missing between these files and journals, each named as the file that it is or becomes, and behind them before the number `next`.
/// Records that expired, by the numbers of their first and last, are not missing.
pub fn gaps(held: &[SegmentName], expired: &[(u64, u64)], next: u64) -> Vec<Gap> {
    let mut held = held.to_vec();
    held.sort_unstable();
    let Some(front) = held.first() else { return Vec::new() };
    let mut found = Vec::new();
    let (mut at, mut from) = (front.first, front.from);
    let behind = (next, None);
    for (first, own) in held.iter().map(|own| (own.first, Some(own))).chain([behind]) {
        if first > at {
            // Clocks may be set back.
            let (from, to) = match own {
                Some(own) => (from.min(own.from), Some(from.max(own.from))),
                None => (from, None),
            };
            without(expired, (at, first - 1), |(first, last)| {
                found.push(Gap { first, last, from, to });
            });
        }
        if let Some(own) = own.filter(|own| own.last >= at) {
            (at, from) = (own.last + 1, own.to);
        }
    }
    found
}

/// Gives the parts of a range of numbers that lie in none of some others.
fn without(others: &[(u64, u64)], (first, last): (u64, u64), mut part: impl FnMut((u64, u64))) {
    let mut others = others.to_vec();
    others.sort_unstable();
    let mut at = first;
    for (own, end) in others {
        if own > last {
            break;
        }
        if own > at {
            part((at, own - 1));
        }
        at = at.max(end.saturating_add(1));
    }
    if at <= last {
        part((at, last));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(first: u64, last: u64) -> SegmentName {
        SegmentName { first, last, from: first * 10, to: last * 10 }
    }

    #[test]
    fn what_is_deleted_from_the_middle_is_missing_and_from_the_front_is_not() {
        let all = [held(1, 10), held(11, 20), held(21, 30), held(31, 40)];
        assert_eq!(gaps(&all, &[], 41), []);
        assert_eq!(gaps(&all[2..], &[], 41), []);
        assert_eq!(gaps(&[], &[], 41), []);
        let gap = Gap { first: 11, last: 30, from: 100, to: Some(310) };
        assert_eq!(gaps(&[all[3], all[0]], &[], 41), [gap]);
        let end = Gap { first: 31, last: 40, from: 300, to: None };
        assert_eq!(gaps(&all[..3], &[], 41), [end]);
        assert_eq!((gap.records(), end.records()), (20, 10));
        // What is in two files, or in a larger one, is missing in neither.
        assert_eq!(gaps(&[held(1, 40), all[1], all[3]], &[], 0), []);
        // A clock that was set back.
        let back = SegmentName { from: 5, to: 6, ..all[2] };
        assert_eq!(
            gaps(&[all[0], back], &[], 0)[0],
            Gap { first: 11, last: 20, from: 5, to: Some(100) }
        );
    }

    #[test]
    fn what_expired_in_the_middle_is_not_missing() {
        let ends = [held(1, 10), held(51, 60)];
        let of = |expired: &[(u64, u64)]| {
            let all = gaps(&ends, expired, 61);
            all.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [(11, 50)]);
        assert_eq!(of(&[(11, 50)]), []);
        assert_eq!(of(&[(31, 40), (1, 15)]), [(16, 30), (41, 50)]);
        assert_eq!(of(&[(41, u64::MAX), (45, 47)]), [(11, 40)]);
    }

    #[test]
    fn people_are_told_how_many_and_when() {
        let gap = Gap { first: 11, last: 30, from: 1_796_080_000_000, to: Some(1_796_083_600_500) };
        assert_eq!(
            gap.to_string(),
            "20 records are missing (11 to 30), received between 2026-11-30 23:06:40.000 and 2026-12-01 00:06:40.500 UTC"
        );
        assert_eq!(
            Gap { last: 11, to: None, ..gap }.to_string(),
            "1 record is missing (number 11), received after 2026-11-30 23:06:40.000 UTC"
        );
    }

    proptest! {
        /// Number by number: what lies between the first and the last, is in no file and has not expired.
        #[test]
        fn each_number_is_held_expired_or_missing(
            held_ranges in proptest::collection::vec((1..60_u64, 0..12_u64), 1..8),
            expired in proptest::collection::vec((1..70_u64, 0..12_u64), 0..4),
            next in 0..90_u64,
        ) {
            let files: Vec<_> = held_ranges.iter().map(|(first, more)| held(*first, first + more)).collect();
            let expired: Vec<_> = expired.iter().map(|(first, more)| (*first, first + more)).collect();
            let found = gaps(&files, &expired, next);
            let front = files.iter().map(|own| own.first).min().expect("one");
            let end = files.iter().map(|own| own.last + 1).max().expect("one").max(next);
            let within = |number: u64, first: u64, last: u64| first <= number && number <= last;
            for number in 0..100 {
                let is_held = files.iter().any(|own| within(number, own.first, own.last));
                let has_expired = expired.iter().any(|(first, last)| within(number, *first, *last));
                let is_lacking = (front..end).contains(&number) && !is_held && !has_expired;
                let told = found.iter().filter(|gap| within(number, gap.first, gap.last)).count();
                prop_assert_eq!(told, usize::from(is_lacking), "{}", number);
            }
        }
    }
}
