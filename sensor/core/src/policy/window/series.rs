//! Records, sums and extremes in buckets.

use std::mem;

use thin_vec::ThinVec;

use super::Grid;
use crate::flow::prefetch::{prefetch, prefetch_line};

/// What is measured of a record, in this order.
pub const VALUES: usize = 2;
/// Octets.
pub const OCTETS: usize = 0;
/// Packets.
pub const PACKETS: usize = 1;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// First packet, milliseconds since the epoch.
    pub start: u64,
    /// Last packet, milliseconds since the epoch.
    pub end: u64,
    /// What it counts.
    pub values: [u64; VALUES],
}

impl Sample {
    /// The same, for `rate` times as much.
    #[must_use]
    pub fn scaled(&self, rate: u32) -> Self {
        Self { values: self.values.map(|value| value.saturating_mul(rate.into())), ..*self }
    }
}

/// What happened in some time. A record counts once, where it ends, and so do its extremes; its sums are spread over the
/// buckets that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    number: i32,
    /// Records that ended in it.
    pub records: u32,
    /// Sums, saturating.
    pub sums: [u64; VALUES],
    /// Lowest value of a record; `u64::MAX` without one.
    pub minima: [u64; VALUES],
    /// Highest value of a record.
    pub maxima: [u64; VALUES],
}

impl Default for Bucket {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Bucket {
    /// Nothing at all.
    pub const EMPTY: Self = Self {
        number: 0,
        records: 0,
        sums: [0; VALUES],
        minima: [u64::MAX; VALUES],
        maxima: [0; VALUES],
    };

    /// Adds a whole record.
    pub fn add(&mut self, values: &[u64; VALUES]) {
        self.add_sums(values);
        self.add_record(values);
    }

    #[inline(always)]
    fn add_sums(&mut self, values: &[u64; VALUES]) {
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum = sum.saturating_add(*value);
        }
    }

    #[inline(always)]
    fn add_record(&mut self, values: &[u64; VALUES]) {
        self.records = self.records.saturating_add(1);
        for (at, value) in values.iter().enumerate() {
            self.minima[at] = self.minima[at].min(*value);
            self.maxima[at] = self.maxima[at].max(*value);
        }
    }

    /// Adds what another has counted.
    pub fn unite(&mut self, other: &Self) {
        self.records = self.records.saturating_add(other.records);
        for at in 0..VALUES {
            self.sums[at] = self.sums[at].saturating_add(other.sums[at]);
            self.minima[at] = self.minima[at].min(other.minima[at]);
            self.maxima[at] = self.maxima[at].max(other.maxima[at]);
        }
    }

    /// The same, for `rate` times as much.
    #[must_use]
    pub fn scaled(&self, rate: u32) -> Self {
        let scale = |values: [u64; VALUES]| values.map(|value| value.saturating_mul(rate.into()));
        let Self { sums, minima, maxima, .. } = *self;
        Self { sums: scale(sums), minima: scale(minima), maxima: scale(maxima), ..*self }
    }
}

/// Where a record was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Nowhere: it is older than the window.
    TooOld,
    /// Into this bucket.
    In(i32),
    /// Into this bucket, after everything before was forgotten: bucket numbers have begun anew.
    Anew(i32),
}

/// A total that has run over, and must be counted again when it is asked for.
const LOST: u64 = u64::MAX;

/// The buckets of one key. Those without records take no room.
///
/// Bucket numbers count from the first record after silence; times are only known against the newest record, whose bucket
/// lies here rather than with the others: it is the one that almost every record goes to.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Time of the newest record, milliseconds since the epoch.
    pub newest: u64,
    /// Records and sums of all buckets, so that asking for them looks at none; or [`LOST`].
    totals: [u64; VALUES],
    records: u32,
    /// Milliseconds from the beginning of the current bucket to the newest record.
    elapsed: u32,
    /// The bucket of the newest record, and so never without one once there is any.
    current: Bucket,
    /// Those before it, ascending by number. Most keys live for one bucket, and never have any.
    older: ThinVec<Bucket>,
}

impl Series {
    /// Adds a record.
    #[inline]
    pub fn add(&mut self, grid: Grid, sample: &Sample) -> Placed {
        let Sample { start, end, values } = sample;
        let mut last = self.steps(grid, *end);
        let anew = self.is_empty() || last >= grid.buckets;
        if anew {
            self.begin(grid, *start, *end);
            last = 0;
        } else if *end > self.newest {
            if last > 0 {
                self.go_on(grid, last);
                last = 0;
            }
            self.elapsed += (*end - self.newest) as u32;
            self.newest = *end;
        } else if last <= -grid.buckets {
            return Placed::TooOld;
        }
        let first = if start >= end { last } else { self.steps(grid, *start) };
        if first >= last {
            self.bucket(last).add_sums(values);
            self.count(values);
        } else {
            self.spread(grid, sample, first.max(1 - grid.buckets), last);
        }
        self.bucket(last).add_record(values);
        self.records = self.records.saturating_add(1);
        let number = self.current.number + last;
        if anew { Placed::Anew(number) } else { Placed::In(number) }
    }

    /// True before the first record.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.current.records == 0
    }

    /// How many buckets after the current one that of `time` comes.
    #[inline(always)]
    fn steps(&self, grid: Grid, time: u64) -> i32 {
        const FAR: u64 = i32::MAX as u64 / 2;
        let begin = self.newest - u64::from(self.elapsed);
        match time.checked_sub(begin) {
            // Almost always; a division would take longer than all the rest.
            Some(after) if after < grid.width => 0,
            Some(after) => (after / grid.width).min(FAR) as i32,
            None => -(((begin - time - 1) / grid.width + 1).min(FAR) as i32),
        }
    }

    /// Forgets everything, and begins a grid with this record.
    fn begin(&mut self, grid: Grid, start: u64, end: u64) {
        let window = grid.width.saturating_mul(grid.buckets as u64);
        let origin = start.min(end).max(end.saturating_sub(window - 1));
        let (number, elapsed) = ((end - origin) / grid.width, (end - origin) % grid.width);
        *self = Self {
            newest: end,
            elapsed: elapsed as u32,
            current: Bucket { number: number as i32, ..Bucket::EMPTY },
            ..Self::default()
        };
    }

    /// Makes the bucket so many steps on the current one, and brings `elapsed` to its beginning.
    #[inline(never)]
    fn go_on(&mut self, grid: Grid, steps: i32) {
        let number = self.current.number + steps;
        let before = mem::replace(&mut self.current, Bucket { number, ..Bucket::EMPTY });
        self.older.push(before);
        self.forget(number - grid.buckets + 1);
        let begin = self.newest - u64::from(self.elapsed) + steps as u64 * grid.width;
        // The newest record lies before it; whoever calls moves it on.
        self.elapsed = 0;
        self.newest = begin;
    }

    /// Adds to the totals.
    #[inline(always)]
    fn count(&mut self, values: &[u64; VALUES]) {
        for (total, value) in self.totals.iter_mut().zip(values) {
            *total = total.saturating_add(*value);
        }
    }

    /// Adds the sums of a record to the buckets that it covers, in proportion to the time in each. The parts add up to the
    /// whole, except for what lies before the window.
    fn spread(&mut self, grid: Grid, sample: &Sample, first: i32, last: i32) {
        let duration = sample.end - sample.start;
        let until = |value: u64, elapsed: u64| match value.checked_mul(elapsed) {
            Some(product) => product / duration,
            None => (u128::from(value) * u128::from(elapsed) / u128::from(duration)) as u64,
        };
        let begin = i128::from(self.newest) - i128::from(self.elapsed);
        // Milliseconds from the start to the beginning of a bucket.
        let border = |steps: i32| {
            let border = begin + i128::from(steps) * i128::from(grid.width);
            (border - i128::from(sample.start)).clamp(0, i128::from(duration)) as u64
        };
        let before = border(first);
        let mut from = sample.values.map(|value| until(value, before));
        for steps in first..=last {
            let to = match steps == last {
                true => sample.values,
                false => {
                    let elapsed = border(steps + 1);
                    sample.values.map(|value| until(value, elapsed))
                }
            };
            let parts = std::array::from_fn(|at| to[at] - from[at]);
            self.bucket(steps).add_sums(&parts);
            self.count(&parts);
            from = to;
        }
    }

    /// The bucket so many steps from the current one, none of them forward; a new one if there is none.
    #[inline(always)]
    fn bucket(&mut self, steps: i32) -> &mut Bucket {
        if steps == 0 {
            return &mut self.current;
        }
        older(&mut self.older, self.current.number + steps)
    }

    fn forget(&mut self, oldest: i32) {
        let expired = self.older.iter().take_while(|bucket| bucket.number < oldest).count();
        let lost = expired > 0 && (self.records == u32::MAX || self.totals.contains(&LOST));
        for bucket in self.older.drain(..expired) {
            self.records = self.records.wrapping_sub(bucket.records);
            for (total, sum) in self.totals.iter_mut().zip(bucket.sums) {
                *total = total.wrapping_sub(sum);
            }
        }
        if lost {
            self.count_again();
        }
    }

    #[cold]
    fn count_again(&mut self) {
        let mut all = Bucket::EMPTY;
        self.from(i32::MIN).for_each(|bucket| all.unite(bucket));
        self.records = all.records;
        self.totals = all.sums;
    }

    /// The oldest bucket of the window.
    #[inline(always)]
    pub fn oldest(&self, grid: Grid) -> i32 {
        self.current.number - grid.buckets + 1
    }

    /// The oldest bucket of a window that ends at `time`, which is not before the newest record.
    #[inline(always)]
    pub fn oldest_at(&self, grid: Grid, time: u64) -> i32 {
        let steps = if time == self.newest { 0 } else { self.steps(grid, time) };
        self.oldest(grid).saturating_add(steps)
    }

    /// The buckets from `oldest` on.
    pub fn from(&self, oldest: i32) -> impl Iterator<Item = &Bucket> {
        let all = self.older.iter().chain((!self.is_empty()).then_some(&self.current));
        all.skip_while(move |bucket| bucket.number < oldest)
    }

    /// Sum of a value over the buckets from `oldest` on, saturating; `None` for all that are kept, which looks at none.
    #[inline(always)]
    pub fn sum(&self, at: usize, oldest: Option<i32>) -> u64 {
        let Some(oldest) = oldest else { return self.totals[at] };
        self.from(oldest).fold(0, |sum: u64, bucket| sum.saturating_add(bucket.sums[at]))
    }

    /// Records in the buckets from `oldest` on, or in all; saturating at 2^32 - 1.
    #[inline(always)]
    pub fn records(&self, oldest: Option<i32>) -> u64 {
        let Some(oldest) = oldest else { return self.records.into() };
        let records = self.from(oldest).map(|bucket| bucket.records);
        records.fold(0, u32::saturating_add).into()
    }

    /// The same series, for `rate` times as much.
    #[must_use]
    pub fn scaled(&self, rate: u32) -> Self {
        let mut scaled = Self { current: self.current.scaled(rate), ..self.clone() };
        for bucket in &mut scaled.older {
            *bucket = bucket.scaled(rate);
        }
        scaled.count_again();
        scaled
    }
}

/// What a record needs beside the series itself is asked for in two steps, since the first says where the second is.
impl Series {
    /// The buckets before the current one, where a record needs them.
    #[inline(always)]
    fn looks_back(&self, grid: Grid, sample: &Sample) -> Option<&ThinVec<Bucket>> {
        let begin = self.newest - u64::from(self.elapsed);
        let inside = sample.start >= begin && sample.end < begin.saturating_add(grid.width);
        if inside { None } else { Some(&self.older) }
    }

    /// Asks for how many buckets there are, where a record needs them. True where it does.
    #[inline(always)]
    pub fn prefetch(&self, grid: Grid, sample: &Sample) -> bool {
        let older = self.looks_back(grid, sample);
        if let Some(older) = older {
            // It lies before them.
            prefetch_line(older.as_ptr().cast::<u8>().wrapping_sub(1));
        }
        older.is_some()
    }

    /// Asks for the newest of the buckets.
    #[inline(always)]
    pub fn prefetch_older(&self, grid: Grid, sample: &Sample) {
        if let Some(newest) = self.looks_back(grid, sample).and_then(|older| older.last()) {
            prefetch(newest);
        }
    }
}

/// The bucket with this number among some that ascend; a new one if there is none.
#[inline(never)]
fn older(buckets: &mut ThinVec<Bucket>, number: i32) -> &mut Bucket {
    let after = buckets.iter().rposition(|bucket| bucket.number <= number);
    let at = match after {
        Some(at) if buckets[at].number == number => at,
        _ => {
            let at = after.map_or(0, |at| at + 1);
            buckets.insert(at, Bucket { number, ..Bucket::EMPTY });
            at
        }
    };
    &mut buckets[at]
}
