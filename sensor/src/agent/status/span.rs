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
}
