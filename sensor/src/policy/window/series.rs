//! Records, sums and extremes in buckets.

use std::collections::VecDeque;

use super::Grid;

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
#[derive(Clone, Debug, Default)]
pub struct Series {
    origin: u64,
    /// Time of the newest record, milliseconds since the epoch.
    pub newest: u64,
    /// Its bucket.
    current: i32,
    /// Records and sums of all buckets, so that asking for them looks at none; or [`LOST`].
    records: u32,
    totals: [u64; VALUES],
    /// Ascending by number.
    buckets: VecDeque<Bucket>,
}

impl Series {
    /// Adds a record.
    #[inline]
    pub fn add(&mut self, grid: Grid, sample: &Sample) -> Placed {
        let Sample { start, end, values } = sample;
        let mut last = grid.bucket(self.origin, *end);
        let anew = self.buckets.is_empty() || last - self.current >= grid.buckets;
        if anew {
            last = self.begin(grid, *start, *end);
        } else if *end > self.newest {
            self.newest = *end;
            if last > self.current {
                self.current = last;
                self.forget(last - grid.buckets + 1);
            }
        }
        let oldest = self.oldest(grid);
        if last < oldest {
            return Placed::TooOld;
        }
        let first = if start >= end { last } else { grid.bucket(self.origin, *start) };
        if first >= last {
            self.bucket(last).add_sums(values);
            self.count(values);
        } else {
            self.spread(grid, sample, first.max(oldest), last);
        }
        self.bucket(last).add_record(values);
        self.records = self.records.saturating_add(1);
        if anew { Placed::Anew(last) } else { Placed::In(last) }
    }

    /// Forgets everything, and begins a grid with this record. Returns its bucket.
    fn begin(&mut self, grid: Grid, start: u64, end: u64) -> i32 {
        let window = grid.width.saturating_mul(grid.buckets as u64);
        self.origin = start.min(end).max(end.saturating_sub(window - 1));
        self.newest = end;
        self.current = grid.bucket(self.origin, end);
        self.records = 0;
        self.totals = [0; VALUES];
        self.buckets.clear();
        self.current
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
        let start = sample.start;
        let origin = self.origin;
        // Milliseconds from the start to the beginning of a bucket.
        let border = |number: i32| {
            let border = i128::from(origin) + i128::from(number) * i128::from(grid.width);
            (border - i128::from(start)).clamp(0, i128::from(duration)) as u64
        };
        let before = border(first);
        let mut from = sample.values.map(|value| until(value, before));
        for number in first..=last {
            let to = match number == last {
                true => sample.values,
                false => {
                    let elapsed = border(number + 1);
                    sample.values.map(|value| until(value, elapsed))
                }
            };
            let parts = std::array::from_fn(|at| to[at] - from[at]);
            self.bucket(number).add_sums(&parts);
            self.count(&parts);
            from = to;
        }
    }

    /// The bucket with this number, a new one if there is none.
    #[inline(always)]
    fn bucket(&mut self, number: i32) -> &mut Bucket {
        let last = self.buckets.len().wrapping_sub(1);
        let at = match self.buckets.back() {
            Some(newest) if newest.number == number => last,
            _ => self.place(number),
        };
        &mut self.buckets[at]
    }

    /// The place of a bucket that is not the last.
    fn place(&mut self, number: i32) -> usize {
        let after = self.buckets.iter().rposition(|bucket| bucket.number <= number);
        if let Some(at) = after.filter(|at| self.buckets[*at].number == number) {
            return at;
        }
        // Most keys live for one bucket: room grows by what is needed before it doubles.
        if self.buckets.len() == self.buckets.capacity() {
            self.buckets.reserve_exact(self.buckets.len().max(1));
        }
        let at = after.map_or(0, |at| at + 1);
        self.buckets.insert(at, Bucket { number, ..Bucket::EMPTY });
        at
    }

    fn forget(&mut self, oldest: i32) {
        let mut lost = false;
        while self.buckets.front().is_some_and(|bucket| bucket.number < oldest) {
            let Some(bucket) = self.buckets.pop_front() else { break };
            lost |= self.records == u32::MAX || self.totals.contains(&LOST);
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
        self.buckets.iter().for_each(|bucket| all.unite(bucket));
        self.records = all.records;
        self.totals = all.sums;
    }

    /// The oldest bucket of the window.
    #[inline(always)]
    pub fn oldest(&self, grid: Grid) -> i32 {
        self.current - grid.buckets + 1
    }

    /// The oldest bucket of a window that ends at `time`, which is not before the newest record.
    #[inline(always)]
    pub fn oldest_at(&self, grid: Grid, time: u64) -> i32 {
        if time == self.newest {
            return self.oldest(grid);
        }
        grid.bucket(self.origin, time) - grid.buckets + 1
    }

    /// The buckets from `oldest` on.
    pub fn from(&self, oldest: i32) -> impl Iterator<Item = &Bucket> {
        self.buckets.iter().skip_while(move |bucket| bucket.number < oldest)
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
        let buckets = self.buckets.iter().map(|bucket| bucket.scaled(rate)).collect();
        let mut scaled = Self { buckets, ..self.clone() };
        scaled.count_again();
        scaled
    }

    /// Something that is read when a record is added; whoever reads it beforehand does not wait for memory then.
    #[inline(always)]
    pub fn touch(&self) -> u64 {
        self.newest ^ self.buckets.back().map_or(0, |bucket| bucket.sums[0] ^ bucket.maxima[1])
    }
}
