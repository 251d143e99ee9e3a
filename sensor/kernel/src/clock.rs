//! From jiffies, the clock that costs the programs nothing, to the time of day.
//!
//! A slot holds the low 32 bits of `jiffies64`. [`JiffiesClock`] is one calibration: the time of one tick, and the length
//! of a tick. `ClockSource` makes calibrations: the program `clock` reads jiffies and boot time at the same moment. That is
//! repeated every minute, and as soon as a suspend (in which jiffies stand still) shows.
//!
//! Somebody may set the time of day, and then flows would be held for an hour, or last one. So the time of all counts is
//! steady: boot time, moved once to the time of day of the start ([`Steady`]). How far the time of day has been set from it
//! since then is told beside it, for those who hand records on.

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

/// A suspend that is longer than this shows at the next flip, nanoseconds.
const JUMP: u64 = 100_000_000;

/// Readings of which the best is taken.
const READINGS: usize = 3;

/// Fractional bits of the length of a tick.
const FRACTION: u32 = 20;

/// A tick's place in steady time, and the length of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JiffiesClock {
    /// Low half of the jiffies at the anchor.
    jiffies: u32,
    /// Time at the anchor, milliseconds since the epoch.
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

/// The anchor that `readings` allow for ticks of `hz` and a time that is `offset` ns ahead of boot time.
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

/// Time that nobody sets: it began as the time of day, and goes on as boot time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steady {
    /// How far it is ahead of boot time, nanoseconds.
    offset: u64,
}

impl Steady {
    /// From the time of day of this moment on.
    ///
    /// # Errors
    /// When the kernel does not tell the time.
    pub fn begin() -> Result<Self, KernelError> {
        boot_to_time_of_day().map(|offset| Self { offset }).map_err(unread)
    }

    /// Milliseconds since the epoch.
    ///
    /// # Errors
    /// As [`Steady::begin`].
    pub fn now(self) -> Result<u64, KernelError> {
        clock_gettime(libc::CLOCK_BOOTTIME).map(|boot| self.at(boot)).map_err(unread)
    }

    /// How far the time of day has been set forward since the beginning (negative: back), milliseconds.
    ///
    /// # Errors
    /// As [`Steady::begin`].
    pub fn step(self) -> Result<i64, KernelError> {
        boot_to_time_of_day().map(|offset| self.step_to(offset)).map_err(unread)
    }

    /// The time at `boot` ns of boot time.
    fn at(self, boot: u64) -> u64 {
        boot.saturating_add(self.offset) / 1_000_000
    }

    /// The step after which the time of day is `offset` ns ahead of boot time.
    fn step_to(self, offset: u64) -> i64 {
        offset.wrapping_sub(self.offset).cast_signed() / 1_000_000
    }
}

fn unread(source: io::Error) -> KernelError {
    KernelError::System { attempt: "read the clock", source }
}

/// Makes calibrations, and keeps the latest.
#[derive(Debug)]
pub(super) struct ClockSource {
    program: OwnedFd,
    readings: ClockReadings,
    hz: u32,
    steady: Steady,
    clock: JiffiesClock,
    made: Instant,
    asleep: u64,
}

impl ClockSource {
    /// Calibrates by the program `clock`, which leaves its readings in `readings`.
    pub(super) fn new(program: OwnedFd, readings: ClockReadings) -> Result<Self, KernelError> {
        let hz = tick_rate().map_err(failed)?;
        let steady = Steady::begin()?;
        let clock = calibrate(&program, &readings, hz, steady).map_err(failed)?;
        let asleep = asleep().map_err(failed)?;
        Ok(Self { program, readings, hz, steady, clock, made: Instant::now(), asleep })
    }

    /// The time that [`ClockSource::clock`] puts ticks in.
    pub(super) fn steady(&self) -> Steady {
        self.steady
    }

    /// The clock, calibrated at most a minute ago and since the last suspend, where that is possible.
    pub(super) fn clock(&mut self) -> JiffiesClock {
        let asleep = asleep().unwrap_or(self.asleep);
        if self.made.elapsed() >= RENEWAL || jumped(self.asleep, asleep) {
            match calibrate(&self.program, &self.readings, self.hz, self.steady) {
                Ok(clock) => self.clock = clock,
                Err(error) => {
                    tracing::warn!(%error, "cannot calibrate the clock; keeping the old calibration");
                }
            }
            self.made = Instant::now();
            self.asleep = asleep;
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

fn calibrate(
    program: &OwnedFd,
    readings: &ClockReadings,
    hz: u32,
    steady: Steady,
) -> io::Result<JiffiesClock> {
    const FRAME: [u8; 64] = [0; 64];
    let mut taken = [Reading::default(); READINGS];
    for reading in &mut taken {
        sys::test_run(program.as_fd(), &FRAME, 1)?;
        *reading = readings.read();
    }
    anchor(&taken, steady.offset, hz).ok_or_else(|| io::Error::other("no reading"))
}

/// How long the host has been suspended: how far boot time is ahead of monotonic time, nanoseconds.
fn asleep() -> io::Result<u64> {
    let monotonic = clock_gettime(libc::CLOCK_MONOTONIC)?;
    Ok(clock_gettime(libc::CLOCK_BOOTTIME)?.wrapping_sub(monotonic))
}

/// True when it has moved by more than the time between two readings accounts for.
fn jumped(before: u64, now: u64) -> bool {
    now.wrapping_sub(before).cast_signed().unsigned_abs() > JUMP
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
    fn no_step_of_the_time_of_day_moves_steady_time() {
        const HOUR: u64 = 3_600_000_000_000;
        let began = 1_700_000_000_000_000_000;
        let steady = Steady { offset: began };
        assert_eq!(steady.at(4_000_000_000), 1_700_000_004_000);
        assert_eq!(steady.step_to(began), 0);
        assert_eq!(steady.step_to(began - HOUR), -3_600_000, "set back");
        assert_eq!(steady.step_to(began + 1_500_000), 1, "whole milliseconds");
        // Flows lie where they would lie without the step, and so does the moment that ends them.
        let clock = anchor(&[[1_000, 4_000_000_000]], steady.offset, 250).unwrap();
        assert_eq!(clock.time_of(1_000), steady.at(4_000_000_000));
    }

    #[test]
    fn the_kernels_clocks_make_a_steady_time() {
        let steady = Steady::begin().unwrap();
        let before = steady.now().unwrap();
        let time_of_day = clock_gettime(libc::CLOCK_REALTIME).unwrap() / 1_000_000;
        let after = steady.now().unwrap();
        // A millisecond goes to rounding, on either side.
        assert!(before <= time_of_day + 1 && time_of_day <= after + 1);
        assert_eq!(steady.step().unwrap(), 0);
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
    fn suspends_show() {
        let calm = 5_000_000_000;
        assert!(!jumped(calm, calm));
        assert!(!jumped(calm, calm + 1_000_000));
        assert!(jumped(calm, calm + 3_600_000_000_000));
        assert!(!jumped(0, u64::MAX), "a gap of next to nothing");
    }

    #[test]
    fn nothing_before_the_epoch() {
        assert_eq!(JiffiesClock::new(1000, 10, 250).time_of(0), 0);
    }
}
