//! Durations by size, cumulative as Prometheus wants them.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// Which durations are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Those of work: a drain is to stay far below its interval of a second, a grace period takes some 10 ms.
    #[default]
    Work,
    /// Those in which flow logs of clouds come: some minutes, and hours where something is wrong.
    Delivery,
}

/// Buckets with an upper bound.
const BOUNDS: usize = 12;

impl Scale {
    /// Upper bounds of the buckets but the last, which has none; seconds.
    pub const fn bounds(self) -> &'static [f64; BOUNDS] {
        match self {
            Self::Work => {
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]
            }
            Self::Delivery => &[
                15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0,
                86_400.0,
            ],
        }
    }
}

/// How often something took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    scale: Scale,
    /// Observations by bucket; not cumulative.
    counts: [u64; BOUNDS + 1],
    sum: Duration,
}

impl Histogram {
    /// Without observations, for durations of this scale.
    pub fn of(scale: Scale) -> Self {
        Self { scale, ..Self::default() }
    }

    /// Adds an observation.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bounds = self.scale.bounds();
        let bucket = bounds.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS);
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Adds the observations of another one of the same scale.
    pub fn add(&mut self, other: &Self) {
        debug_assert_eq!(self.scale, other.scale);
        self.counts.iter_mut().zip(other.counts).for_each(|(own, other)| *own += other);
        self.sum = self.sum.saturating_add(other.sum);
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
        let bounds = self.scale.bounds().iter().copied().map(Some).chain([None]);
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

    #[test]
    fn bounds_ascend_and_those_of_deliveries_are_minutes() {
        for scale in [Scale::Work, Scale::Delivery] {
            assert!(scale.bounds().is_sorted_by(|one, next| one < next), "{scale:?}");
        }
        let (mut one, mut other) = (Histogram::of(Scale::Delivery), Histogram::of(Scale::Delivery));
        [15, 16, 900].into_iter().for_each(|seconds| one.observe(Duration::from_secs(seconds)));
        [901, 100_000].into_iter().for_each(|seconds| other.observe(Duration::from_secs(seconds)));
        one.add(&other);
        let found: Vec<_> = one.buckets().filter(|(_, count)| *count > 0).collect();
        let expected =
            [(Some(15.0), 1), (Some(30.0), 1), (Some(900.0), 1), (Some(1800.0), 1), (None, 1)];
        assert_eq!((found, one.count(), one.sum()), (expected.to_vec(), 5, 101_832.0));
    }
}
