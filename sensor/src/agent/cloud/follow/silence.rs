//! Whether a source has fallen silent: clouds deliver in a rhythm, and what does not come tells nothing by itself. Pure.

use std::time::Duration;

/// So many usual intervals without an object are silence.
const INTERVALS: u64 = 6;
/// But never less than this: deliveries are late now and then.
const LEAST: u64 = 15 * 60 * 1000;
/// Intervals that must be known.
const KNOWN: u32 = 4;

/// When objects come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// What the configuration says; none for what is usual.
    after: Option<u64>,
    /// When the source began to be followed, or the last object came.
    last: u64,
    usual: u64,
    known: u32,
}

impl Silence {
    /// Of a source that is followed from `now` on; silence begins `after` so long, or by what is usual.
    pub fn new(after: Option<Duration>, now: u64) -> Self {
        let after = after.map(|after| after.as_millis() as u64);
        Self { after, last: now, usual: 0, known: 0 }
    }

    /// Objects have come at `now`.
    pub fn object(&mut self, now: u64) {
        let interval = now.saturating_sub(self.last);
        self.last = now;
        self.known = self.known.saturating_add(1);
        // What came first had been waiting; after that the longer ones count more than the shorter: a source is not silent
        // because it once had much to tell.
        match self.known {
            1 => {}
            2 => self.usual = interval,
            _ if interval > self.usual => self.usual += (interval - self.usual) / 2,
            _ => self.usual -= (self.usual - interval) / 8,
        }
    }

    /// The usual interval, milliseconds; 0 until it is known.
    pub fn usual(&self) -> u64 {
        if self.known > KNOWN { self.usual } else { 0 }
    }

    /// Whether nothing has come for too long.
    pub fn is_silent(&self, now: u64) -> bool {
        let quiet = now.saturating_sub(self.last);
        match self.after {
            Some(after) => quiet > after,
            None => self.known > KNOWN && quiet > LEAST.max(self.usual.saturating_mul(INTERVALS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn silence_is_many_usual_intervals_without_an_object() {
        let mut silence = Silence::new(None, 0);
        assert!(!silence.is_silent(1000 * MINUTE), "nothing is known yet");
        for at in 1..=10 {
            silence.object(at * 5 * MINUTE);
        }
        assert_eq!(silence.usual(), 5 * MINUTE);
        let last = 50 * MINUTE;
        assert!(!silence.is_silent(last + 30 * MINUTE));
        assert!(silence.is_silent(last + 30 * MINUTE + 1));
        silence.object(last + 40 * MINUTE);
        assert!(!silence.is_silent(last + 41 * MINUTE));
    }

    #[test]
    fn many_objects_at_once_do_not_make_the_next_pause_a_silence() {
        let mut silence = Silence::new(None, 0);
        (0..100).for_each(|at| silence.object(at));
        assert!(!silence.is_silent(99 + LEAST));
        assert!(silence.is_silent(100 + LEAST));
    }

    #[test]
    fn what_the_configuration_says_counts_from_the_start() {
        let mut silence = Silence::new(Some(Duration::from_mins(2)), MINUTE);
        assert!(!silence.is_silent(3 * MINUTE));
        assert!(silence.is_silent(3 * MINUTE + 1));
        silence.object(4 * MINUTE);
        assert!(!silence.is_silent(6 * MINUTE));
    }
}
