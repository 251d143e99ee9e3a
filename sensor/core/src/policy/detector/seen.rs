//! The window of a key as thresholds see it.

use super::{report::Snapshot, state::KeyState};
use crate::policy::{
    model::Policy,
    threshold::{Condition, Metric, Quantity, Window},
    window::{
        Grid,
        counted::OfKey,
        series::{Bucket, OCTETS, PACKETS, Series},
    },
};

/// A window at some time.
pub struct Seen<'s> {
    pub(super) state: &'s KeyState,
    /// What is counted beside sums.
    pub(super) counted: OfKey<'s>,
    pub(super) oldest: i32,
    /// `oldest`, where the window does not have all that is kept.
    pub(super) part: Option<i32>,
    /// Length, seconds.
    pub(super) seconds: f64,
}

impl<'s> Seen<'s> {
    /// The window of `state` that ends at `time`, so many seconds long.
    #[inline(always)]
    pub fn new(
        (state, counted): (&'s KeyState, OfKey<'s>),
        seconds: f64,
        grid: Grid,
        time: u64,
    ) -> Self {
        let oldest = state.series.oldest_at(grid, time);
        let part = (time != state.series.newest).then_some(oldest);
        Self { state, counted, oldest, part, seconds }
    }

    /// What an event tells of it, where `condition` holds.
    pub(super) fn snapshot(&self, condition: &Condition, policy: &Policy) -> Snapshot {
        let (counted, scaled) = self.state.united(self.oldest);
        let measured = condition.measure(self, &policy.distinct);
        Snapshot { counted, scaled, measured, newest: self.state.series.newest }
    }

    pub(super) fn records(&self) -> u64 {
        self.state.series.records(self.part)
    }

    /// A number of the records as reported or scaled, by `of`.
    #[inline(always)]
    pub(super) fn of(&self, metric: Metric, of: impl Fn(&Series, usize) -> u64) -> u64 {
        let series = &self.state.series;
        let scaled = |at| match self.state.scaled() {
            Ok(scaled) => of(scaled, at),
            Err(rate) => of(series, at).saturating_mul(rate.into()),
        };
        match metric {
            Metric::Bits => of(series, OCTETS).saturating_mul(8),
            Metric::Octets => of(series, OCTETS),
            Metric::Packets => of(series, PACKETS),
            Metric::ScaledBits => scaled(OCTETS).saturating_mul(8),
            Metric::ScaledPackets => scaled(PACKETS),
            Metric::Flows => 0,
        }
    }

    #[inline(always)]
    pub(super) fn total(&self, metric: Metric) -> u64 {
        match metric {
            Metric::Flows => self.records(),
            metric => self.of(metric, |series, at| series.sum(at, self.part)),
        }
    }

    pub(super) fn extreme(
        &self,
        metric: Metric,
        of: impl Fn(&Bucket, usize) -> u64,
        best: fn(u64, u64) -> u64,
    ) -> u64 {
        if metric == Metric::Flows {
            return self.records().min(1);
        }
        self.of(metric, |series, at| {
            let buckets = series.from(self.oldest).filter(|bucket| bucket.records > 0);
            buckets.map(|bucket| of(bucket, at)).reduce(best).unwrap_or(0)
        })
    }
}

impl Window for Seen<'_> {
    #[inline(always)]
    fn quantity(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::Sum(metric) => self.total(metric) as f64,
            Quantity::Rate(metric) => self.total(metric) as f64 / self.seconds,
            Quantity::Min(metric) => {
                self.extreme(metric, |bucket, at| bucket.minima[at], u64::min) as f64
            }
            Quantity::Max(metric) => {
                self.extreme(metric, |bucket, at| bucket.maxima[at], u64::max) as f64
            }
            Quantity::Count => self.records() as f64,
            Quantity::Distinct(at) => {
                let distinct = self.counted.distinct.get(at);
                distinct.map_or(0.0, |distinct| distinct.count(self.oldest))
            }
            Quantity::Beacon { sizes } => {
                self.counted.starts.map_or(0.0, |starts| starts.score(self.oldest, sizes))
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.records() == 0
    }
}
