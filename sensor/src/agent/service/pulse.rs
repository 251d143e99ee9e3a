//! The pulse of a loop on another thread: a sign of life that no timer can give in its place.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// When a loop last came round.
#[derive(Debug)]
pub struct Pulse {
    begun: Instant,
    /// Milliseconds after `begun`.
    last: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { begun: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// The loop has come round.
    pub fn beat(&self) {
        self.last.store(self.elapsed(), Relaxed);
    }

    /// How long ago it last did; at first, since the pulse exists.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.elapsed().saturating_sub(self.last.load(Relaxed)))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_grows_until_the_next_beat() {
        let pulse = Pulse { begun: Instant::now() - Duration::from_secs(60), ..Pulse::default() };
        assert!(pulse.age() >= Duration::from_secs(60));
        pulse.beat();
        assert!(pulse.age() < Duration::from_secs(60));
    }
}
