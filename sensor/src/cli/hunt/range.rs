//! Which time a question is about: the flags of the command line as a half-open range.

use std::time::Duration;

use sensor_core::diagnostic::Findings;

use super::args::RangeArgs;
use crate::cli::{exit::Failure, local, when::Zone};

/// From when on, and before when flows were received; milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first millisecond.
    pub from: u64,
    /// The one behind the last; [`u64::MAX`] where there is no end.
    pub to: u64,
    /// In which zone its times are shown.
    pub zone: Zone,
}

impl Range {
    /// What the flags say, if it is `now` now.
    ///
    /// # Errors
    /// A text is no time, or the range is empty.
    pub fn of(args: &RangeArgs, now: u64) -> anyhow::Result<Self> {
        let zone = if args.local { Zone::Local } else { Zone::Utc };
        if args.local
            && let Some(fault) = local::fault()
        {
            return Err(Failure::usage(fault).into());
        }
        if let Some(last) = args.last {
            if last == Duration::ZERO {
                return Err(Failure::usage("--last is no time at all: write `--last 24h`").into());
            }
            let from = now.saturating_sub(u64::try_from(last.as_millis()).unwrap_or(u64::MAX));
            return Ok(Self { from, to: u64::MAX, zone });
        }
        let mut faults = Findings::default();
        let mut read = |flag: &str, text: &Option<String>| {
            let read = text.as_deref().map(|text| (text, zone.read(text, now)));
            match read? {
                (_, Ok(ms)) => Some(ms),
                (text, Err(fault)) => {
                    faults.extend(Findings::located(flag, text, &[fault]));
                    None
                }
            }
        };
        let (from, to) = (read("--from", &args.from), read("--to", &args.to));
        if !faults.is_empty() {
            let wrong = match (from, to) {
                (None, None) if args.from.is_some() && args.to.is_some() => "--from and --to are",
                (None, _) if args.from.is_some() => "--from is",
                _ => "--to is",
            };
            return Err(Failure::usage(format!("{wrong} no time")).with(faults).into());
        }
        let range = Self { from: from.unwrap_or(0), to: to.unwrap_or(u64::MAX), zone };
        if range.from >= range.to {
            let (from, to) = (zone.show(range.from), zone.show(range.to));
            let zone = zone.name(range.from);
            let fault = format!(
                "the range is empty: --from is {from} {zone}, and --to is {to} {zone}; --to is the first time that does not count"
            );
            return Err(Failure::usage(fault).into());
        }
        Ok(range)
    }

    /// What is also between `from` and `to`.
    ///
    /// # Errors
    /// There is nothing.
    pub fn within(self, from: u64, to: u64) -> anyhow::Result<Self> {
        let both = Self { from: self.from.max(from), to: self.to.min(to), ..self };
        if both.from >= both.to {
            let own = Self { from, to, ..self };
            let fault = format!(
                "the flows of this hit were received from {}: no time of the range",
                own.shown()
            );
            return Err(Failure::usage(fault).into());
        }
        Ok(both)
    }

    /// For people: `2026-11-30 00:00:00 to 2026-12-01 00:00:00 UTC`.
    pub fn shown(&self) -> String {
        let Self { from, to, zone } = self;
        let name = zone.name(if *from == 0 { *to } else { *from });
        match (*from, *to) {
            (0, u64::MAX) => "all that is stored".to_owned(),
            (from, u64::MAX) => format!("from {} {name} on", zone.show_seconds(from)),
            (0, to) => format!("before {} {name}", zone.show_seconds(to)),
            (from, to) => {
                format!("{} to {} {name}", zone.show_seconds(from), zone.show_seconds(to))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_796_092_215_500;

    fn range(last: Option<u64>, from: &str, to: &str) -> Result<(u64, u64), String> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let args = RangeArgs {
            last: last.map(Duration::from_secs),
            from: text(from),
            to: text(to),
            local: false,
        };
        let range = Range::of(&args, NOW).map_err(|error| format!("{error:#}"))?;
        Ok((range.from, range.to))
    }

    #[test]
    fn ranges_are_half_open_and_need_not_end() {
        assert_eq!(range(None, "", ""), Ok((0, u64::MAX)));
        assert_eq!(range(Some(60), "", ""), Ok((NOW - 60_000, u64::MAX)));
        assert_eq!(range(Some(u64::MAX / 1000), "", ""), Ok((0, u64::MAX)));
        assert_eq!(range(None, "-1m", "now"), Ok((NOW - 60_000, NOW)));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |last, from, to| range(last, from, to).unwrap_err();
        assert!(refused(Some(0), "", "").contains("no time at all"));
        assert!(refused(None, "now", "now").contains("the range is empty"));
        let both = refused(None, "yesturday", "2026-11-31");
        assert!(both.starts_with("--from and --to are no time"), "{both}");
        assert!(both.contains("--> --from:1:1") && both.contains("--> --to:1:1"), "{both}");
        assert!(both.contains("^^^^^^^^^ did you mean `yesterday`?"), "{both}");
        assert!(refused(None, "-2h", "x").starts_with("--to is no time"));
    }

    #[test]
    fn ranges_are_shown_with_their_zone() {
        let shown = |from, to| Range { from, to, zone: Zone::Utc }.shown();
        assert_eq!(shown(0, u64::MAX), "all that is stored");
        assert_eq!(shown(NOW, u64::MAX), "from 2026-12-01 02:30:15 UTC on");
        assert_eq!(shown(0, NOW), "before 2026-12-01 02:30:15 UTC");
        let both = shown(NOW - 3_600_000, NOW);
        assert_eq!(both, "2026-12-01 01:30:15 to 2026-12-01 02:30:15 UTC");
    }
}
