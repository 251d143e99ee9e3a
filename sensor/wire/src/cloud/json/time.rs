//! Times as JSON has them, in milliseconds since the epoch.

/// Times before, in seconds, are none: no cloud wrote a flow log before 2001.
pub const EARLIEST: u64 = 1_000_000_000;
/// Times from here on, in seconds, are none: milliseconds are meant.
const LATEST: u64 = 100_000_000_000;

/// The time that a number of seconds, or of milliseconds, tells; none where it is no plausible one.
#[inline]
pub fn epoch(number: u64) -> Option<u64> {
    match number {
        EARLIEST..LATEST => Some(number * 1000),
        _ => plausible(number),
    }
}

/// A time in milliseconds, unless it is none.
#[inline]
pub fn plausible(milliseconds: u64) -> Option<u64> {
    (EARLIEST..LATEST).contains(&(milliseconds / 1000)).then_some(milliseconds)
}

/// The time that RFC 3339 text tells: `2026-01-31T23:59:59.123456789Z`, with any number of digits of the second or none, and
/// with `Z` or an offset. What is finer than a millisecond is left out.
#[inline]
pub fn rfc3339(text: &[u8]) -> Option<u64> {
    let (whole, rest) = text.split_first_chunk::<19>()?;
    let number = |at: usize, digits: usize| {
        whole[at..at + digits].iter().try_fold(0_u32, |number, octet| {
            let digit = octet.wrapping_sub(b'0');
            (digit <= 9).then_some(number * 10 + u32::from(digit))
        })
    };
    let marks = [whole[4], whole[7], whole[13], whole[16]];
    if marks != *b"--::" || !matches!(whole[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    // The 60th is a leap second.
    if year < 1970
        || day == 0
        || day > days_of(year, month)?
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (milliseconds, zone) = fraction(rest)?;
    let seconds = i64::from(days(year, month, day)) * 86_400
        + i64::from(hour * 3600 + minute * 60 + second)
        - offset(zone)?;
    Some(u64::try_from(seconds).ok()? * 1000 + milliseconds)
}

/// Milliseconds that a fraction of a second begins with, and what follows it.
fn fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let [b'.', digits @ ..] = text else { return Some((0, text)) };
    let count = digits.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(count);
    let padded = digits.iter().chain(b"000").take(3);
    let milliseconds = padded.fold(0, |number, octet| number * 10 + u64::from(octet - b'0'));
    (count > 0).then_some((milliseconds, rest))
}

/// Seconds that a zone is ahead.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, h, hh, m, mm) = match zone {
        b"Z" | b"z" => return Some(0),
        [b'+', h, hh, b':', m, mm] => (1, h, hh, m, mm),
        [b'-', h, hh, b':', m, mm] => (-1, h, hh, m, mm),
        _ => return None,
    };
    let two = |ten: &u8, one: &u8| {
        let is_number = ten.is_ascii_digit() && one.is_ascii_digit();
        is_number.then(|| i64::from(ten - b'0') * 10 + i64::from(one - b'0'))
    };
    let (hours, minutes) = (two(h, hh)?, two(m, mm)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_of(year: u32, month: u32) -> Option<u32> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap(year)),
        _ => return None,
    })
}

/// Days since the epoch.
fn days(year: u32, month: u32, day: u32) -> u32 {
    /// Days of a year before each of its months.
    const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let this = u32::from(month > 2 && is_leap(year));
    (year - 1970) * 365 + leaps + BEFORE[month as usize - 1] + this + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_fraction_and_offset() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2020-08-31T23:52:35Z", 1_598_917_955_000),
            ("2025-09-27T21:34:39.250342106Z", 1_759_008_879_250),
            ("2025-09-27T21:34:39.2Z", 1_759_008_879_200),
            ("2025-09-27t23:34:39.2509999999999+02:00", 1_759_008_879_250),
            ("2025-09-27 16:04:39.25-05:30", 1_759_008_879_250),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(rfc3339(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2025-09-27",
            "2025-09-27T21:34:39",
            "2025-09-27T21:34:39.Z",
            "2025-09-27T21:34:39.5",
            "2025-09-27T21:34:39ZZ",
            "2025-13-27T21:34:39Z",
            "2025-00-27T21:34:39Z",
            "2025-02-29T21:34:39Z",
            "2100-02-29T21:34:39Z",
            "2025-09-00T21:34:39Z",
            "2025-09-27T24:34:39Z",
            "2025-09-27T21:60:39Z",
            "2025-09-27T21:34:61Z",
            "2025-09-27T21:34:39+0200",
            "2025-09-27T21:34:39+24:00",
            "2025-09-27T21:34:39+02:60",
            "2025-09-27x21:34:39Z",
            "20x5-09-27T21:34:39Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
        ] {
            assert_eq!(rfc3339(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = 0;
        for year in 1970..2201 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month).expect("a month") {
                    assert_eq!(days(year, month, day), expected, "{year}-{month}-{day}");
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        for (number, expected) in [
            (0, None),
            (999_999_999, None),
            (1_598_917_969, Some(1_598_917_969_000)),
            (1_598_917_969_123, Some(1_598_917_969_123)),
            (99_999_999_999_999, Some(99_999_999_999_999)),
            (100_000_000_000_000, None),
            (u64::MAX, None),
        ] {
            assert_eq!(epoch(number), expected, "{number}");
        }
    }
}
