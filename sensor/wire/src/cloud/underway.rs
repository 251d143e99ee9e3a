//! When the flows under way were last told, of logs that tell a flow several times: as it begins, every few minutes, and as it
//! ends. What a record counts began when the one before it was written.
//!
//! The table has a fixed size. Where it has no room, the flow that has not been told for the longest is forgotten, and the next
//! record of it has no start.

use sensor_core::flow::{pages::prefer_large, prefetch::prefetch};

/// Flows that one place of the table may hold: a cache line of them.
const WAYS: usize = 4;
/// Places, a power of two. With [`WAYS`]: 524,288 flows in 8 MiB.
const SETS: usize = 1 << 17;

/// Flows under way.
#[derive(Debug, Default)]
pub struct Underway {
    /// Of each flow its [`Key`], and when it was last told with [`ENDED`]; 0 for no flow. Empty until the first flow comes.
    sets: Vec<[u64; 2 * WAYS]>,
}

/// What a flow is known by: a hash. Two flows out of half a million share one with a probability of 10^-8, and then no more than
/// their starts are mistaken. The hash has no secret, so that which flows are forgotten does not differ from run to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// Of the flow that is told apart from others by these numbers.
    #[inline(always)]
    pub fn of<const N: usize>(parts: [u64; N]) -> Self {
        const { assert!(N <= SEEDS.len(), "a seed for each") };
        const SEEDS: [u64; 6] = [
            0x9e37_79b9_7f4a_7c15,
            0xbf58_476d_1ce4_e5b9,
            0x94d0_49bb_1331_11eb,
            0xd6e8_feb8_6659_fd93,
            0xa076_1d64_78bd_642f,
            0xe703_7ed1_a0b4_28db,
        ];
        let fold = |one: u64, other: u64| {
            let product = u128::from(one) * u128::from(other);
            product as u64 ^ (product >> 64) as u64
        };
        let mut hash = 0;
        for (part, seed) in parts.into_iter().zip(SEEDS) {
            hash = fold(hash ^ part ^ seed, 0xa24b_aed4_963e_e407) ^ part.rotate_left(32);
        }
        Self(fold(hash, SEEDS[0]))
    }
}

/// Set in the time of a flow that has ended: what comes late of it begins none.
const ENDED: u64 = 1 << 63;

/// What a record says of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// It begins.
    Begin,
    /// It goes on.
    Continue,
    /// It ends.
    End,
}

/// What was known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// When the flow was told before.
    pub since: Option<u64>,
    /// Another flow, which has not ended, had to be forgotten.
    pub forgot: bool,
}

impl Underway {
    /// Notes that the flow was told at `time`. Records may come in another order than their times; what comes late changes
    /// nothing and has no start.
    #[inline(always)]
    pub fn tell(&mut self, key: Key, part: Part, time: u64) -> Known {
        if self.sets.is_empty() {
            self.begin();
        }
        let set = &mut self.sets[key.0 as usize % SETS];
        let told = time | if part == Part::End { ENDED } else { 0 };
        let known = (0..WAYS).find(|way| set[2 * way] == key.0 && set[2 * way + 1] != 0);
        let Some(way) = known else { return Self::enter(set, key, told) };
        let last = &mut set[2 * way + 1];
        let (before, had_ended) = (*last & !ENDED, *last & ENDED != 0);
        // One that ends and another that begins at the same time are taken for the same: most often the beginning came late.
        let is_late = if had_ended { time <= before } else { time < before };
        if is_late {
            return Known::default();
        }
        *last = told;
        let since = (!had_ended && part != Part::Begin).then_some(before);
        Known { since, forgot: false }
    }

    #[cold]
    fn begin(&mut self) {
        self.sets = vec![[0; 2 * WAYS]; SETS];
        // Hardly two look-ups in a row hit one page.
        prefer_large(&self.sets);
    }

    /// This flow is told soon.
    #[inline(always)]
    pub fn expect(&self, key: Key) {
        if let Some(set) = self.sets.get(key.0 as usize % SETS) {
            prefetch(set);
        }
    }

    /// Enters a flow where nothing is, else in place of one that has ended, else of any: of several, the oldest.
    fn enter(set: &mut [u64; 2 * WAYS], key: Key, told: u64) -> Known {
        let age = |way: &usize| match set[2 * way + 1] {
            0 => (0, 0),
            last if last & ENDED != 0 => (1, last),
            last => (2, last),
        };
        let way = (0..WAYS).min_by_key(age).unwrap_or_default();
        let forgot = matches!(set[2 * way + 1], 1..ENDED);
        (set[2 * way], set[2 * way + 1]) = (key.0, told);
        Known { since: None, forgot }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const T: u64 = 1_790_000_000_000;

    fn since(underway: &mut Underway, part: Part, time: u64) -> Option<u64> {
        let known = underway.tell(Key::of([1, 2, 3, 4, 5, 6]), part, T + time);
        assert!(!known.forgot);
        known.since.map(|time| time - T)
    }

    #[test]
    fn a_record_counts_from_the_one_before() {
        use Part::{Begin, Continue, End};
        let mut underway = Underway::default();
        for (part, time, expected) in [
            (Begin, 10, None),
            (Continue, 20, Some(10)),
            // Late: its beginning is not known, and the next one counts from the newest.
            (Continue, 15, None),
            (Begin, 10, None),
            (End, 30, Some(20)),
            // The connection has ended: whatever is as old belongs to it, and what is newer to another.
            (Begin, 10, None),
            (Begin, 30, None),
            (Continue, 25, None),
            (Continue, 40, None),
            (End, 50, Some(40)),
            (End, 60, None),
            (Begin, 70, None),
            (End, 70, Some(70)),
        ] {
            assert_eq!(since(&mut underway, part, time), expected, "{part:?} at {time}");
        }
    }

    #[test]
    fn an_end_before_its_beginning_leaves_nothing_behind() {
        let mut underway = Underway::default();
        assert_eq!(since(&mut underway, Part::End, 20), None);
        assert_eq!(since(&mut underway, Part::Begin, 10), None);
        assert_eq!(since(&mut underway, Part::Continue, 500), None);
    }

    #[test]
    fn where_there_is_no_room_the_oldest_is_forgotten_and_ended_ones_first() {
        let mut set = [0; 2 * WAYS];
        let entered = |set: &mut _, key, told| Underway::enter(set, Key(key), told).forgot;
        for (key, told) in [(1, 50), (2, 20), (3, 90 | ENDED), (4, 30)] {
            assert!(!entered(&mut set, key, told));
        }
        assert!(!entered(&mut set, 5, 60));
        assert_eq!(set[4..6], [5, 60]);
        assert!(entered(&mut set, 6, 10));
        assert_eq!(set[2..4], [6, 10]);
    }

    #[test]
    fn half_a_million_flows_are_known_by_half_a_million_keys() {
        let mut keys: Vec<u64> = (0..SETS as u64 * WAYS as u64)
            .map(|n| Key::of([7, n >> 24, n & 0xff, 3, n >> 8 & 0xffff, 6]).0)
            .collect();
        let sets: std::collections::HashSet<_> =
            keys.iter().map(|key| *key as usize % SETS).collect();
        // As many as of random numbers: all but e^-4 of them.
        assert!(sets.len() > SETS * 97 / 100, "{}", sets.len());
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), SETS * WAYS);
    }

    proptest! {
        #[test]
        fn starts_are_those_of_a_table_without_bounds(
            records in proptest::collection::vec((0..6_u64, 0..3_usize, 0..40_u64), 0..60)
        ) {
            let mut underway = Underway::default();
            let mut all: HashMap<u64, (u64, bool)> = HashMap::new();
            for (flow, part, time) in records {
                let part = [Part::Begin, Part::Continue, Part::End][part];
                let found = underway.tell(Key::of([flow, 0, 0, 0, 0, 0]), part, T + time).since;
                let before = all.get(&flow).copied();
                let late = before.is_some_and(|(last, ended)| time < last || ended && time == last);
                let open = before.filter(|(_, ended)| !late && !ended && part != Part::Begin);
                prop_assert_eq!(found, open.map(|(last, _)| T + last));
                if !late {
                    all.insert(flow, (time, part == Part::End));
                }
            }
        }
    }
}
