//! Numbers for people.

/// Octets in binary units, as the configuration has them.
pub fn size(octets: u64) -> String {
    let mebi = octets as f64 / f64::from(1 << 20);
    match mebi {
        1024.0.. => format!("{:.1} GiB", mebi / 1024.0),
        _ => format!("{mebi:.1} MiB"),
    }
}

/// A number with separators.
pub fn thousands(number: u64) -> String {
    match number {
        1000.. => format!("{},{:03}", thousands(number / 1000), number % 1000),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(
            (size(0), size(1 << 20), size(3 << 29)),
            ("0.0 MiB".into(), "1.0 MiB".into(), "1.5 GiB".into())
        );
        assert_eq!([0, 999, 1000, 1_048_576].map(thousands), ["0", "999", "1,000", "1,048,576"]);
    }
}
