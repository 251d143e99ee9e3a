//! Who goes when there is no room left.
//!
//! Devices stand in a circle, in the order in which they came, and a hand goes around (the CLOCK of page replacement), a
//! few of them for each datagram that needs room. There are three circles, asked one after the other: those of whom no data
//! were decoded yet, those that were decoded for less than a `LASTING` time, and the others. Who has been silent for as long as it was heard goes; for one that was heard once
//! that is at once. Standing decides before all that: nobody goes for the sake of who stands below, room is made among those
//! who stand below even where they live, and who is configured by its own address stands in no circle.

use std::{collections::VecDeque, net::IpAddr};

use serde::Serialize;

use super::who::Who;

/// What the configuration makes of a device, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing.
    #[default]
    Unknown,
    /// Its network is configured.
    Network,
    /// It is, by its address: its room is reserved.
    Named,
}

/// Milliseconds of being decoded after which a device is no passer-by.
const LASTING: u64 = 60_000;
/// Least silence of one that is none, milliseconds.
const PATIENCE: u64 = 600_000;
/// Devices that are looked at, at most, for one datagram and circle.
const TRIES: usize = 16;
/// Milliseconds for which nobody is looked at when nobody was found in a whole round.
const REST: u64 = 1000;

/// How a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Presence {
    /// Whether any data were decoded.
    pub decoded: bool,
    /// Milliseconds between the first data that were decoded and the last.
    pub heard: u64,
    /// Milliseconds since the last.
    pub silent: u64,
    /// Somebody is at work with it: it stays.
    pub kept: bool,
    /// Milliseconds after which anybody may go.
    pub stale: u64,
}

impl Presence {
    /// The circle where it stands.
    fn circle(self) -> usize {
        usize::from(self.decoded) + usize::from(self.decoded && self.heard >= LASTING)
    }

    fn has_gone(self) -> bool {
        if !self.decoded {
            return true;
        }
        let patience = if self.heard < LASTING {
            self.heard
        } else {
            self.heard.clamp(PATIENCE.min(self.stale), self.stale)
        };
        self.silent >= patience
    }
}

/// The circles of one standing.
#[derive(Debug, Default)]
struct Clock {
    circles: [VecDeque<Who>; 3],
    /// Devices that were looked at since somebody was found.
    in_vain: usize,
    rest_until: u64,
}

/// All circles.
#[derive(Debug, Default)]
pub(super) struct Clocks([Clock; 2]);

impl Clocks {
    /// Takes in a new device.
    pub fn enter(&mut self, standing: Standing, key: Who) {
        if let Some(clock) = self.0.get_mut(standing as usize) {
            clock.circles[0].push_back(key);
        }
    }

    /// Forgets some of those who are not there any more, where they are more than the `known`.
    pub fn sweep(&mut self, known: usize, is_known: impl Fn(&Who) -> bool) {
        let circles = self.0.iter_mut().flat_map(|clock| &mut clock.circles);
        for circle in circles.filter(|circle| circle.len() > 2 * known + 64) {
            for key in (0..4).filter_map(|_| circle.pop_front()).collect::<Vec<_>>() {
                if is_known(&key) {
                    circle.push_back(key);
                }
            }
        }
    }

    /// Who goes for the sake of somebody of `standing`; none when nobody was found. `look` knows who is still there.
    pub fn victim(
        &mut self,
        standing: Standing,
        now: u64,
        look: impl Fn(&Who) -> Option<Presence>,
    ) -> Option<Who> {
        let below = self.0.len().min(standing as usize);
        let equal = self.0.len().min(standing as usize + 1);
        let gone = self.0[..equal].iter_mut().find_map(|clock| clock.turn(now, false, &look));
        gone.or_else(|| self.0[..below].iter_mut().find_map(|clock| clock.turn(now, true, &look)))
    }
}

impl Clock {
    /// Turns the hand until somebody is found who has gone, or, with `any`, whom nobody keeps.
    fn turn(
        &mut self,
        now: u64,
        any: bool,
        look: &impl Fn(&Who) -> Option<Presence>,
    ) -> Option<Who> {
        if now < self.rest_until && !any {
            return None;
        }
        for circle in 0..self.circles.len() {
            for _ in 0..TRIES {
                let Some(key) = self.circles[circle].pop_front() else { break };
                let Some(presence) = look(&key) else { continue };
                let stands_here = presence.circle() == circle;
                if stands_here && !presence.kept && (any || presence.has_gone()) {
                    self.in_vain = 0;
                    return Some(key);
                }
                self.circles[presence.circle()].push_back(key);
                self.in_vain += 1;
            }
        }
        if self.in_vain > 2 * self.circles.iter().map(VecDeque::len).sum::<usize>() {
            (self.in_vain, self.rest_until) = (0, now + REST);
        }
        None
    }
}

/// Devices to whom something happened: how often, and to whom of late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recent {
    /// How often.
    pub count: u64,
    /// The last ones, each once, the latest last.
    pub latest: VecDeque<IpAddr>,
}

/// Devices that are remembered by name.
const REMEMBERED: usize = 5;

impl Recent {
    pub(super) fn note(&mut self, address: IpAddr) {
        self.count += 1;
        self.remember(address);
    }

    fn remember(&mut self, address: IpAddr) {
        if self.latest.contains(&address) {
            return;
        }
        if self.latest.len() >= REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back(address);
    }

    /// Adds what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        other.latest.iter().for_each(|address| self.remember(*address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE: u64 = 3_600_000;

    fn gone(heard: u64, silent: u64) -> bool {
        Presence { decoded: true, heard, silent, kept: false, stale: STALE }.has_gone()
    }

    #[test]
    fn who_was_heard_for_longer_is_waited_for_longer() {
        assert!(gone(0, 0), "once");
        assert!(!gone(30_000, 29_999) && gone(30_000, 30_000));
        assert!(!gone(LASTING, PATIENCE - 1) && gone(LASTING, PATIENCE));
        assert!(!gone(2_000_000, 1_999_999) && gone(2_000_000, 2_000_000));
        assert!(!gone(u64::MAX, STALE - 1) && gone(u64::MAX, STALE));
    }

    #[test]
    fn the_latest_are_remembered_once() {
        let mut recent = Recent::default();
        for n in [1, 1, 2, 3, 4, 5, 6, 6_u8] {
            recent.note([192, 0, 2, n].into());
        }
        assert_eq!(recent.count, 8);
        let expected: Vec<IpAddr> = (2..7_u8).map(|n| [192, 0, 2, n].into()).collect();
        assert_eq!(recent.latest, expected);
    }
}
