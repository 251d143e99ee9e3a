//! Durations by size, cumulative as Prometheus wants them.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// Upper bounds of the buckets but the last, which has none; seconds. A drain is to stay far below its interval of a second,
/// a grace period takes some 10 ms.
pub const BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How often something took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Observations by bucket; not cumulative.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// Adds an observation.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket] += 1;
        self.sum += took;
    }

    /// Observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all observations, seconds.
    pub fn sum(&self) -> f64 {
        self.sum.as_secs_f64()
    }

    /// Observations by bucket, not cumulative, each with its upper bound; the last has none.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = BOUNDS.into_iter().map(Some).chain([None]);
        bounds.zip(self.counts)
    }

    /// The mean of all observations, where there is one.
    pub fn mean(&self) -> Option<Duration> {
        let count = u32::try_from(self.count()).ok().filter(|count| *count > 0)?;
        Some(self.sum / count)
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut histogram = serializer.serialize_struct("Histogram", 2)?;
        histogram.serialize_field("count", &self.count())?;
        histogram.serialize_field("sum", &self.sum())?;
        histogram.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_what_is_longer_to_the_last() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.mean(), None);
        for ms in [1, 2, 3, 10_000, 10_001] {
            histogram.observe(Duration::from_millis(ms));
        }
        let found: Vec<_> = histogram.buckets().filter(|(_, count)| *count > 0).collect();
        let expected =
            [(Some(0.001), 1), (Some(0.0025), 1), (Some(0.005), 1), (Some(10.0), 1), (None, 1)];
        assert_eq!(found, expected);
        assert_eq!((histogram.count(), histogram.sum()), (5, 20.007));
        assert_eq!(histogram.mean(), Some(Duration::from_micros(4_001_400)));
    }
}
