//! What is known of an object in a folder between two looks at it, and when it is to be handed over. Pure; time is an argument.

use std::{sync::Arc, time::Duration};

use crate::agent::cloud::follow::seam::Answer;

/// An object to which nobody has written for so long has settled.
pub const SETTLED: u64 = 60_000;
/// Attempts to read an object before it is given up.
const ATTEMPTS: u32 = 8;
/// The longest time between two of them.
const LONGEST: u64 = 600_000;

/// One object, until it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    version: Arc<str>,
    /// When this version was first seen.
    since: u64,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// It may still be written.
    Fresh,
    /// Somebody said that it is complete.
    Complete,
    /// It is being read.
    Handed,
    /// It was read but for its end, which waits until it has settled.
    Open,
    /// It could not be read so many times, and is tried again at some time.
    Failed { attempts: u32, again: u64 },
    /// It was given up.
    GivenUp,
}

/// What is to be done about an object now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Wait,
    /// It is handed over; whether it has settled.
    Hand(bool),
    /// Nothing any more.
    Never,
}

impl Known {
    /// An object that is seen for the first time, in this version.
    pub fn new(version: Arc<str>, now: u64) -> Self {
        Self { version, since: now, phase: Phase::Fresh }
    }

    /// It is seen in this version; `modified` is when it was last written to. True where it has changed.
    pub fn see(&mut self, version: &Arc<str>, now: u64) -> bool {
        if *version == self.version {
            return false;
        }
        // What is being read gets its answer first.
        if self.phase != Phase::Handed {
            *self = Self::new(version.clone(), now);
        }
        true
    }

    /// Somebody has closed it, or renamed something to it.
    pub fn complete(&mut self) {
        if self.phase == Phase::Fresh {
            self.phase = Phase::Complete;
        }
    }

    /// What is to be done at `now`, with an object of `size` octets that was last written to at `modified`. `poll` is the time
    /// between two looks.
    pub fn due(&self, now: u64, size: u64, modified: u64, poll: Duration) -> Due {
        let unchanged = now.saturating_sub(self.since);
        // A clock elsewhere may have set the time of the file.
        let settled = now.saturating_sub(modified) >= SETTLED || unchanged >= SETTLED;
        let due = match self.phase {
            Phase::Fresh => size > 0 && (settled || unchanged >= poll.as_millis() as u64),
            Phase::Complete => size > 0,
            Phase::Handed => false,
            Phase::Open => settled,
            Phase::Failed { again, .. } => now >= again,
            Phase::GivenUp => return Due::Never,
        };
        if due { Due::Hand(settled) } else { Due::Wait }
    }

    /// It is handed over.
    pub fn hand(&mut self) {
        self.phase = match self.phase {
            Phase::Failed { attempts, .. } => Phase::Failed { attempts, again: u64::MAX },
            _ => Phase::Handed,
        };
    }

    /// Takes the answer at `now`; the error where the object is given up. `poll` is the time between two looks.
    pub fn answered(&mut self, answer: Answer, now: u64, poll: Duration) -> Option<String> {
        let attempts = match self.phase {
            Phase::Failed { attempts, .. } => attempts + 1,
            _ => 1,
        };
        match answer {
            Answer::Done { whole: false, .. } => self.phase = Phase::Open,
            Answer::Failed(_, error) if attempts >= ATTEMPTS => {
                self.phase = Phase::GivenUp;
                return Some(error);
            }
            Answer::Failed(..) => {
                let wait = (poll.as_millis() as u64) << attempts.min(16);
                self.phase = Phase::Failed { attempts, again: now + wait.min(LONGEST) };
            }
            // Asked whether it is wanted, the state now says no.
            Answer::Done { whole: true, .. } | Answer::Known | Answer::Old => {
                self.phase = Phase::Fresh;
            }
        }
        None
    }

    /// Whether it is still to be read.
    pub fn waits(&self) -> bool {
        !matches!(self.phase, Phase::GivenUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::cloud::follow::seam::Trouble;

    const POLL: Duration = Duration::from_secs(10);

    #[test]
    fn an_object_is_read_once_it_does_not_change_between_two_looks() {
        let mut known = Known::new("1".into(), 100_000);
        let due = |known: &Known, now, size| known.due(now, size, 100_000, POLL);
        assert_eq!(due(&known, 100_000, 5), Due::Wait);
        assert_eq!(due(&known, 110_000, 5), Due::Hand(false));
        assert!(known.see(&"2".into(), 110_000), "it has grown");
        assert_eq!(due(&known, 119_999, 6), Due::Wait);
        assert_eq!(due(&known, 120_000, 6), Due::Hand(false));
        assert_eq!(due(&known, 120_000, 0), Due::Wait, "nothing is in it yet");
        assert_eq!(due(&known, 160_000, 6), Due::Hand(true));
        // Renamed into its place, or closed.
        let mut known = Known::new("1".into(), 100_000);
        known.complete();
        assert_eq!(due(&known, 100_000, 5), Due::Hand(false));
        // Nobody has written to it for long.
        assert_eq!(Known::new("1".into(), 100_000).due(100_000, 5, 40_000, POLL), Due::Hand(true));
        // Its time is of another clock.
        let known = Known::new("1".into(), 100_000);
        assert_eq!(known.due(160_000, 5, 999_999, POLL), Due::Hand(true));
    }

    #[test]
    fn the_end_of_a_text_waits_until_it_has_settled() {
        let mut known = Known::new("1".into(), 100_000);
        known.hand();
        let due = |known: &Known, now| known.due(now, 5, 100_000, POLL);
        assert_eq!(due(&known, 900_000), Due::Wait, "it is being read");
        known.answered(Answer::Done { up_to: 3, whole: false }, 111_000, POLL);
        assert_eq!(due(&known, 159_999), Due::Wait);
        assert_eq!(due(&known, 160_000), Due::Hand(true));
    }

    #[test]
    fn what_cannot_be_read_is_tried_again_less_and_less_often_and_then_given_up() {
        let mut known = Known::new("1".into(), 0);
        let (mut now, mut waits) = (0, Vec::new());
        let error = loop {
            let (before, mut steps) = (now, 0);
            while known.due(now, 5, 0, POLL) == Due::Wait {
                now += 1000;
                steps += 1;
                assert!(steps < 10_000);
            }
            waits.push((now - before) / 1000);
            known.hand();
            let failed = Answer::Failed(Trouble::Unreadable, "no".to_owned());
            if let Some(error) = known.answered(failed, now, POLL) {
                break error;
            }
        };
        assert_eq!((error.as_str(), &waits[..]), ("no", &[10, 20, 40, 80, 160, 320, 600, 600][..]));
        assert_eq!(known.due(u64::MAX, 5, 0, POLL), Due::Never);
        assert!(known.see(&"2".into(), now));
        assert_eq!(known.due(now + 10_000, 5, now, POLL), Due::Hand(false));
    }
}
