//! What each policy costs, by a clock that the agent lends: nothing in here depends on it but this one figure.
//!
//! Reading a clock takes about as long as a match. So it is read in some of the batches only, and what they took counts for
//! all.

/// Nanoseconds since any moment, of a clock that never goes back.
pub type Clock = fn() -> u64;

/// One batch of so many is timed.
const EVERY: u64 = 64;

/// Which batches are timed, and by what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    clock: Option<Clock>,
    batches: u64,
}

/// What is timed in a batch: nothing, in most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timer(Option<Clock>);

impl Cost {
    pub(super) fn new(clock: Option<Clock>) -> Self {
        Self { clock, batches: 0 }
    }

    /// The timer of the next batch.
    pub(super) fn next(&mut self) -> Timer {
        let timed = self.batches.is_multiple_of(EVERY);
        self.batches += 1;
        Timer(self.clock.filter(|_| timed))
    }
}

impl Timer {
    /// Does `work`. Returns the nanoseconds that it took, for all batches that this one stands for; 0 where it is not timed.
    #[inline(always)]
    pub(super) fn of(self, work: impl FnOnce()) -> u64 {
        let Some(clock) = self.0 else {
            work();
            return 0;
        };
        let start = clock();
        work();
        clock().saturating_sub(start) * EVERY
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A clock that goes on by 10 ns whenever it is read.
    fn clock() -> u64 {
        thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });
        NOW.set(NOW.get() + 10);
        NOW.get()
    }

    #[test]
    fn a_batch_that_is_timed_stands_for_those_that_are_not() {
        let mut cost = Cost::new(Some(clock));
        let spent: Vec<u64> = (0..2 * EVERY).map(|_| cost.next().of(|| {})).collect();
        assert_eq!(spent.iter().sum::<u64>(), 2 * EVERY * 10);
        assert_eq!(spent.iter().filter(|spent| **spent > 0).count(), 2);
    }

    #[test]
    fn without_a_clock_nothing_is_timed_and_all_is_done() {
        let mut done = 0;
        let mut cost = Cost::new(None);
        assert!((0..EVERY).all(|_| cost.next().of(|| done += 1) == 0));
        assert_eq!(done, EVERY);
    }
}
