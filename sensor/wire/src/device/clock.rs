//! How far the clock of a device is from ours, by the export times in its messages.
//!
//! A router that sends local time as UTC is hours off; whoever compares its records with those of others has to know. A
//! message cannot arrive before it was sent, but it can wait on its way: so the least delayed messages tell the difference,
//! and what looks like a clock set back by little may be a message that waited.

/// Clocks that differ by more than this, in milliseconds, are reported, and corrected for where records are compared.
pub const SKEW_LIMIT: u64 = 60_000;

/// Milliseconds by which a clock must be further ahead to count as such: export times have whole seconds.
const RESOLUTION: i64 = 1000;
/// No message waits for so many milliseconds: the clock was set back.
const LONGEST_WAIT: i64 = 600_000;
/// Two messages that waited differ in how long; milliseconds that they may differ where the clock was set back.
const AGREEMENT: u64 = 5000;
/// Milliseconds that must lie between two such messages.
const APART: u64 = 1000;

/// The clock of one stream of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Its time minus ours, milliseconds; none before the first message.
    skew: Option<i64>,
    /// A difference that may be new, and when it was first seen, milliseconds since the epoch.
    candidate: Option<(i64, u64)>,
}

/// Two times, in milliseconds: the first minus the second.
pub fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(if a > b { i64::MAX } else { i64::MIN })
}

/// A difference of clocks as far as it matters: 0 where it is no more than [`SKEW_LIMIT`].
pub fn notable(skew: i64) -> i64 {
    if skew.unsigned_abs() > SKEW_LIMIT { skew } else { 0 }
}

impl Clock {
    /// Notes that a message says that it is `export` when it is `now` here, both in milliseconds since the epoch.
    pub fn observe(&mut self, export: u64, now: u64) {
        let seen = difference(export, now);
        let Some(known) = self.skew else {
            self.skew = Some(seen);
            return;
        };
        let change = seen.saturating_sub(known);
        let was_set_back = match self.candidate {
            Some((candidate, since)) => {
                seen.abs_diff(candidate) <= AGREEMENT && now >= since.saturating_add(APART)
            }
            None => false,
        };
        if !(-LONGEST_WAIT..=RESOLUTION).contains(&change) {
            (self.skew, self.candidate) = (Some(seen), None);
        } else if change.unsigned_abs() <= SKEW_LIMIT {
            self.candidate = None;
        } else if was_set_back {
            (self.skew, self.candidate) = (Some(seen), None);
        } else if self.candidate.is_none_or(|(known, _)| seen.abs_diff(known) > AGREEMENT) {
            self.candidate = Some((seen, now));
        }
    }

    /// Its time minus ours, milliseconds, 0 where it is no more than [`SKEW_LIMIT`]; none before the first message.
    pub fn skew(&self) -> Option<i64> {
        self.skew.map(notable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;
    const HOUR: i64 = 3_600_000;

    /// What is believed after messages that were seen at so many milliseconds, with export times so far from ours.
    fn skews(messages: &[(u64, i64)]) -> Vec<i64> {
        let mut clock = Clock::default();
        assert_eq!(clock.skew(), None);
        let mut each = |(after, skew): &(u64, i64)| {
            let now = NOW + after;
            clock.observe(now.saturating_add_signed(*skew), now);
            clock.skew().unwrap()
        };
        messages.iter().map(&mut each).collect()
    }

    #[test]
    fn the_least_delayed_message_tells() {
        // Half a second of jitter changes nothing, in either direction.
        assert_eq!(
            skews(&[(0, -6 * HOUR), (1, -6 * HOUR + 500), (2, -6 * HOUR - 20_000)]),
            [-6 * HOUR; 3]
        );
        assert_eq!(skews(&[(0, -90_000), (1, -80_000), (2, -90_000)]), [-90_000, -80_000, -80_000]);
        assert_eq!(skews(&[(0, HOUR), (1000, HOUR)]), [HOUR; 2]);
        assert_eq!(skews(&[(0, -60_000), (1, 60_000)]), [0; 2]);
    }

    #[test]
    fn a_clock_that_is_set_counts_at_once_where_nothing_else_can_be() {
        assert_eq!(skews(&[(0, 0), (1, HOUR), (2, 0)]), [0, HOUR, 0]);
        assert_eq!(skews(&[(0, -HOUR), (1, 0), (2, -HOUR)]), [-HOUR, 0, -HOUR]);
    }

    #[test]
    fn messages_that_waited_are_no_clock_set_back() {
        // After five minutes without a connection all that waited comes within a second.
        let waited: Vec<_> = (0..30).map(|n| (n * 40, -300_000 + 10_000 * n as i64)).collect();
        let late: Vec<_> = [(0, 0)].into_iter().chain(waited).collect();
        assert_eq!(skews(&late), [0; 31]);
        // A clock that was set back by two minutes stays so.
        assert_eq!(
            skews(&[(0, 0), (1, -120_000), (500, -120_000), (1500, -121_000)]),
            [0, 0, 0, -121_000]
        );
    }

    #[test]
    fn times_at_the_ends_of_time() {
        let mut clock = Clock::default();
        for (export, now) in [(u64::MAX, 0), (0, u64::MAX), (u64::MAX, u64::MAX), (0, 0)] {
            clock.observe(export, now);
        }
        assert_eq!(clock.skew(), Some(0));
    }
}
