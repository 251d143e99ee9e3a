//! How often a source may be pushed to: so many requests a second, and as many at once. Pure; time is an argument.

use std::time::Instant;

/// What is left of the requests of a second.
#[derive(Debug)]
pub struct Rate {
    left: f64,
    at: Instant,
}

impl Rate {
    /// With those of a whole second.
    pub fn new(rate: u64, now: Instant) -> Self {
        Self { left: rate as f64, at: now }
    }

    /// Whether one more at `now` is within `rate` a second.
    pub fn take(&mut self, rate: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now.max(self.at);
        self.left = (self.left + passed * rate as f64).min(rate as f64);
        let is_there = self.left >= 1.0;
        if is_there {
            self.left -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_a_second_and_as_many_at_once() {
        let start = Instant::now();
        let mut rate = Rate::new(4, start);
        let mut taken = |after: u64, wanted: u64| {
            let now = start + Duration::from_millis(after);
            (0..wanted).filter(|_| rate.take(4, now)).count()
        };
        assert_eq!([taken(0, 9), taken(100, 9), taken(250, 9), taken(750, 9)], [4, 0, 1, 2]);
        // What is not used does not add up.
        assert_eq!(taken(60_000, 9), 4);
        assert_eq!(taken(0, 9), 0, "a clock that goes back gives nothing");
    }
}
