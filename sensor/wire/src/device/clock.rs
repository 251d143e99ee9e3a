//! How far the clock of a device is from ours, by the export times in its messages.
//!
//! A router that sends local time as UTC is hours off; whoever compares its records with those of others has to know. A
//! message cannot arrive before it was sent, but it can wait on its way: so the least delayed messages tell the difference,
//! and what looks like a clock set back by little may be a message that waited. Only where no message comes as early as
//! before any more is the clock behind: it was set back, or runs slow.

/// Clocks that differ by more than this, in milliseconds, are reported.
pub const SKEW_LIMIT: u64 = 60_000;

/// Clocks that differ by more than this, in milliseconds, are corrected for where records are compared. Whole seconds and
/// ordinary delays are less, so that the times of a right clock stay as they are.
const TOLERANCE: u64 = 2000;
/// Milliseconds by which a clock must be further ahead to count as such: export times have whole seconds.
const RESOLUTION: i64 = 1000;
/// No message waits for so many milliseconds: the clock was set back.
const LONGEST_WAIT: i64 = 600_000;
/// Two messages that waited differ in how long; milliseconds that they may differ where the clock was set back by more than
/// [`SKEW_LIMIT`].
const AGREEMENT: u64 = 5000;
/// Milliseconds that must lie between two such messages.
const APART: u64 = 1000;
/// For so many milliseconds all messages must have come late before the least late of them tells the difference.
const SETTLING: u64 = 10_000;

/// The clock of one stream of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Its time minus ours, milliseconds; none before the first message.
    skew: Option<i64>,
    /// A difference that may be new, and when it was first seen, milliseconds since the epoch.
    candidate: Option<(i64, u64)>,
    /// Where messages have only come late: the difference by the least late of them, and since when.
    late: Option<(i64, u64)>,
}

/// Two times, in milliseconds: the first minus the second.
pub fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(if a > b { i64::MAX } else { i64::MIN })
}

/// A difference of clocks, 0 where it is no more than `limit`.
fn beyond(limit: u64, skew: i64) -> i64 {
    if skew.unsigned_abs() > limit { skew } else { 0 }
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
        if (-RESOLUTION..=RESOLUTION).contains(&change) {
            (self.candidate, self.late) = (None, None);
        } else if !(-LONGEST_WAIT..=RESOLUTION).contains(&change) {
            self.set(seen);
        } else {
            self.observe_late(seen, change, now);
        }
    }

    /// A message that waited, or the clock is behind what it was by `change`.
    fn observe_late(&mut self, seen: i64, change: i64, now: u64) {
        let (least, since) =
            self.late.map_or((seen, now), |(least, since)| (least.max(seen), since));
        self.late = Some((least, since));
        if now >= since.saturating_add(SETTLING) {
            return self.set(least);
        }
        if change.unsigned_abs() <= SKEW_LIMIT {
            self.candidate = None;
            return;
        }
        match self.candidate {
            Some((candidate, since)) if seen.abs_diff(candidate) <= AGREEMENT => {
                if now >= since.saturating_add(APART) {
                    self.set(seen);
                }
            }
            _ => self.candidate = Some((seen, now)),
        }
    }

    fn set(&mut self, skew: i64) {
        *self = Self { skew: Some(skew), candidate: None, late: None };
    }

    /// Its time minus ours, milliseconds, 0 where it is no more than [`SKEW_LIMIT`]; none before the first message.
    pub fn skew(&self) -> Option<i64> {
        self.skew.map(|skew| beyond(SKEW_LIMIT, skew))
    }

    /// What its times are ahead of ours where records are compared, milliseconds; none before the first message.
    pub fn correction(&self) -> Option<i64> {
        self.skew.map(|skew| beyond(TOLERANCE, skew))
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
    fn a_clock_that_runs_slow_is_followed() {
        let mut clock = Clock::default();
        // A second in twenty, a message a second; it begins three seconds behind.
        for second in 0..2000_u64 {
            let now = NOW + second * 1000;
            let skew = -3000 - 50 * second as i64;
            clock.observe(now.saturating_add_signed(skew), now);
            let told = clock.correction().unwrap();
            assert!(told.abs_diff(skew) <= 2500, "{second}: {told} for {skew}");
        }
        assert!(clock.skew().unwrap() < -100_000);
    }

    #[test]
    fn a_clock_set_back_by_less_than_a_minute_counts_once_no_message_comes_earlier() {
        let mut clock = Clock::default();
        let mut correction = |after: u64, skew: i64| {
            clock.observe((NOW + after).saturating_add_signed(skew), NOW + after);
            clock.correction().unwrap()
        };
        assert_eq!(correction(0, -400), 0);
        assert_eq!(correction(1000, -45_000), 0);
        assert_eq!(correction(10_000, -46_000), 0);
        // One that did not wait shows that the others did.
        assert_eq!(correction(10_500, -800), 0);
        assert_eq!(correction(11_500, -45_500), 0);
        assert_eq!(correction(21_400, -46_000), 0);
        assert_eq!(correction(21_500, -45_800), -45_500);
        assert_eq!(correction(22_000, -45_000), -45_500);
        // Forward it counts at once.
        assert_eq!(correction(22_100, -2500), -2500);
        assert_eq!(correction(22_200, -1200), 0);
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
