//! Totals of flows that are reported again while they live.
//!
//! `octetTotalCount` and `packetTotalCount` count since a flow began: each report repeats what the ones before have counted.
//! So what was reported last is kept for every flow of a device that counts in totals, and the difference is what counts.
//! The memory has a bound; a flow that is forgotten counts once more in all, and is counted itself.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};

/// Flows of a generation. When so many have been reported, those that were not since the generation before are forgotten.
const GENERATION: usize = 1 << 14;

/// What a report says of a flow. Times are numbers as the device tells them, those of all reports by one clock; 0 is untold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Octets since it began; 0 where the device does not count them in totals.
    pub octets: u64,
    /// Packets, likewise.
    pub packets: u64,
    /// When it began.
    pub start: u64,
    /// When its last packet so far was.
    pub end: u64,
}

/// The latest totals of the flows of one device.
///
/// A flow is known by a hash of its key under a seed of its own. Where reports of one key tell several starts, as when ports
/// are used again, the flow that began last has this place, and the others have places by key and start: reports of one that
/// come late, or of several that live at once, each meet their own totals.
#[derive(Debug, Default)]
pub struct Totals {
    young: HashMap<u64, Reported>,
    old: HashMap<u64, Reported>,
    seed: DefaultHashBuilder,
}

impl Totals {
    /// Octets and packets of flow `key` since it was last reported: all of them for a flow that is not known, that began at
    /// another time, or whose totals have decreased, which is a new one. Where a report tells no start, that of the flow
    /// that began last is meant. `ended` is whether no report follows. Adds to `forgotten` the flows that make room.
    pub fn since(
        &mut self,
        key: &impl std::hash::Hash,
        now: Reported,
        ended: bool,
        forgotten: &mut u64,
    ) -> (u64, u64) {
        let place = self.seed.hash_one(key);
        let latest = self.take(place);
        let is_other =
            |latest: &Reported| latest.start != now.start && latest.start != 0 && now.start != 0;
        let Some(other) = latest.filter(is_other) else {
            let (counted, left) =
                latest.map_or(((now.octets, now.packets), now), |last| last.until(now));
            if !ended {
                self.put(place, left, forgotten);
            }
            return counted;
        };
        let place_of = |start: u64| self.seed.hash_one((place, start));
        let (place_of_now, place_of_other) = (place_of(now.start), place_of(other.start));
        let known = self.take(place_of_now);
        let (counted, left) =
            known.map_or(((now.octets, now.packets), now), |last| last.until(now));
        let (of_now, of_other) = match now.start > other.start {
            true => (place, place_of_other),
            false => (place_of_now, place),
        };
        self.put(of_other, other, forgotten);
        if !ended {
            self.put(of_now, left, forgotten);
        }
        counted
    }

    fn take(&mut self, place: u64) -> Option<Reported> {
        self.young.remove(&place).or_else(|| self.old.remove(&place))
    }

    fn put(&mut self, place: u64, flow: Reported, forgotten: &mut u64) {
        if self.young.len() >= GENERATION {
            *forgotten += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(place, flow);
    }

    /// Octets of memory that it takes, about.
    pub fn cost(&self) -> usize {
        (self.young.capacity() + self.old.capacity()) * (size_of::<(u64, Reported)>() + 2)
    }
}

impl Reported {
    /// What `now`, another report of the same flow, counts beyond this one; and what is known of the flow then.
    fn until(self, now: Self) -> ((u64, u64), Self) {
        let start = if now.start == 0 { self.start } else { now.start };
        let new = now.octets.checked_sub(self.octets).zip(now.packets.checked_sub(self.packets));
        match new {
            Some(new) => (new, Self { start, ..now }),
            // It tells of a time that the last report has told of already: it was overtaken on its way.
            None if now.end != 0 && now.end < self.end => ((0, 0), self),
            None => ((now.octets, now.packets), Self { start, ..now }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(octets: u64, start: u64) -> Reported {
        Reported { octets, packets: octets / 10, start, end: 0 }
    }

    /// What counts of reports of one flow: (octets, start, end, ended).
    fn counted(reports: &[(u64, u64, u64, bool)]) -> Vec<u64> {
        let (mut totals, mut forgotten) = (Totals::default(), 0);
        let each = |(octets, start, end, ended): &(u64, u64, u64, bool)| {
            let now = Reported { end: *end, ..report(*octets, *start) };
            let (octets, packets) = totals.since(&1, now, *ended, &mut forgotten);
            assert_eq!(packets, octets / 10);
            octets
        };
        reports.iter().map(each).collect()
    }

    #[test]
    fn what_counts_is_the_difference() {
        let (mut totals, mut forgotten) = (Totals::default(), 0);
        let mut since = |key: u32, now, ended| totals.since(&key, now, ended, &mut forgotten);
        assert_eq!(since(1, report(100, 5), false), (100, 10));
        assert_eq!(since(1, report(250, 5), false), (150, 15));
        assert_eq!(since(2, report(70, 5), false), (70, 7), "another flow");
        assert_eq!(since(1, report(250, 5), false), (0, 0), "nothing new");
        assert_eq!(since(1, report(240, 5), false), (240, 24), "less: a new flow");
        assert_eq!(since(1, report(300, 6), false), (300, 30), "it began later: a new flow");
        assert_eq!(since(1, report(310, 6), true), (10, 1));
        assert_eq!(since(1, report(320, 6), false), (320, 32), "it had ended");
    }

    #[test]
    fn a_key_that_is_used_again_with_another_start_counts_from_the_beginning() {
        let again = [(500, 5, 9, false), (600, 12, 15, false), (900, 12, 20, true)];
        assert_eq!(counted(&again), [500, 600, 300]);
        // The last report of the flow before comes late; the next ones go on as if it had not.
        let late = [
            (500, 5, 9, false),
            (600, 12, 15, false),
            (540, 5, 10, true),
            (700, 12, 18, false),
            (540, 5, 10, false),
        ];
        assert_eq!(counted(&late), [500, 600, 40, 100, 540], "what has ended is not known");
        // Two that live at once, and one that began before what is known; after a reboot uptimes are lower.
        let both = [(10, 5, 0, false), (100, 6, 0, false), (30, 5, 0, false), (150, 6, 0, false)];
        assert_eq!(counted(&both), [10, 100, 20, 50]);
        let lower = [(1000, 90, 0, false), (10, 3, 0, false), (50, 3, 0, false), (80, 3, 0, true)];
        assert_eq!(counted(&lower), [1000, 10, 40, 30]);
    }

    #[test]
    fn reports_without_a_start_go_on_in_what_is_known() {
        let none = [(100, 0, 0, false), (250, 0, 0, false), (40, 0, 0, false), (50, 0, 0, true)];
        assert_eq!(counted(&none), [100, 150, 40, 10]);
        let in_the_first = [(100, 5, 0, false), (150, 0, 0, false), (170, 5, 0, false)];
        assert_eq!(counted(&in_the_first), [100, 50, 20]);
        let later = [(100, 0, 0, false), (150, 5, 0, false), (20, 7, 0, false), (25, 0, 0, false)];
        assert_eq!(counted(&later), [100, 50, 20, 5]);
    }

    #[test]
    fn a_report_that_was_overtaken_counts_nothing_once_more() {
        let overtaken = [(100, 5, 10, false), (300, 5, 30, false), (200, 5, 20, false)];
        assert_eq!(counted(&overtaken), [100, 200, 0]);
        let goes_on = [&overtaken[..], &[(350, 5, 40, false)]].concat();
        assert_eq!(counted(&goes_on), [100, 200, 0, 50]);
        let anew = [(100, 5, 10, false), (300, 5, 30, false), (200, 5, 40, false)];
        assert_eq!(counted(&anew), [100, 200, 200], "the device counts anew");
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_counted() {
        let (mut totals, mut forgotten) = (Totals::default(), 0);
        for key in 0..3 * GENERATION as u64 {
            totals.since(&key, report(100, 0), false, &mut forgotten);
            // One goes on.
            totals.since(&u64::MAX, report(key, 0), false, &mut forgotten);
        }
        assert!(forgotten > 0);
        assert!(totals.cost() < 3 << 20, "{}", totals.cost());
        assert_eq!(
            totals.since(&0_u64, report(150, 0), false, &mut forgotten),
            (150, 15),
            "forgotten"
        );
        let last = 3 * GENERATION as u64 - 1;
        assert_eq!(totals.since(&u64::MAX, report(last + 10, 0), false, &mut forgotten).0, 10);
    }
    #[test]
    fn memory_is_bounded_whatever_starts_are_told() {
        let (mut totals, mut forgotten) = (Totals::default(), 0);
        for start in 1..=3 * GENERATION as u64 {
            assert_eq!(totals.since(&1, report(10, start), false, &mut forgotten), (10, 1));
        }
        assert!(forgotten > 0);
        assert!(totals.cost() < 3 << 20, "{}", totals.cost());
    }
}
