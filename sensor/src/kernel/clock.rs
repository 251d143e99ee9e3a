//! From jiffies, the clock that costs the programs nothing, to the time of day.
//!
//! A slot holds the low 32 bits of `jiffies64`. [`JiffiesClock`] is one calibration: the time of day of one tick, and
//! the length of a tick. `ClockSource` makes calibrations: the program `clock` reads jiffies and boot time at the
//! same moment, and the agent reads how far boot time and time of day are apart. That is repeated every minute, and as
//! soon as a suspend (in which jiffies stand still) or a step of the time of day shows.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use super::{
    error::KernelError,
    maps::ClockReadings,
    sys::{self, clock_getres, clock_gettime},
};

/// Age at which a calibration is renewed.
const RENEWAL: Duration = Duration::from_secs(60);

/// A suspend or step that is larger than this shows at the next flip, nanoseconds.
const JUMP: u64 = 100_000_000;

/// Readings of which the best is taken.
const READINGS: usize = 3;

/// Fractional bits of the length of a tick.
const FRACTION: u32 = 20;

/// A tick's place in the time of day, and the length of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JiffiesClock {
    /// Low half of the jiffies at the anchor.
    jiffies: u32,
    /// Time of day at the anchor, milliseconds since the epoch.
    time: u64,
    /// Milliseconds that a tick takes, with [`FRACTION`] binary places.
    tick: i64,
}

impl JiffiesClock {
    /// A clock by which `jiffies` was `time` milliseconds since the epoch, at `hz` ticks a second.
    pub fn new(jiffies: u64, time: u64, hz: u32) -> Self {
        Self { jiffies: jiffies as u32, time, tick: (1000 << FRACTION) / i64::from(hz.max(1)) }
    }

    /// Milliseconds since the epoch of a tick within 2^31 ticks of the anchor (24 days at 1000 Hz), before or after.
    #[inline]
    pub fn time_of(&self, jiffies: u32) -> u64 {
        let ticks = i64::from(jiffies.wrapping_sub(self.jiffies) as i32);
        self.time.saturating_add_signed((ticks * self.tick) >> FRACTION)
    }
}

/// One reading: jiffies and boot time (ns) of one moment.
type Reading = [u64; 2];

/// The anchor that `readings` allow for ticks of `hz` and a time of day that is `offset` ns ahead of boot time.
///
/// A tick is up to its length older than the moment that it is read at: the reading with the least lag is nearest.
fn anchor(readings: &[Reading], offset: u64, hz: u32) -> Option<JiffiesClock> {
    let tick = 1_000_000_000 / u64::from(hz.max(1));
    let lag = |&[jiffies, boot]: &Reading| boot.wrapping_sub(jiffies.wrapping_mul(tick)) as i64;
    let [first_jiffies, first_boot] = *readings.first()?;
    let reference = lag(&[first_jiffies, first_boot]);
    let &[jiffies, boot] =
        readings.iter().min_by_key(|reading| lag(reading).wrapping_sub(reference))?;
    Some(JiffiesClock::new(jiffies, boot.saturating_add(offset) / 1_000_000, hz))
}

/// Makes calibrations, and keeps the latest.
#[derive(Debug)]
pub(super) struct ClockSource {
    program: OwnedFd,
    readings: ClockReadings,
    hz: u32,
    clock: JiffiesClock,
    made: Instant,
    gaps: Gaps,
}

impl ClockSource {
    /// Calibrates by the program `clock`, which leaves its readings in `readings`.
    pub(super) fn new(program: OwnedFd, readings: ClockReadings) -> Result<Self, KernelError> {
        let hz = tick_rate().map_err(failed)?;
        let clock = calibrate(&program, &readings, hz).map_err(failed)?;
        let gaps = gaps().map_err(failed)?;
        Ok(Self { program, readings, hz, clock, made: Instant::now(), gaps })
    }

    /// The clock, calibrated at most a minute ago and since the last jump, where that is possible.
    pub(super) fn clock(&mut self) -> JiffiesClock {
        let gaps = gaps().unwrap_or(self.gaps);
        if self.made.elapsed() >= RENEWAL || jumped(self.gaps, gaps) {
            match calibrate(&self.program, &self.readings, self.hz) {
                Ok(clock) => self.clock = clock,
                Err(error) => {
                    tracing::warn!(%error, "cannot calibrate the clock; keeping the old calibration");
                }
            }
            self.made = Instant::now();
            self.gaps = gaps;
        }
        self.clock
    }
}

fn failed(source: io::Error) -> KernelError {
    KernelError::System { attempt: "calibrate the kernel's clock", source }
}

/// Ticks a second (`CONFIG_HZ`): the coarse clock moves once a tick and says so as its resolution.
fn tick_rate() -> io::Result<u32> {
    let tick = clock_getres(libc::CLOCK_MONOTONIC_COARSE)?;
    match 1_000_000_000u64.checked_add(tick / 2).and_then(|second| second.checked_div(tick)) {
        Some(hz @ 1..=10_000) => Ok(hz as u32),
        _ => Err(io::Error::other(format!("no tick lasts {tick} ns"))),
    }
}

fn calibrate(program: &OwnedFd, readings: &ClockReadings, hz: u32) -> io::Result<JiffiesClock> {
    const FRAME: [u8; 64] = [0; 64];
    let mut taken = [Reading::default(); READINGS];
    for reading in &mut taken {
        sys::test_run(program.as_fd(), &FRAME, 1)?;
        *reading = readings.read();
    }
    let offset = boot_to_time_of_day()?;
    anchor(&taken, offset, hz).ok_or_else(|| io::Error::other("no reading"))
}

/// How far boot time is ahead of monotonic time, which a suspend moves, and the time of day of boot time, which a step
/// moves; nanoseconds.
type Gaps = [u64; 2];

fn gaps() -> io::Result<Gaps> {
    let monotonic = clock_gettime(libc::CLOCK_MONOTONIC)?;
    let boot = clock_gettime(libc::CLOCK_BOOTTIME)?;
    let time_of_day = clock_gettime(libc::CLOCK_REALTIME)?;
    Ok([boot.wrapping_sub(monotonic), time_of_day.wrapping_sub(boot)])
}

/// True when a gap has moved by more than slewing and the time between two readings account for.
fn jumped(before: Gaps, now: Gaps) -> bool {
    before
        .iter()
        .zip(now)
        .any(|(before, now)| now.wrapping_sub(*before).cast_signed().unsigned_abs() > JUMP)
}

/// How far the time of day is ahead of boot time, nanoseconds: the reading that took the least time.
fn boot_to_time_of_day() -> io::Result<u64> {
    let mut best = (u64::MAX, 0);
    for _ in 0..READINGS {
        let before = clock_gettime(libc::CLOCK_BOOTTIME)?;
        let time_of_day = clock_gettime(libc::CLOCK_REALTIME)?;
        let took = clock_gettime(libc::CLOCK_BOOTTIME)?.saturating_sub(before);
        best = best.min((took, time_of_day.saturating_sub(before + took / 2)));
    }
    Ok(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_milliseconds_on_both_sides_of_the_anchor() {
        for (hz, tick) in [(100, 10), (250, 4), (1000, 1)] {
            let clock = JiffiesClock::new(5_000, 1_700_000_000_000, hz);
            assert_eq!(clock.time_of(5_000), 1_700_000_000_000);
            assert_eq!(clock.time_of(5_001), 1_700_000_000_000 + tick);
            assert_eq!(clock.time_of(4_000), 1_700_000_000_000 - 1000 * tick);
        }
        let clock = JiffiesClock::new(0, 1_000_000, 300);
        assert_eq!(clock.time_of(300), 1_001_000 - 1, "rounded down");
        assert_eq!(clock.time_of(300_000), 1_999_999, "a day's error stays below a tick");
    }

    #[test]
    fn the_low_half_may_wrap_between_anchor_and_slot() {
        let clock = JiffiesClock::new(0x1_ffff_fffe, 1_700_000_000_000, 250);
        assert_eq!(clock.time_of(2), 1_700_000_000_000 + 4 * 4);
        let clock = JiffiesClock::new(0x1_0000_0001, 1_700_000_000_000, 250);
        assert_eq!(clock.time_of(0xffff_ffff), 1_700_000_000_000 - 2 * 4);
    }

    #[test]
    fn a_step_of_the_time_of_day_moves_the_next_calibration() {
        let readings = [[1_000, 4_000_000_000]];
        let before = anchor(&readings, 1_000_000_000_000_000_000, 250).unwrap();
        let after = anchor(&readings, 1_000_000_060_000_000_000, 250).unwrap();
        assert_eq!(after.time_of(1_250) - before.time_of(1_250), 60_000);
    }

    #[test]
    fn the_reading_nearest_to_its_tick_is_taken() {
        // Ticks of 4 ms; the second reading comes 1 ms after its tick, the others 3 ms.
        let readings = [[10, 43_000_000], [11, 45_000_000], [12, 51_000_000]];
        let clock = anchor(&readings, 0, 250).unwrap();
        assert_eq!((clock.time_of(11), clock.time_of(12)), (45, 49));
        // Boot time started long after jiffies, as on a host that has been suspended: the lag is negative.
        let readings = [[u64::MAX - 1, 3_000_000], [u64::MAX, 6_000_000]];
        assert_eq!(anchor(&readings, 0, 250).unwrap().time_of(u32::MAX), 6);
    }

    #[test]
    fn suspends_and_steps_show_in_both_directions() {
        let calm = [5_000_000_000, 1_700_000_000_000_000_000];
        assert!(!jumped(calm, calm));
        assert!(!jumped(calm, [calm[0] + 1_000_000, calm[1] - 90_000_000]));
        assert!(jumped(calm, [calm[0] + 3_600_000_000_000, calm[1]]));
        assert!(jumped(calm, [calm[0], calm[1] - 200_000_000]));
        assert!(!jumped([0, 0], [u64::MAX, 5]), "a gap of next to nothing");
    }

    #[test]
    fn nothing_before_the_epoch() {
        assert_eq!(JiffiesClock::new(1000, 10, 250).time_of(0), 0);
    }
}
