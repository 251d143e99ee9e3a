//! Names of files, which say which records are in them and when these were received: so nothing else has to, and no list of files
//! can contradict the files.
//!
//! ```text
//! 2026-11-30/23/0000000000000001-0000000001000000-1796080000000-1796080299999.parquet
//! journal-0000000001000001
//! ```
//!
//! Day and hour are those in which the first record was received, by UTC.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// What the name of a sealed file says. In order of their numbers, the files are in order of their writing, whatever clocks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The number of its first record.
    pub first: u64,
    /// The number of its last record.
    pub last: u64,
    /// When the first of its records was received, milliseconds since the epoch.
    pub from: u64,
    /// When the last was.
    pub to: u64,
}

/// What the file ends with.
pub const ENDING: &str = ".parquet";
/// What is added while a file is being written.
pub const UNFINISHED: &str = ".tmp";
/// What is added when a file turned out to be damaged.
pub const DAMAGED: &str = ".damaged";
/// What journals begin with.
const JOURNAL: &str = "journal-";
const HOUR: u64 = 3_600_000;

impl SegmentName {
    /// How many records it has: no number between its first and its last is left out.
    pub fn rows(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether all its records are in another file as well.
    pub fn is_inside(&self, other: &Self) -> bool {
        other.first <= self.first && self.last <= other.last
    }

    /// Whether some of its records may have been received from `from` on and before `to`.
    pub fn overlaps(&self, from: u64, to: u64) -> bool {
        from <= self.to && self.from < to
    }

    /// The hour in which its first record was received.
    pub fn hour(&self) -> u64 {
        self.from / HOUR
    }

    /// Where it is in the folder of the store.
    pub fn path(&self) -> PathBuf {
        self.path_ending(ENDING)
    }

    /// The same of a file with another ending.
    pub fn path_ending(&self, ending: &str) -> PathBuf {
        folder(self.from).join(format!("{}{ending}", self.numbers()))
    }

    /// What the name of a file with this ending says; none where it is no such name.
    pub fn with_ending(name: &str, ending: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(ending)?.split('-').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
            is_number.then_some(part)?.parse::<u64>().ok()
        });
        let mut next = || parts.next().flatten();
        let own = Self { first: next()?, last: next()?, from: next()?, to: next()? };
        let is_sound = own.first <= own.last && own.last < u64::MAX && own.from <= own.to;
        (is_sound && parts.next().is_none()).then_some(own)
    }

    fn numbers(&self) -> String {
        let Self { first, last, from, to } = self;
        format!("{first:016}-{last:016}-{from:013}-{to:013}")
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{ENDING}", self.numbers())
    }
}

impl FromStr for SegmentName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::with_ending(name, ENDING).ok_or(())
    }
}

/// The name of a journal by the number of its first record.
pub fn journal(first: u64) -> String {
    format!("{JOURNAL}{first:016}")
}

/// The number of the first record of the journal of that name; none where it is no journal.
pub fn journal_of(name: &str) -> Option<u64> {
    let number = name.strip_prefix(JOURNAL)?;
    let is_number = number.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then_some(number)?.parse().ok()
}

/// A time as people read it, by UTC.
pub(crate) fn moment(time: u64) -> String {
    let (year, month, day) = date(time / HOUR / 24);
    let (hour, minute) = (time / HOUR % 24, time / 60_000 % 60);
    let (second, rest) = (time / 1000 % 60, time % 1000);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{rest:03}")
}

/// The folder of an hour, by a time within it.
fn folder(time: u64) -> PathBuf {
    let hours = time / HOUR;
    let (year, month, day) = date(hours / 24);
    Path::new(&format!("{year:04}-{month:02}-{day:02}")).join(format!("{:02}", hours % 24))
}

/// Whether a folder of that name may be one of a day or of an hour.
pub fn is_folder(name: &str) -> bool {
    let digits = name.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-');
    digits && matches!(name.len(), 2 | 10..)
}

/// The date of a day since the epoch (Howard Hinnant, `chrono`-compatible low-level date algorithms).
fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let in_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, in_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_was_made_of() {
        let own = SegmentName {
            first: 1,
            last: 1_000_000,
            from: 1_796_080_000_000,
            to: 1_796_080_299_999,
        };
        assert_eq!(
            own.path().to_str(),
            Some(
                "2026-11-30/23/0000000000000001-0000000001000000-1796080000000-1796080299999.parquet"
            )
        );
        assert_eq!(own.to_string().parse(), Ok(own));
        assert_eq!(own.rows(), 1_000_000);
        let wide = SegmentName { last: u64::MAX - 1, to: u64::MAX, ..own };
        assert_eq!(wide.to_string().parse(), Ok(wide));
        for wrong in [
            "",
            "1-2-3.parquet",
            "1-2-3-4-5.parquet",
            "2-1-3-4.parquet",
            "1-2-4-3.parquet",
            "1-2-3-4.parquet.tmp",
            "1-2-3-4.parquet.damaged",
            "1-+2-3-4.parquet",
            "1--2-3-4.parquet",
            "1-2-3-99999999999999999999.parquet",
        ] {
            assert_eq!(wrong.parse::<SegmentName>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn days_have_their_dates() {
        let of = |days: u64| date(days);
        assert_eq!(of(0), (1970, 1, 1));
        assert_eq!(of(11_016), (2000, 2, 29));
        assert_eq!(of(11_017), (2000, 3, 1));
        assert_eq!(of(47_540), (2100, 2, 28));
        assert_eq!(of(47_541), (2100, 3, 1));
        assert_eq!(of(20_787), (2026, 11, 30));
        assert!(is_folder("2026-11-30") && is_folder("23") && !is_folder("lost+found"));
    }

    #[test]
    fn journals_are_named_by_their_first_record() {
        assert_eq!(journal(42), "journal-0000000000000042");
        assert_eq!(journal_of(&journal(u64::MAX)), Some(u64::MAX));
        for other in ["journal-", "journal-x", "journal-1.tmp", "lock", "journal-+1"] {
            assert_eq!(journal_of(other), None, "{other}");
        }
    }

    #[test]
    fn time_ranges_are_half_open() {
        let own = SegmentName { first: 1, last: 2, from: 10, to: 20 };
        assert!(own.overlaps(20, 21) && own.overlaps(0, 11) && own.overlaps(12, 13));
        assert!(!own.overlaps(21, 30) && !own.overlaps(0, 10));
    }
}
