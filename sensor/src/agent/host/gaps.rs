//! Times in which nobody drained the kernel's tables: the process was stopped (SIGSTOP, a debugger, a paused machine), or
//! had no CPU. The programs count on meanwhile and fold what finds no room; afterwards nothing else would tell why.

use std::time::{Duration, Instant};

use sensor_kernel::accounts::Epoch;

/// How much longer than its interval a drain may be under way before that is a gap: drains of full tables take their time.
const TOLERANCE: Duration = Duration::from_secs(2);

/// The gaps of a run.
#[derive(Debug)]
pub struct Gaps {
    /// When the tables were turned over last.
    last: Instant,
}

impl Gaps {
    /// Draining begins at `now`.
    pub fn new(now: Instant) -> Self {
        Self { last: now }
    }

    /// The tables are turned over at `now`, which was due after `interval`: for how long they were not, if that is a gap.
    pub fn turned_over(&mut self, now: Instant, interval: Duration) -> Option<Duration> {
        let since = now.saturating_duration_since(std::mem::replace(&mut self.last, now));
        (since > interval + TOLERANCE).then_some(since)
    }
}

/// Says that nobody drained for as long as `gap`, and what the drain behind it, `epoch`, has found.
pub fn log(gap: Duration, interval: Duration, epoch: &Epoch) {
    let accounts = &epoch.accounts;
    tracing::warn!(
        seconds = format_args!("{:.1}", gap.as_secs_f64()),
        interval = format_args!("{:.1}", interval.as_secs_f64()),
        packets = accounts.seen.packets,
        folded = accounts.folded.packets,
        without_flow = accounts.unattributed.packets,
        "the flow tables were not drained for a while: the sensor was stopped, or had no CPU; the kernel counted on"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_may_take_its_time_and_a_stop_is_told_once() {
        let (start, interval) = (Instant::now(), Duration::from_secs(1));
        let mut gaps = Gaps::new(start);
        let mut at =
            |milliseconds| gaps.turned_over(start + Duration::from_millis(milliseconds), interval);
        assert_eq!([at(1_000), at(1_400), at(4_400)], [None; 3]);
        assert_eq!(at(14_500), Some(Duration::from_millis(10_100)));
        assert_eq!(at(15_500), None);
    }

    #[test]
    fn long_intervals_are_no_gaps() {
        let (start, minute) = (Instant::now(), Duration::from_secs(60));
        let mut gaps = Gaps::new(start);
        assert_eq!(gaps.turned_over(start + minute, minute), None);
    }
}
