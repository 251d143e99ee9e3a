//! The wall clock, and who keeps it.

use std::{
    fs, io,
    time::{SystemTime, UNIX_EPOCH},
};

use sensor_kernel::sys::{ClockDiscipline, clock_discipline};

/// The clock as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockFacts {
    /// Now, seconds since the epoch; negative before.
    pub now: i64,
    /// When this program's file was written, seconds since the epoch.
    pub program_written: Option<i64>,
    /// Whether somebody keeps it right; or why the kernel does not say.
    pub discipline: Option<Result<ClockDiscipline, String>>,
}

/// Reads it.
pub fn gather() -> ClockFacts {
    let written =
        || -> io::Result<SystemTime> { fs::metadata(std::env::current_exe()?)?.modified() };
    ClockFacts {
        now: seconds(SystemTime::now()),
        program_written: written().ok().map(seconds),
        discipline: Some(clock_discipline().map_err(|error| error.to_string())),
    }
}

fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_before_the_epoch_are_negative() {
        assert_eq!(seconds(UNIX_EPOCH + Duration::from_secs(3)), 3);
        assert_eq!(seconds(UNIX_EPOCH - Duration::from_secs(3)), -3);
    }
}
