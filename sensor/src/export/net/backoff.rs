//! How long to wait before the next attempt: twice as long each time, up to a limit, and never in step with others.

use std::time::Duration;

/// The wait before the second attempt, at most.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
pub const LONGEST: Duration = Duration::from_secs(30);

/// The waits of one outage.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Before the first attempt.
    pub fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next wait: between half of it and all of it, as `random` decides.
    pub fn wait(&mut self, random: u64) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(LONGEST);
        longest.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_spread_over_their_upper_half() {
        let mut longest = Backoff::new();
        let waits: Vec<_> = (0..7).map(|_| longest.wait(u64::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        let mut shortest = Backoff::new();
        assert_eq!(shortest.wait(0), FIRST / 2);
        assert_eq!(shortest.wait(0), FIRST);
    }
}
