//! Numeric intervals in patterns, `<1-100>`: spelled out as a regular expression.

use super::error::PatternError;

/// Reads the interval that `text` begins with (its `<` included).
///
/// Returns the regular expression, an atom, and the length of the interval in bytes; `None` when it is no interval, so
/// that the caller decides what a lone `<` is. If a bound has leading zeros, numbers with leading zeros match as well.
///
/// `at` is where `text` stands in the pattern, for errors.
pub fn read(text: &str, at: usize) -> Result<Option<(String, usize)>, PatternError> {
    let Some((inside, _)) = text.strip_prefix('<').and_then(|text| text.split_once('>')) else {
        return Ok(None);
    };
    let Some((low_text, high_text)) = inside.split_once('-') else { return Ok(None) };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(low_text) || !is_number(high_text) {
        return Ok(None);
    }
    let length = inside.len() + 2;
    let span = at..at + length;
    let (Ok(low), Ok(high)) = (low_text.parse::<u64>(), high_text.parse::<u64>()) else {
        return Err(PatternError::syntax(
            span,
            "a bound of the interval is too large",
            format!("bounds go up to {}", u64::MAX),
        ));
    };
    if low > high {
        return Err(PatternError::syntax(
            span,
            "the interval is empty",
            format!("write `<{high_text}-{low_text}>`"),
        ));
    }
    let zeros = |text: &str| text.len() > 1 && text.starts_with('0');
    let prefix = if zeros(low_text) || zeros(high_text) { "0*" } else { "" };
    Ok(Some((format!("(?:{prefix}(?:{}))", alternatives(low, high).join("|")), length)))
}

/// Regular expressions that together match the decimal numbers from `low` to `high`, none twice.
fn alternatives(low: u64, high: u64) -> Vec<String> {
    let mut found = Vec::new();
    let mut start = low;
    loop {
        // The widest block of numbers that begins at `start`, differs in its last digits only, and does not pass `high`.
        let mut free_digits = 0;
        let mut end = start;
        while let Some(wider) = block_end(start, free_digits + 1).filter(|&wider| wider <= high) {
            free_digits += 1;
            end = wider;
        }
        // Neighbouring blocks of the same width differ in one more digit: a range of that digit.
        let width = 10_u64.pow(free_digits);
        let digit = start / width % 10;
        let mut blocks = 1;
        while digit + blocks <= 9 && end.checked_add(width).is_some_and(|next| next <= high) {
            end += width;
            blocks += 1;
        }
        found.push(block(start / width / 10, digit, digit + blocks - 1, free_digits));
        match end.checked_add(1) {
            Some(next) if next <= high => start = next,
            _ => return found,
        }
    }
}

/// Last number of the block of `10^free_digits` numbers that begins at `start`; `None` when none begins there. Numbers of
/// different lengths never share a block: one that begins at 0 is a single number.
fn block_end(start: u64, free_digits: u32) -> Option<u64> {
    let width = 10_u64.checked_pow(free_digits)?;
    (start != 0 && start.is_multiple_of(width)).then(|| start.checked_add(width - 1)).flatten()
}

fn block(leading: u64, low_digit: u64, high_digit: u64, free_digits: u32) -> String {
    let leading = if leading == 0 { String::new() } else { leading.to_string() };
    let digit = if low_digit == high_digit {
        low_digit.to_string()
    } else {
        format!("[{low_digit}-{high_digit}]")
    };
    match free_digits {
        0 => format!("{leading}{digit}"),
        1 => format!("{leading}{digit}[0-9]"),
        _ => format!("{leading}{digit}[0-9]{{{free_digits}}}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn regex(interval: &str) -> Regex {
        let (regex, length) = read(interval, 0).unwrap().unwrap();
        assert_eq!(length, interval.len());
        Regex::new(&format!("^{regex}$")).unwrap()
    }

    #[test]
    fn leading_zeros_only_when_a_bound_has_them() {
        assert!(regex("<1-10>").is_match("7") && !regex("<1-10>").is_match("07"));
        let zeros = regex("<01-010>");
        assert!(zeros.is_match("7") && zeros.is_match("007") && !zeros.is_match("0"));
        assert!(regex("<0-255>").is_match("0") && !regex("<0-255>").is_match("00"));
    }

    #[test]
    fn what_is_no_interval() {
        for text in ["<", "<>", "<1>", "<a-b>", "<1-", "<-1>", "x<1-2>"] {
            assert_eq!(read(text, 0), Ok(None), "{text}");
        }
        assert!(read("<2-1>", 0).is_err());
        assert!(read("<1-99999999999999999999>", 0).is_err());
        assert!(regex("<0-18446744073709551615>").is_match("18446744073709551615"));
        assert!(!regex("<0-18446744073709551615>").is_match("18446744073709551616"));
    }

    proptest! {
        #[test]
        fn exactly_the_numbers_between(a in 0u64..3000, b in 0u64..3000, asked in 0u64..3500) {
            let (low, high) = (a.min(b), a.max(b));
            let matches = regex(&format!("<{low}-{high}>")).is_match(&asked.to_string());
            prop_assert_eq!(matches, (low..=high).contains(&asked));
        }

        #[test]
        fn large_bounds(low: u64, high: u64, asked: u64) {
            let (low, high) = (low.min(high), low.max(high));
            let interval = regex(&format!("<{low}-{high}>"));
            prop_assert_eq!(interval.is_match(&asked.to_string()), (low..=high).contains(&asked));
            let bounds_match = [low, high].map(|bound| interval.is_match(&bound.to_string()));
            prop_assert_eq!(bounds_match, [true; 2]);
        }
    }
}
