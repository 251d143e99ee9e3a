//! Totals of flows that are reported again while they live.
//!
//! `octetTotalCount` and `packetTotalCount` count since a flow began: each report repeats what the ones before have counted.
//! So what was reported last is kept for every flow of an exporter that counts in totals, and the difference is what counts.
//! The memory has a bound; a flow that is forgotten counts once more in all, and is counted itself.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};

/// Flows of a generation. When so many have been reported, those that were not since the generation before are forgotten.
const GENERATION: usize = 1 << 14;

/// What a report says of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Octets since it began; 0 where the exporter does not count them in totals.
    pub octets: u64,
    /// Packets, likewise.
    pub packets: u64,
    /// When it began, as the exporter tells it: a number that is the same in all reports of one flow.
    pub start: u64,
    /// It has ended.
    pub ended: bool,
}

/// The latest totals of the flows of one exporter. A flow is known by a hash of its key under a seed of its own.
#[derive(Debug, Default)]
pub struct Totals {
    young: HashMap<u64, Reported>,
    old: HashMap<u64, Reported>,
    seed: DefaultHashBuilder,
}

impl Totals {
    /// Octets and packets of flow `key` since it was last reported: all of them for a flow that is not known, that began at
    /// another time, or whose totals have decreased, which is a new one. Adds to `forgotten` the flows that make room.
    pub fn since(
        &mut self,
        key: &impl std::hash::Hash,
        now: Reported,
        forgotten: &mut u64,
    ) -> (u64, u64) {
        let key = self.seed.hash_one(key);
        let before = self.young.remove(&key).or_else(|| self.old.remove(&key));
        if !now.ended {
            if self.young.len() >= GENERATION {
                *forgotten += self.old.len() as u64;
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, now);
        }
        before
            .filter(|before| before.start == now.start)
            .and_then(|before| {
                let octets = now.octets.checked_sub(before.octets)?;
                Some((octets, now.packets.checked_sub(before.packets)?))
            })
            .unwrap_or((now.octets, now.packets))
    }

    /// Octets of memory that it takes, about.
    pub fn cost(&self) -> usize {
        (self.young.capacity() + self.old.capacity()) * (size_of::<(u64, Reported)>() + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(octets: u64, start: u64) -> Reported {
        Reported { octets, packets: octets / 10, start, ended: false }
    }

    #[test]
    fn what_counts_is_the_difference() {
        let (mut totals, mut forgotten) = (Totals::default(), 0);
        let mut since = |key: u32, now| totals.since(&key, now, &mut forgotten);
        assert_eq!(since(1, report(100, 5)), (100, 10));
        assert_eq!(since(1, report(250, 5)), (150, 15));
        assert_eq!(since(2, report(70, 5)), (70, 7), "another flow");
        assert_eq!(since(1, report(250, 5)), (0, 0), "nothing new");
        assert_eq!(since(1, report(240, 5)), (240, 24), "less: a new flow");
        assert_eq!(since(1, report(300, 6)), (300, 30), "it began later: a new flow");
        assert_eq!(since(1, Reported { ended: true, ..report(310, 6) }), (10, 1));
        assert_eq!(since(1, report(320, 6)), (320, 32), "it had ended");
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_counted() {
        let (mut totals, mut forgotten) = (Totals::default(), 0);
        for key in 0..3 * GENERATION as u64 {
            totals.since(&key, report(100, 0), &mut forgotten);
            // One goes on.
            totals.since(&u64::MAX, report(key, 0), &mut forgotten);
        }
        assert!(forgotten > 0);
        assert!(totals.cost() < 3 << 20, "{}", totals.cost());
        assert_eq!(totals.since(&0_u64, report(150, 0), &mut forgotten), (150, 15), "forgotten");
        let last = 3 * GENERATION as u64 - 1;
        assert_eq!(totals.since(&u64::MAX, report(last + 10, 0), &mut forgotten).0, 10);
    }
}
