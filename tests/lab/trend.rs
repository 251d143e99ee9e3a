//! Whether something grows: the slope of samples over time, robust against what comes and goes.

/// A sample: when, in seconds, and how much.
pub type Sample = (f64, f64);

/// The slope of Theil and Sen: the median of the slopes between all pairs of samples. Outliers do not move it, up to 29 % of them,
/// and it needs no assumption about how samples scatter. 0 where there are no two.
pub fn slope(samples: &[Sample]) -> f64 {
    let pairs = samples.iter().enumerate().flat_map(|(at, one)| {
        samples[at + 1..].iter().map(move |other| (other.1 - one.1) / (other.0 - one.0))
    });
    median(pairs.filter(|slope| slope.is_finite()).collect())
}

/// The middle value; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// By how much the samples grow from the first to the last, by their slope.
pub fn growth(samples: &[Sample]) -> f64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return 0.0 };
    slope(samples) * (last.0 - first.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples every two seconds, with noise that looks random and is always the same.
    fn samples(count: u32, value: impl Fn(f64) -> f64) -> Vec<Sample> {
        let noise = |n: u32| f64::from(n.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
        (0..count).map(|n| (f64::from(n) * 2.0, value(f64::from(n) * 2.0) + noise(n))).collect()
    }

    #[test]
    fn what_grows_is_told_from_what_scatters() {
        assert!((growth(&samples(100, |time| 50.0 + time / 20.0)) - 9.9).abs() < 0.5);
        assert!(growth(&samples(100, |_| 50.0)).abs() < 0.5);
    }

    #[test]
    fn peaks_that_go_again_are_no_growth_and_steps_that_stay_are() {
        let peaks = |time: f64| if time as u32 % 20 < 4 { 90.0 } else { 50.0 };
        assert!(growth(&samples(100, peaks)).abs() < 1.0);
        let stairs = |time: f64| 50.0 + (time / 20.0).floor() * 2.0;
        assert!(growth(&samples(100, stairs)) > 15.0);
    }

    #[test]
    fn nothing_and_one_sample_do_not_grow() {
        assert_eq!((growth(&[]), growth(&[(1.0, 7.0)])), (0.0, 0.0));
    }
}
