//! Dates in the names of objects: clouds write flow logs below folders of years, months and days. Pure.
//!
//! What stands before the years (accounts, regions, resources, nothing) does not matter, so that one rule serves all clouds.

const DAY: u64 = 86_400_000;

/// How a layout writes its dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `2026/11/30/`: AWS, and sinks of GCP.
    Plain,
    /// `year=2026/month=11/day=30/`: AWS for Hive, IBM.
    Hive,
    /// `y=2026/m=11/d=30/`: Azure.
    Azure,
}

/// A level of folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of years.
    Year,
    /// Of months.
    Month,
    /// Of days.
    Day,
}

impl Style {
    const ALL: [Self; 3] = [Self::Plain, Self::Hive, Self::Azure];

    /// The style of which a folder of this name is a year.
    pub fn of_year(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.number(Level::Year, folder).is_some())
    }

    fn word(self, level: Level) -> &'static str {
        let place = match level {
            Level::Year => 0,
            Level::Month => 1,
            Level::Day => 2,
        };
        match self {
            Self::Plain => "",
            Self::Hive => ["year=", "month=", "day="][place],
            Self::Azure => ["y=", "m=", "d="][place],
        }
    }

    /// The year, month or day that a folder stands for.
    pub fn number(self, level: Level, folder: &str) -> Option<u16> {
        let digits = folder.strip_prefix(self.word(level))?;
        if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        let number = digits.parse().ok()?;
        let (lengths, numbers) = match level {
            Level::Year => (4..=4, 2000..=2999),
            Level::Month => (1..=2, 1..=12),
            Level::Day => (1..=2, 1..=31),
        };
        (lengths.contains(&digits.len()) && numbers.contains(&number)).then_some(number)
    }

    /// The folders of a day below that which holds the years.
    pub fn day(self, day: Day) -> String {
        let Day { year, month, day } = day;
        let [y, m, d] = [Level::Year, Level::Month, Level::Day].map(|level| self.word(level));
        format!("{y}{year:04}/{m}{month:02}/{d}{day:02}/")
    }
}

/// A day, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// The year.
    pub year: u16,
    /// 1 to 12.
    pub month: u16,
    /// 1 to 31.
    pub day: u16,
}

impl Day {
    /// The day of a time, milliseconds since the epoch.
    pub fn of(time: u64) -> Self {
        // Years that begin in March, in eras of 400: the day that is added stands at the end.
        let days = time.min(253_402_300_799_000) / DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        Self { year: year as u16, month: month as u16, day: day as u16 }
    }
}

/// The days from one time to another, milliseconds since the epoch; none where these are more than `most`.
pub fn days(from: u64, to: u64, most: u64) -> Option<Vec<Day>> {
    let (first, last) = (from / DAY, to / DAY);
    let many = last.saturating_sub(first) >= most;
    (!many).then(|| (first..=last).map(|day| Day::of(day * DAY)).collect())
}

/// Whether something below a folder of `level` may lie between two days; `above` are the year, and the month.
pub fn may_hold(above: &[u16], number: u16, from: Day, to: Day) -> bool {
    let mut low = [0, 0, 0];
    let mut high = [u16::MAX; 3];
    for (at, number) in above.iter().copied().chain([number]).enumerate().take(3) {
        (low[at], high[at]) = (number, number);
    }
    let [from, to] = [from, to].map(|day| [day.year, day.month, day.day]);
    low <= to && high >= from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_times() {
        let day = |time| {
            let Day { year, month, day } = Day::of(time);
            (year, month, day)
        };
        assert_eq!(day(0), (1970, 1, 1));
        assert_eq!(day(951_782_399_999), (2000, 2, 28));
        assert_eq!(day(951_782_400_000), (2000, 2, 29));
        assert_eq!(day(951_868_800_000), (2000, 3, 1));
        assert_eq!(day(1_796_083_199_999), (2026, 11, 30));
        assert_eq!(day(1_798_761_600_000), (2027, 1, 1));
        assert_eq!(day(u64::MAX), (9999, 12, 31));
        let all = days(1_796_083_199_999, 1_796_083_200_000, 40).expect("two days");
        assert_eq!(
            all,
            [Day { year: 2026, month: 11, day: 30 }, Day { year: 2026, month: 12, day: 1 }]
        );
        assert_eq!(days(0, 39 * DAY, 40).map(|all| all.len()), Some(40));
        assert_eq!(days(0, 40 * DAY, 40), None);
        assert_eq!(days(DAY, 0, 40), Some(Vec::new()));
    }

    #[test]
    fn folders_of_dates() {
        for (folder, style) in [
            ("2026", Some(Style::Plain)),
            ("year=2026", Some(Style::Hive)),
            ("y=2026", Some(Style::Azure)),
            ("123456789012", None),
            ("1026", None),
            ("year=26", None),
            ("+026", None),
            ("aws-region=eu-west-1", None),
            ("", None),
        ] {
            assert_eq!(Style::of_year(folder), style, "{folder}");
        }
        let day = Day::of(951_782_400_000);
        let shown = Style::ALL.map(|style| style.day(day));
        assert_eq!(shown, ["2000/02/29/", "year=2000/month=02/day=29/", "y=2000/m=02/d=29/"]);
        assert_eq!(Style::Hive.number(Level::Month, "month=9"), Some(9));
        assert_eq!(Style::Azure.number(Level::Month, "m=13"), None);
        assert_eq!(Style::Plain.number(Level::Day, "00"), None);
    }

    #[test]
    fn folders_outside_of_the_days_are_left_out() {
        let [from, to] =
            [(2025, 11, 20), (2026, 2, 3)].map(|(year, month, day)| Day { year, month, day });
        let holds = |above: &[u16], number| may_hold(above, number, from, to);
        assert_eq!(
            [2024, 2025, 2026, 2027].map(|year| holds(&[], year)),
            [false, true, true, false]
        );
        assert_eq!([10, 11, 12].map(|month| holds(&[2025], month)), [false, true, true]);
        assert_eq!([1, 2, 3].map(|month| holds(&[2026], month)), [true, true, false]);
        assert_eq!([19, 20, 30].map(|day| holds(&[2025, 11], day)), [false, true, true]);
        assert_eq!([1, 3, 4].map(|day| holds(&[2026, 2], day)), [true, true, false]);
    }
}
