//! Windows against naive ones, which keep every record and go through all of them at every question.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::{
    Grid,
    distinct::{Distinct, EXACT},
    mix,
    series::{Placed, Sample, Series, VALUES},
    sketch::Sketch,
    starts::Starts,
};

/// A window that keeps its records, with something that is counted distinct.
struct Naive {
    grid: Grid,
    origin: i128,
    newest: u64,
    records: Vec<(Sample, u64)>,
}

impl Naive {
    fn new(grid: Grid) -> Self {
        Self { grid, origin: 0, newest: 0, records: Vec::new() }
    }

    fn bucket(&self, time: u64) -> i128 {
        (i128::from(time) - self.origin).div_euclid(i128::from(self.grid.width))
    }

    fn oldest(&self) -> i128 {
        self.bucket(self.newest) - i128::from(self.grid.buckets) + 1
    }

    fn add(&mut self, sample: Sample, value: u64) -> bool {
        let silence = self.bucket(sample.end) - self.bucket(self.newest);
        if self.records.is_empty() || silence >= i128::from(self.grid.buckets) {
            self.records.clear();
            let length = self.grid.width * self.grid.buckets as u64;
            self.origin = i128::from(sample.start.max(sample.end.saturating_sub(length - 1)));
            self.newest = sample.end;
        }
        self.newest = self.newest.max(sample.end);
        let fits = self.bucket(sample.end) >= self.oldest();
        if fits {
            self.records.push((sample, value));
        }
        fits
    }

    fn live(&self) -> impl Iterator<Item = &(Sample, u64)> + Clone {
        self.records.iter().filter(|(sample, _)| self.bucket(sample.end) >= self.oldest())
    }

    /// The part of a record's value that lies in the window.
    fn part(&self, sample: &Sample, at: usize) -> u64 {
        let border = (self.origin + self.oldest() * i128::from(self.grid.width))
            .clamp(i128::from(sample.start), i128::from(sample.end)) as u64;
        let duration = sample.end - sample.start;
        if duration == 0 || self.bucket(sample.start) >= self.oldest() {
            return sample.values[at];
        }
        let before = u128::from(sample.values[at]) * u128::from(border - sample.start);
        sample.values[at] - (before / u128::from(duration)) as u64
    }
}

/// Records: how far time moves on, how late and how long each is, what it counts, and one of few values.
fn records(window: u64) -> impl Strategy<Value = Vec<(Sample, u64)>> {
    let late = prop_oneof![3 => Just(0), 1 => 0..2 * window];
    let record = (0..window / 3, late, 0..2 * window, [0_u64..5000, 0..5], 0..40_u64);
    let steps = prop_oneof![20 => Just(0), 1 => 0..3 * window];
    vec((record, steps), 1..60).prop_map(move |records| {
        let mut time = 1_700_000_000_000;
        let records = records.into_iter();
        records
            .map(|((step, late, duration, values, value), gap)| {
                time += step + gap;
                let end = time - late;
                (Sample { start: end - duration, end, values }, value)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn sums_and_extremes(records in records(60_000)) {
        let grid = Grid::new(60_000);
        let (mut series, mut naive) = (Series::default(), Naive::new(grid));
        for (sample, value) in records {
            let placed = series.add(grid, &sample);
            prop_assert_eq!(placed != Placed::TooOld, naive.add(sample, value));
            let buckets: Vec<_> = series.from(series.oldest(grid)).collect();
            let count: u32 = buckets.iter().map(|bucket| bucket.records).sum();
            prop_assert_eq!(count as usize, naive.live().count());
            prop_assert_eq!(u64::from(count), series.records(None));
            for at in 0..VALUES {
                let sum: u64 = buckets.iter().map(|bucket| bucket.sums[at]).sum();
                prop_assert_eq!(sum, series.sum(at, None));
                prop_assert_eq!(sum, series.sum(at, Some(series.oldest(grid))));
                let parts = naive.records.iter().map(|(sample, _)| naive.part(sample, at));
                let lives = naive.live().map(|(sample, _)| sample.values[at]);
                // Records that ended before the window may reach no bucket of it.
                let naive_sum: u64 = parts
                    .zip(&naive.records)
                    .filter(|(_, (sample, _))| naive.bucket(sample.end) >= naive.oldest())
                    .map(|(part, _)| part)
                    .sum();
                prop_assert_eq!(sum, naive_sum);
                let minimum = buckets.iter().map(|bucket| bucket.minima[at]).min();
                prop_assert_eq!(minimum.filter(|_| count > 0), lives.clone().min());
                let maximum = buckets.iter().map(|bucket| bucket.maxima[at]).max();
                prop_assert_eq!(maximum.filter(|_| count > 0), lives.max());
            }
        }
    }

    #[test]
    fn distinct_values_and_starts(records in records(3_600_000)) {
        let grid = Grid::new(3_600_000);
        let (mut series, mut naive) = (Series::default(), Naive::new(grid));
        let (mut distinct, mut starts) = (Distinct::default(), Starts::default());
        for (sample, value) in records {
            naive.add(sample, value);
            let placed = series.add(grid, &sample);
            let oldest = series.oldest(grid);
            if let Placed::Anew(_) = placed {
                (distinct, starts) = (Distinct::new(oldest), Starts::new(oldest));
            }
            if let Placed::In(bucket) | Placed::Anew(bucket) = placed {
                distinct.add(value, bucket, oldest);
                starts.add(sample.start, sample.values[0], bucket, oldest);
            }
            let values: BTreeSet<u64> = naive.live().map(|(_, value)| *value).collect();
            prop_assert_eq!(distinct.count(oldest), values.len() as f64);
            let mut by_start = BTreeMap::<u64, u64>::new();
            for (sample, _) in naive.live() {
                let size = by_start.entry(sample.start).or_default();
                *size = sample.values[0].max(*size);
            }
            let times: Vec<u64> = by_start.keys().copied().collect();
            let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
            let sizes: Vec<f64> = by_start.values().map(|size| *size as f64).collect();
            let expected = if times.len() < 4 { 0.0 } else { regularity(&gaps) };
            prop_assert!((starts.score(oldest, false) - expected).abs() < 1e-9);
            let both = (expected + regularity(&sizes)) / 2.0;
            let expected = if times.len() < 4 { 0.0 } else { both };
            prop_assert!((starts.score(oldest, true) - expected).abs() < 1e-9);
        }
    }
}

fn regularity(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    if mean == 0.0 {
        return 1.0;
    }
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    1.0 - ((squares / values.len() as f64).sqrt() / mean).min(1.0)
}

#[test]
fn sums_saturate() {
    let grid = Grid::new(60_000);
    let mut series = Series::default();
    for start in [1_000, 100_000] {
        for _ in 0..3 {
            series.add(grid, &Sample { start, end: 101_000, values: [u64::MAX; VALUES] });
        }
    }
    let buckets: Vec<_> = series.from(i32::MIN).collect();
    assert!(buckets.iter().any(|bucket| bucket.sums[0] == u64::MAX));
    assert_eq!(buckets.iter().map(|bucket| bucket.records).sum::<u32>(), 6);
    assert_eq!(series.sum(0, None), u64::MAX);
    // What is left once the rest is forgotten is exact again.
    series.add(grid, &Sample { start: 160_000, end: 160_000, values: [7, 8] });
    let left = series.sum(1, None);
    assert!(left == 8 || left == u64::MAX, "{left}");
    series.add(grid, &Sample { start: 190_000, end: 190_000, values: [7, 8] });
    assert_eq!(series.sum(1, None), 16);
}

#[test]
fn times_at_the_ends_of_the_range() {
    let grid = Grid::new(15_000);
    let mut series = Series::default();
    for (start, end) in [(0, u64::MAX), (5, 3), (u64::MAX, u64::MAX), (0, 0), (u64::MAX, 1)] {
        let sample = Sample { start, end, values: [1; VALUES] };
        series.prefetch(grid, &sample);
        series.prefetch_older(grid, &sample);
        series.add(grid, &sample);
    }
    assert_eq!(series.newest, u64::MAX);
}

/// More values than are kept one by one: within three standard errors of 3.3 %.
#[test]
fn many_values_are_estimated() {
    for count in [EXACT as u64 + 1, 1000, 10_000, 200_000] {
        let mut distinct = Distinct::new(0);
        for value in 0..count {
            distinct.add(value, 0, 0);
            distinct.add(value, 0, 0);
        }
        let error = distinct.count(0) / count as f64 - 1.0;
        assert!(error.abs() < 0.1, "{count}: {error}");
    }
}

/// One sketch is asked at every step, so that it keeps its union; the other only at the end.
#[test]
fn a_union_that_is_kept_is_the_one_that_is_made() {
    let (mut asked, mut quiet) = (Sketch::new(0), Sketch::new(0));
    for number in 0..20_000_u64 {
        let bucket = (number / 1000) as i32;
        // Some come late, and the window goes on.
        let late = bucket - (number % 3 / 2) as i32;
        let oldest = (bucket - 7).max(0);
        for sketch in [&mut asked, &mut quiet] {
            sketch.add(mix(number), late.max(oldest), oldest);
        }
        asked.estimate(oldest);
        if number % 499 == 0 {
            assert_eq!(asked.estimate(oldest), quiet.estimate(oldest), "{number}");
        }
    }
}

#[test]
fn estimates_slide_and_do_not_depend_on_order() {
    let hashes: Vec<u64> = (0..20_000).map(mix).collect();
    let (mut forward, mut backward) = (Sketch::new(0), Sketch::new(0));
    for (at, hash) in hashes.iter().enumerate() {
        forward.add(*hash, (at / 10_000) as i32, 0);
    }
    for (at, hash) in hashes.iter().enumerate().rev() {
        backward.add(*hash, (at / 10_000) as i32, 0);
    }
    assert_eq!(forward.estimate(0), backward.estimate(0));
    assert!((forward.estimate(0) / 20_000.0 - 1.0).abs() < 0.1);
    assert!((forward.estimate(1) / 10_000.0 - 1.0).abs() < 0.1);
    let early = forward.estimate(1);
    forward.add(hashes[10_000], 1, 1);
    assert_eq!(forward.estimate(1), early, "forgetting a bucket is what asking without it was");
}
