//! Coverage: what an interface counts against what the programs saw of it.
//!
//! The ledger proves that what came to a program is accounted for. It cannot know of packets that no program saw: because
//! another program in front took them, because they went around tc, because the program was taken off. The interface's own
//! counters can. This is the law, for every interface, direction and stretch of time:
//!
//! ```text
//! packets that the interface counts <= packets that the programs see
//! ```
//!
//! Not more than that: queues drop what egress programs have seen, and a super-packet counts as one packet or as its
//! segments, depending on who cuts it: the segments are taken for seen, which may hide as many others. The two are not
//! read at one moment, and a packet passes counter and program at different times. So a stretch of the counter, from one look to
//! another, is compared with a longer one of the programs: from the look before it (or [`Rule::lag`] before it, where
//! packets wait in queues or a NIC's counters come late) to the look after it. Of all such stretches the one that falls
//! short most is told: so many packets passed unseen at least. Pure arithmetic.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sensor_common::key::Direction;

/// How an interface counts in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How long after a program a packet may be counted.
    pub lag: Duration,
    /// The counter counts nothing that does not come to tc. Else some frames may be the NIC's own business.
    pub exact: bool,
}

/// How long packets may wait in queues, or counters in a NIC.
const LAG: Duration = Duration::from_secs(3);

/// Of inexact counters, what may be missing: so many packets, and one of so many beyond.
const ROUGHLY: (u64, u64) = (100, 100);

impl Rule {
    /// How interfaces of `kind` count (`IFLA_INFO_KIND`, "loopback" for lo, empty for NICs); `None` for those whose
    /// counters count other packets than their hooks see.
    pub fn of(kind: &str, direction: Direction) -> Option<Self> {
        match kind {
            "loopback" | "dummy" | "veth" => Some(Self { lag: Duration::ZERO, exact: true }),
            // What it sends is counted when a process reads it.
            "tun" => Some(Self { lag: LAG, exact: true }),
            // The sum of its members' counters: also what arrives on a member that is not active.
            "bond" if direction == Direction::Ingress => None,
            // It counts what its members receive, which never comes to its own tc ingress.
            "vrf" if direction == Direction::Ingress => None,
            // Handshakes and keep-alives are counted, and do not come to tc.
            "wireguard" | "ppp" => None,
            _ => Some(Self { lag: LAG, exact: false }),
        }
    }

    /// The rule of counters added up.
    pub fn and(self, other: Self) -> Self {
        Self { lag: self.lag.max(other.lag), exact: self.exact && other.exact }
    }

    /// How many of `counted` packets may be missing.
    fn tolerance(&self, counted: u64) -> u64 {
        if self.exact { 0 } else { ROUGHLY.0 + counted / ROUGHLY.1 }
    }
}

/// Both numbers at one moment: the counter is read first.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    counter: u64,
    seen: u64,
}

/// One direction of an interface over time.
#[derive(Clone, Debug)]
pub struct Track {
    rule: Rule,
    /// What had been seen before anything was attached.
    start: Option<u64>,
    /// The last, and as far back as the rule's lag.
    looks: VecDeque<Look>,
    /// Greatest difference of what had been seen before a look and the counter then.
    ceiling: Option<i128>,
    /// The counter at the first look.
    first: u64,
    unseen: u64,
}

impl Track {
    /// Before the first look. `start` is what the programs had seen when they were not attached yet, if that is known.
    pub fn new(rule: Rule, start: Option<u64>) -> Self {
        Self { rule, start, looks: VecDeque::new(), ceiling: None, first: 0, unseen: 0 }
    }

    /// Takes in a look; true when more packets are known to have passed unseen than before.
    pub fn look(&mut self, at: Instant, counter: u64, seen: u64) -> bool {
        if self.looks.back().is_some_and(|last| counter < last.counter || seen < last.seen) {
            // The interface was made anew, or its counters were reset.
            *self = Self { unseen: self.unseen, ..Self::new(self.rule, None) };
        }
        let before = self.unseen;
        match (self.looks.back(), self.ceiling) {
            (Some(last), Some(ceiling)) => {
                let short = i128::from(last.counter) + ceiling - i128::from(seen);
                let short = u64::try_from(short).unwrap_or(0);
                if short > self.rule.tolerance(last.counter - self.first) {
                    self.unseen = before.max(short);
                }
            }
            (None, _) => self.first = counter,
            _ => {}
        }
        if let Some(seen) = self.seen_before(at) {
            let base = i128::from(seen) - i128::from(counter);
            self.ceiling = Some(self.ceiling.map_or(base, |ceiling| ceiling.max(base)));
        }
        self.looks.push_back(Look { at, counter, seen });
        while self.looks.get(1).is_some_and(|second| at - second.at >= self.rule.lag) {
            self.looks.pop_front();
        }
        self.unseen > before
    }

    /// What had been seen when everything that is counted from now on had yet to come to the programs.
    fn seen_before(&self, at: Instant) -> Option<u64> {
        if self.rule.lag.is_zero() {
            return self.looks.back().map(|look| look.seen).or(self.start);
        }
        let early = |look: &&Look| at - look.at >= self.rule.lag;
        self.looks.iter().rev().find(early).map(|look| look.seen)
    }

    /// How many packets have passed unseen, at least.
    pub fn unseen(&self) -> u64 {
        self.unseen
    }

    /// What the interface has counted since the first look.
    pub fn counted(&self) -> u64 {
        self.looks.back().map_or(0, |last| last.counter - self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Rule = Rule { lag: Duration::ZERO, exact: true };
    const LATE: Rule = Rule { lag: Duration::from_secs(3), exact: true };
    const ROUGH: Rule = Rule { lag: Duration::ZERO, exact: false };

    /// A look each second at a counter and at what was seen; unseen packets after each.
    fn looks(mut track: Track, looks: &[(u64, u64)]) -> Vec<u64> {
        let start = Instant::now();
        let seconds = (0..).map(Duration::from_secs);
        seconds
            .zip(looks)
            .map(|(second, &(counter, seen))| {
                let before = track.unseen();
                assert_eq!(track.look(start + second, counter, seen), track.unseen() > before);
                track.unseen()
            })
            .collect()
    }

    #[test]
    fn what_is_counted_and_not_seen_is_told_at_the_look_after() {
        let track = Track::new(EXACT, Some(7));
        let unseen =
            looks(track, &[(100, 7), (120, 27), (140, 27), (140, 27), (150, 32), (150, 32)]);
        assert_eq!(unseen, [0, 0, 0, 20, 20, 25]);
    }

    #[test]
    fn packets_between_counter_and_program_are_no_shortfall() {
        // Ingress: counted, then seen at the next look. Egress: seen, then counted.
        let counted_first =
            [(0, 0), (50, 0), (50, 50), (90, 60), (130, 100), (130, 130), (130, 130)];
        assert_eq!(looks(Track::new(EXACT, Some(0)), &counted_first), [0; 7]);
        let seen_first = [(0, 40), (40, 90), (90, 90), (90, 130), (130, 130), (130, 130)];
        assert_eq!(looks(Track::new(EXACT, Some(0)), &seen_first), [0; 6]);
    }

    #[test]
    fn what_queues_drop_hides_nothing_that_comes_later() {
        let unseen = looks(
            Track::new(EXACT, Some(0)),
            &[(0, 0), (10, 2000), (20, 2010), (20, 2010), (45, 2010), (45, 2010)],
        );
        assert_eq!(unseen, [0, 0, 0, 0, 0, 25]);
    }

    #[test]
    fn a_queue_that_was_full_at_the_start_may_empty() {
        let emptied = [(0, 0), (300, 0), (500, 0), (500, 0), (500, 0), (500, 0), (500, 0)];
        assert_eq!(looks(Track::new(LATE, Some(0)), &emptied), [0; 7]);
        // After that, what is counted must have been seen within the lag.
        let unseen: Vec<_> = emptied.into_iter().chain([(540, 0), (540, 0)]).collect();
        assert_eq!(looks(Track::new(LATE, Some(0)), &unseen)[7..], [0, 40]);
        let late: Vec<_> =
            emptied.into_iter().chain([(500, 40), (500, 40), (540, 40), (540, 40)]).collect();
        assert_eq!(looks(Track::new(LATE, Some(0)), &late), [0; 11]);
    }

    #[test]
    fn counters_that_start_again_are_compared_from_there() {
        let anew = [(1000, 5), (1010, 15), (3, 15), (10, 22), (30, 22), (30, 22)];
        // What was seen before the first look that can be one end, 7 packets, may be part of the counter.
        assert_eq!(looks(Track::new(EXACT, Some(5)), &anew), [0, 0, 0, 0, 0, 13]);
    }

    #[test]
    fn inexact_counters_may_be_one_in_a_hundred_ahead() {
        let unseen = looks(
            Track::new(ROUGH, Some(0)),
            &[(0, 0), (10_000, 9_800), (10_000, 9_800), (20_000, 9_800), (20_000, 9_800)],
        );
        assert_eq!(unseen, [0, 0, 0, 0, 10_200]);
    }

    #[test]
    fn a_steady_part_that_is_unseen_shows_in_the_end() {
        let steady: Vec<_> = (0..60).map(|second| (second * 1000, second * 900)).collect();
        let unseen = looks(Track::new(LATE, Some(0)), &steady);
        assert!(*unseen.last().unwrap() > 1000, "{unseen:?}");
    }

    #[test]
    fn what_is_added_up_is_as_late_and_as_rough_as_its_worst_part() {
        assert_eq!(EXACT.and(LATE).and(ROUGH), Rule { lag: LATE.lag, exact: false });
        assert_eq!(EXACT.and(EXACT), EXACT);
        assert_eq!(Rule::of("veth", Direction::Egress), Some(EXACT));
        assert_eq!(Rule::of("bond", Direction::Ingress), None);
        assert_eq!(Rule::of("vrf", Direction::Ingress), None);
        assert!(Rule::of("", Direction::Ingress).is_some_and(|rule| !rule.exact));
    }
}
