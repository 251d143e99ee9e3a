//! Whether the times of flow records will be right.

use sensor_kernel::sys::ClockDiscipline;

use crate::agent::{
    doctor::{
        facts::clock::ClockFacts,
        finding::{Area::Clock, Finding},
    },
    status::span::span,
};

/// 2020-01-01: no host with a kernel that is new enough has ever known that time.
const EARLIEST: i64 = 1_577_836_800;
/// A program that is so much newer than now, seconds, was not unpacked in another time zone by mistake.
const TOLERANCE: i64 = 86_400;
/// A clock that is kept may be wrong by so much, microseconds: windows of policies are seconds long.
const MOST: u64 = 1_000_000;

const SET_IT: &str =
    "set the clock and keep it right with an NTP client: chrony, ntpd or systemd-timesyncd";

/// All that is to be said of it.
pub fn judge(facts: &ClockFacts) -> Vec<Finding> {
    if facts.now < EARLIEST {
        let message =
            "the clock was never set: flow records and hits would carry times of long ago";
        return vec![Finding::problem(Clock, message).remedy(SET_IT)];
    }
    if let Some(ahead) = facts.program_written.map(|written| written - facts.now)
        && ahead > TOLERANCE
    {
        let ahead = span(ahead.unsigned_abs());
        let message = format!("the clock is {ahead} behind the date of this program's file");
        return vec![Finding::problem(Clock, message).remedy(SET_IT)];
    }
    let finding = match &facts.discipline {
        None => return Vec::new(),
        Some(Err(error)) => {
            Finding::note(Clock, format_args!("the kernel does not say whether it is kept right: {error}"))
        }
        Some(Ok(ClockDiscipline { synchronized: false, .. })) => Finding::note(
            Clock,
            "nothing keeps the clock right (or its client does not tell the kernel): it may drift from those of others",
        )
        .remedy("run an NTP client: chrony, ntpd or systemd-timesyncd"),
        Some(Ok(ClockDiscipline { max_error, .. })) if *max_error > MOST => {
            let message = format!("synchronized, but it may be wrong by {} ms", max_error / 1000);
            Finding::warning(Clock, message).remedy("look at the NTP client: chronyc tracking, or timedatectl")
        }
        Some(Ok(ClockDiscipline { max_error, .. })) => {
            let error = *max_error as f64 / 1000.0;
            Finding::ok(Clock, format_args!("synchronized, to {error:.1} ms or better"))
        }
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::doctor::finding::Status;

    fn judged(now: i64, written: Option<i64>, synchronized: bool, max_error: u64) -> Finding {
        let discipline = Some(Ok(ClockDiscipline { synchronized, max_error }));
        let mut found = judge(&ClockFacts { now, program_written: written, discipline });
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    #[test]
    fn clocks() {
        const NOW: i64 = 1_790_000_000;
        for (now, written, synchronized, max_error, status, part) in [
            (NOW, Some(NOW - 1), true, 500, Status::Ok, "to 0.5 ms or better"),
            (NOW, None, true, 500, Status::Ok, "synchronized"),
            (NOW, Some(NOW + 3600), true, 500, Status::Ok, "synchronized"),
            (NOW, Some(NOW + 864_000), true, 500, Status::Problem, "10 d behind"),
            (0, None, true, 500, Status::Problem, "never set"),
            (-5, None, false, 0, Status::Problem, "never set"),
            (NOW, None, false, 16_000_000, Status::Note, "nothing keeps"),
            (NOW, None, true, 2_000_000, Status::Warning, "wrong by 2000 ms"),
        ] {
            let found = judged(now, written, synchronized, max_error);
            assert_eq!(found.status, status, "{found:?}");
            assert!(found.message.contains(part), "{found:?}");
            assert_eq!(found.remedy.is_some(), status > Status::Ok);
        }
        let discipline = Some(Err("Operation not permitted".to_owned()));
        let found = judge(&ClockFacts { now: NOW, program_written: None, discipline });
        assert_eq!(found[0].status, Status::Note);
    }
}
