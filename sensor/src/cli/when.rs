//! Times as people write them: `yesterday 14:00`, `-2h`, `2026-11-30`, RFC 3339, seconds since the epoch.
//!
//! Pure: the time now and the zone are arguments. A time without a zone of its own is one of UTC, as all times are that this program
//! prints, so that what is copied from its output means the same; with `--local`, of the host's zone. Ranges are half-open.

use std::ops::Range;

use chrono::{
    DateTime, Datelike as _, Days, FixedOffset, Local, MappedLocalTime, NaiveDate, NaiveDateTime,
    NaiveTime, TimeZone, Utc, Weekday,
};
use sensor_core::{
    diagnostic::{Diagnostic, nearest},
    settings::value::parse_duration,
};

/// What `--help` and messages say of times.
pub const FORMS: &str = "write `-2h`, `14:30`, `yesterday 14:30`, `monday`, `2026-11-30`, `2026-11-30 14:30`, \
                         `2026-11-30T14:30:00Z` or seconds since the epoch";

/// In which zone times are read and shown that do not name theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// UTC.
    #[default]
    Utc,
    /// That of the host, or of the variable TZ.
    Local,
}

/// The first number that is taken for milliseconds since the epoch, and not for seconds: 1973 as milliseconds, 5138 as seconds.
const LEAST_MS: u64 = 100_000_000_000;
/// The end of the year 9999: later times have no form.
const LATEST: u64 = 253_402_300_799_999;

/// What stands for a day, and how many days ago that is.
const DAYS: [(&str, u64); 2] = [("today", 0), ("yesterday", 1)];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

impl Zone {
    /// What `text` means, milliseconds since the epoch, if it is `now` now.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(self, text: &str, now: u64) -> Result<u64, Diagnostic> {
        match self {
            Self::Utc => read(text, now, &Utc),
            Self::Local => read(text, now, &Local),
        }
    }

    /// A time as people read it, in this zone: `2026-11-30 14:30:00.123`.
    pub fn show(self, ms: u64) -> String {
        self.form(ms, "%Y-%m-%d %H:%M:%S%.3f")
    }

    /// The same without what is smaller than a second.
    pub fn show_seconds(self, ms: u64) -> String {
        self.form(ms, "%Y-%m-%d %H:%M:%S")
    }

    /// The zone as a heading names it: `UTC`, `+01:00`.
    pub fn name(self, ms: u64) -> String {
        match self {
            Self::Utc => "UTC".to_owned(),
            Self::Local => self.form(ms, "%:z"),
        }
    }

    fn form(self, ms: u64, form: &str) -> String {
        let time = utc(ms);
        match self {
            Self::Utc => time.format(form).to_string(),
            Self::Local => time.with_timezone(&Local).format(form).to_string(),
        }
    }
}

/// A time as RFC 3339 has it.
pub fn rfc3339(ms: u64) -> String {
    utc(ms).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn utc(ms: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms.min(LATEST).cast_signed()).unwrap_or_default()
}

/// One word of a text, and where it stands.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    at: usize,
}

impl Word<'_> {
    fn span(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

fn read<Z: TimeZone>(text: &str, now: u64, zone: &Z) -> Result<u64, Diagnostic> {
    let lower = text.to_ascii_lowercase();
    let words: Vec<Word<'_>> = words(&lower);
    let Some(first) = words.first().copied() else {
        return Err(fault(0..text.len(), "there is no time", "nothing"));
    };
    if let Some(ms) = relative(&lower, &words, now)? {
        return Ok(ms);
    }
    if let [word] = words[..]
        && word.text.bytes().all(|octet| octet.is_ascii_digit())
        && word.text.len() > 4
    {
        return epoch(word);
    }
    let today = utc(now).with_timezone(zone).date_naive();
    // `2026-11-30T14:30` is a word, and two things.
    let (day, rest) = match first.text.split_once('t') {
        Some((date, time)) if looks_like_date(date) => {
            let time = Word { text: time, at: first.at + date.len() + 1 };
            (Word { text: date, at: first.at }, [&[time][..], &words[1..]].concat())
        }
        _ => (first, words[1..].to_vec()),
    };
    let (day, rest) = match date_of(day, today)? {
        Some(date) => (date, rest),
        None if looks_like_time(first.text) => (today, words),
        None => return Err(unknown(first)),
    };
    let Some(clock) = rest.first().copied() else {
        return resolve(day.and_time(NaiveTime::MIN), zone, first.at..lower.trim_end().len());
    };
    let (time, offset) = clock_of(clock)?;
    let offset = match (offset, rest.get(1).copied()) {
        (Some(_), Some(more)) => return Err(unexpected(more)),
        (None, Some(word)) => Some(offset_of(word.text).ok_or_else(|| unexpected(word))?),
        (offset, None) => offset,
    };
    if let Some(more) = rest.get(2) {
        return Err(unexpected(*more));
    }
    let span = first.at..lower.trim_end().len();
    match offset {
        Some(offset) => resolve(day.and_time(time), &offset, span),
        None => resolve(day.and_time(time), zone, span),
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    for part in text.split(|c: char| c.is_ascii_whitespace()) {
        if !part.is_empty() {
            words.push(Word { text: part, at });
        }
        at += part.len() + 1;
    }
    words
}

/// `now`, `-2h`, `2h ago`.
fn relative(text: &str, words: &[Word<'_>], now: u64) -> Result<Option<u64>, Diagnostic> {
    let trimmed = text.trim();
    let begin = text.len() - text.trim_start().len();
    let length = match trimmed.strip_prefix('-') {
        _ if trimmed == "now" => return Ok(Some(now)),
        Some(length) => Some((length, begin + 1)),
        None => match words.split_last() {
            Some((ago, before)) if ago.text == "ago" && !before.is_empty() => {
                Some((&text[begin..ago.at], begin))
            }
            _ => None,
        },
    };
    let Some((length, at)) = length else { return Ok(None) };
    let span = at..at + length.trim_end().len();
    let read = parse_duration(length)
        .map_err(|why| fault(span.clone(), format!("no length of time: {why}"), "such as `2h`"))?;
    let ms = u64::try_from(read.as_millis()).unwrap_or(u64::MAX);
    now.checked_sub(ms).map(Some).ok_or_else(|| fault(span, "before 1970", "too long ago"))
}

fn epoch(word: Word<'_>) -> Result<u64, Diagnostic> {
    let too_late = || fault(word.span(), "a time after the year 9999", "too late");
    let number: u64 = word.text.parse().map_err(|_| too_late())?;
    let ms = if number < LEAST_MS { number * 1000 } else { number };
    if ms > LATEST { Err(too_late()) } else { Ok(ms) }
}

fn looks_like_date(text: &str) -> bool {
    text.len() >= 8 && text.contains('-') && text.starts_with(|c: char| c.is_ascii_digit())
}

fn looks_like_time(text: &str) -> bool {
    text.contains(':') && text.starts_with(|c: char| c.is_ascii_digit())
}

/// The day that a word says; none where it is no day.
fn date_of(word: Word<'_>, today: NaiveDate) -> Result<Option<NaiveDate>, Diagnostic> {
    let ago = |days: u64| today.checked_sub_days(Days::new(days));
    if let Some((_, days)) = DAYS.iter().find(|(name, _)| *name == word.text) {
        return Ok(ago(*days));
    }
    let is_short = |name: &str| word.text.len() == 3 && name.starts_with(word.text);
    if let Some((_, day)) = WEEKDAYS.iter().find(|(name, _)| *name == word.text || is_short(name)) {
        return Ok(ago(today.weekday().days_since(*day).into()));
    }
    if !looks_like_date(word.text) {
        return Ok(None);
    }
    let no_day = || fault(word.span(), "no such day", "a date is YEAR-MONTH-DAY");
    NaiveDate::parse_from_str(word.text, "%Y-%m-%d").map(Some).map_err(|_| no_day())
}

/// The time of day that a word says, and its zone, if it has one.
fn clock_of(word: Word<'_>) -> Result<(NaiveTime, Option<FixedOffset>), Diagnostic> {
    let end = word.text.find(['z', '+', '-']).unwrap_or(word.text.len());
    let (clock, zone) = word.text.split_at(end);
    let forms = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f"];
    let read = forms.iter().find_map(|form| NaiveTime::parse_from_str(clock, form).ok());
    let Some(time) = read else {
        let span = word.at..word.at + clock.len().max(1);
        return Err(fault(span, "no time of day", "such as `14:30` or `14:30:15.250`"));
    };
    if zone.is_empty() {
        return Ok((time, None));
    }
    let span = word.at + end..word.at + word.text.len();
    let wrong = || fault(span, "no zone", "`Z`, or an offset such as `+01:00`");
    Ok((time, Some(offset_of(zone).ok_or_else(wrong)?)))
}

fn offset_of(text: &str) -> Option<FixedOffset> {
    if matches!(text, "z" | "utc") {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let is_number = digits.len() == 4 && digits.bytes().all(|octet| octet.is_ascii_digit());
    let number: i32 = is_number.then(|| digits.parse().ok())??;
    let (hours, minutes) = (number / 100, number % 100);
    let is_sound = hours < 24 && minutes < 60;
    is_sound.then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)))?
}

/// The moment at which clocks of a zone show a time: the first, where they show it twice.
fn resolve<Z: TimeZone>(
    civil: NaiveDateTime,
    zone: &Z,
    span: Range<usize>,
) -> Result<u64, Diagnostic> {
    let ms = match zone.from_local_datetime(&civil) {
        MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => {
            time.timestamp_millis()
        }
        MappedLocalTime::None => {
            let message = "a time that no clock of this zone shows";
            return Err(fault(span, message, "clocks are set forward over it"));
        }
    };
    u64::try_from(ms).map_err(|_| fault(span, "a time before 1970", "too early"))
}

fn unknown(word: Word<'_>) -> Diagnostic {
    let known = DAYS.iter().map(|(name, _)| *name).chain(WEEKDAYS.iter().map(|(name, _)| *name));
    match nearest(word.text, known.chain(["now"])) {
        Some(near) => fault(word.span(), "no time", format!("did you mean `{near}`?")),
        None => fault(word.span(), "no time", "neither a day nor a time of day"),
    }
}

fn unexpected(word: Word<'_>) -> Diagnostic {
    fault(word.span(), "more than a time", "nothing is expected here")
}

fn fault(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
    Diagnostic::error(message, span).label(label).help(FORMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-01 02:30:15.500 UTC, a Tuesday.
    const NOW: u64 = 1_796_092_215_500;
    const DAY: u64 = 86_400_000;
    const HOUR: u64 = 3_600_000;
    const MIDNIGHT: u64 = 1_796_083_200_000;

    fn at(text: &str) -> u64 {
        read(text, NOW, &Utc).unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
    }

    #[test]
    fn the_time_now_is_what_the_tests_say() {
        assert_eq!(Zone::Utc.show(NOW), "2026-12-01 02:30:15.500");
        assert_eq!(rfc3339(MIDNIGHT), "2026-12-01T00:00:00.000Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(Zone::Utc.name(NOW), "UTC");
    }

    #[test]
    fn people_s_times() {
        for (text, expected) in [
            ("now", NOW),
            ("-2h", NOW - 2 * HOUR),
            ("-1h 30m", NOW - HOUR * 3 / 2),
            ("90 min ago", NOW - HOUR * 3 / 2),
            (" 7d ago ", NOW - 7 * DAY),
            ("today", MIDNIGHT),
            ("TODAY 01:15", MIDNIGHT + HOUR * 5 / 4),
            ("yesterday", MIDNIGHT - DAY),
            ("yesterday 14:00", MIDNIGHT - 10 * HOUR),
            ("14:00:01", MIDNIGHT + 14 * HOUR + 1000),
            ("tuesday", MIDNIGHT),
            ("Monday", MIDNIGHT - DAY),
            ("wed 06:00", MIDNIGHT - 6 * DAY + 6 * HOUR),
            ("2026-11-30", MIDNIGHT - DAY),
            ("2026-11-30 23:59", MIDNIGHT - 60_000),
            ("2026-11-30T23:59:59.999", MIDNIGHT - 1),
            ("2026-11-30T23:59:59.999Z", MIDNIGHT - 1),
            ("2026-12-01T01:00:00+01:00", MIDNIGHT),
            ("2026-11-30 19:30 -0430", MIDNIGHT),
            ("2026-12-01 00:00 utc", MIDNIGHT),
            ("1796083200", MIDNIGHT),
            ("1796083200000", MIDNIGHT),
            ("1796083200123", MIDNIGHT + 123),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_the_same() {
        for ms in [0, NOW, MIDNIGHT, 951_782_400_001] {
            assert_eq!(at(&Zone::Utc.show(ms)), ms);
            assert_eq!(at(&rfc3339(ms)), ms);
        }
    }

    #[test]
    fn a_zone_moves_days_and_clocks() {
        let zone = FixedOffset::west_opt(5 * 3600).unwrap();
        let at = |text| read(text, NOW, &zone).unwrap();
        // There it is still Monday.
        assert_eq!(at("today"), MIDNIGHT - DAY + 5 * HOUR);
        assert_eq!(at("monday 20:00"), MIDNIGHT + HOUR);
        assert_eq!(at("tuesday"), MIDNIGHT - 7 * DAY + 5 * HOUR);
        assert_eq!(at("2026-12-01T00:00:00Z"), MIDNIGHT, "its own zone");
        assert_eq!(at("-2h"), NOW - 2 * HOUR);
    }

    #[test]
    fn what_is_no_time_is_pointed_at() {
        for (text, span, message) in [
            ("", 0..0, "there is no time"),
            ("yesturday", 0..9, "no time"),
            ("next week", 0..4, "no time"),
            ("2026-11-31", 0..10, "no such day"),
            ("2026-13-01 10:00", 0..10, "no such day"),
            ("today 25:00", 6..11, "no time of day"),
            ("today 10:00 pm", 12..14, "more than a time"),
            ("2026-11-30T10:00:00+25:00", 19..25, "no zone"),
            ("2026-11-30 10:00 +01:00 x", 24..25, "more than a time"),
            ("-2 fortnights", 1..13, "no length of time: "),
            ("-100y", 1..5, "before 1970"),
            ("1969-12-31", 0..10, "a time before 1970"),
            ("99999999999999999999", 0..20, "a time after the year 9999"),
            ("999999999999999", 0..15, "a time after the year 9999"),
        ] {
            let fault = read(text, NOW, &Utc).expect_err(text);
            assert_eq!(fault.span, span, "{text}: {}", fault.message);
            assert!(fault.message.starts_with(message), "{text}: {}", fault.message);
        }
        let fault = read("yesturday", NOW, &Utc).unwrap_err();
        assert_eq!(fault.label.as_deref(), Some("did you mean `yesterday`?"));
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let pieces = ["-", "2026-11-30", "t", ":", "ago", "é", " ", "14:30", "+", "z", "\u{a0}"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    let text = format!("{a}{b}{c}");
                    if let Err(fault) = read(&text, NOW, &Utc) {
                        let lower = text.to_ascii_lowercase();
                        assert!(
                            lower.get(fault.span.clone()).is_some(),
                            "{text}: {:?}",
                            fault.span
                        );
                    }
                }
            }
        }
    }
}
