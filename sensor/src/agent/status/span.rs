//! Spans of time for people: the two largest units that say something.

/// Units and their seconds, the largest first.
const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];

/// `90 s` as `1 min 30 s`, `95973446 s` as `1110 d 19 h`.
pub fn span(seconds: u64) -> String {
    let largest = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut words = Vec::new();
    for (unit, name) in UNITS.iter().skip(largest).take(2) {
        let count = rest / unit;
        rest %= unit;
        if count > 0 || words.is_empty() {
            words.push(format!("{count} {name}"));
        }
    }
    words.join(" ")
}

/// How far a clock is from ours that differs by so many milliseconds: `6 h 20 min behind ours`.
pub fn clock_offset(milliseconds: i64) -> String {
    let side = if milliseconds < 0 { "behind" } else { "ahead of" };
    format!("{} {side} ours", span(milliseconds.unsigned_abs() / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_at_most() {
        let spans = [0, 59, 60, 90, 3600, 22_800, 86_399, 86_400, 90_000, 95_973_446].map(span);
        assert_eq!(
            spans,
            [
                "0 s",
                "59 s",
                "1 min",
                "1 min 30 s",
                "1 h",
                "6 h 20 min",
                "23 h 59 min",
                "1 d",
                "1 d 1 h",
                "1110 d 19 h"
            ]
        );
    }

    #[test]
    fn a_clock_is_ahead_or_behind() {
        assert_eq!(clock_offset(-22_800_000), "6 h 20 min behind ours");
        assert_eq!(clock_offset(2_240_524_800_999), "25932 d ahead of ours");
    }
}
