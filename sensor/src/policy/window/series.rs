//! Records, sums and extremes in buckets.

use super::Grid;

/// What is measured of a record, in this order.
pub const VALUES: usize = 4;
/// Octets, as reported.
pub const OCTETS: usize = 0;
/// Octets times the sampling rate.
pub const SCALED_OCTETS: usize = 1;
/// Packets, as reported.
pub const PACKETS: usize = 2;
/// Packets times the sampling rate.
pub const SCALED_PACKETS: usize = 3;

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

    /// Adds a whole record.
    #[inline(always)]
    pub fn add(&mut self, values: &[u64; VALUES]) {
        self.add_sums(values);
        self.add_record(values);
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

/// The buckets of one key. Those without records take no room.
#[derive(Clone, Debug, Default)]
pub struct Series {
    origin: u64,
    /// Time of the newest record, milliseconds since the epoch.
    pub newest: u64,
    /// Ascending by number.
    buckets: Vec<Bucket>,
}

impl Series {
    /// Adds a record.
    #[inline]
    pub fn add(&mut self, grid: Grid, sample: &Sample) -> Placed {
        let Sample { start, end, values } = sample;
        let mut last = grid.bucket(self.origin, *end);
        let anew = self.buckets.is_empty()
            || *end > self.newest && last - grid.bucket(self.origin, self.newest) >= grid.buckets;
        if anew {
            self.buckets.clear();
            let window = grid.width.saturating_mul(grid.buckets as u64);
            self.origin = (*start).min(*end).max(end.saturating_sub(window - 1));
            self.newest = *end;
            last = grid.bucket(self.origin, *end);
        } else if *end > self.newest {
            self.newest = *end;
            self.forget(last - grid.buckets + 1);
        }
        let oldest = self.oldest(grid, self.newest);
        if last < oldest {
            return Placed::TooOld;
        }
        let first = grid.bucket(self.origin, *start);
        if first >= last {
            self.bucket(last).add(values);
        } else {
            self.spread(grid, sample, first.max(oldest), last);
            self.bucket(last).add_record(values);
        }
        if anew { Placed::Anew(last) } else { Placed::In(last) }
    }

    /// Adds the sums of a record to the buckets that it covers, in proportion to the time in each. The parts add up to the
    /// whole, except for what lies before the window.
    fn spread(&mut self, grid: Grid, sample: &Sample, first: i32, last: i32) {
        let duration = u128::from(sample.end - sample.start);
        let until = |value: u64, time: u64| {
            (u128::from(value) * u128::from(time - sample.start) / duration) as u64
        };
        let origin = self.origin;
        let border = |number: i32| {
            let border = i128::from(origin) + i128::from(number) * i128::from(grid.width);
            border.clamp(i128::from(sample.start), i128::from(sample.end)) as u64
        };
        let mut from = border(first);
        for number in first..=last {
            let to = if number == last { sample.end } else { border(number + 1) };
            let parts = sample.values.map(|value| until(value, to) - until(value, from));
            self.bucket(number).add_sums(&parts);
            from = to;
        }
    }

    /// The bucket with this number, a new one if there is none.
    #[inline(always)]
    fn bucket(&mut self, number: i32) -> &mut Bucket {
        let after = self.buckets.iter().rposition(|bucket| bucket.number <= number);
        let at = match after {
            Some(at) if self.buckets[at].number == number => at,
            _ => {
                let at = after.map_or(0, |at| at + 1);
                self.insert(at, Bucket { number, ..Bucket::EMPTY });
                at
            }
        };
        &mut self.buckets[at]
    }

    fn insert(&mut self, at: usize, bucket: Bucket) {
        // Most keys live for one bucket: room grows by what is needed before it doubles.
        if self.buckets.len() == self.buckets.capacity() {
            self.buckets.reserve_exact(self.buckets.len().max(1));
        }
        self.buckets.insert(at, bucket);
    }

    fn forget(&mut self, oldest: i32) {
        let gone = self.buckets.iter().take_while(|bucket| bucket.number < oldest).count();
        if gone > 0 {
            self.buckets.drain(..gone);
        }
    }

    /// The oldest bucket of a window that ends at `time`.
    pub fn oldest(&self, grid: Grid, time: u64) -> i32 {
        grid.bucket(self.origin, time) - grid.buckets + 1
    }

    /// The buckets from `oldest` on.
    #[inline(always)]
    pub fn from(&self, oldest: i32) -> &[Bucket] {
        let first = self.buckets.iter().position(|bucket| bucket.number >= oldest);
        first.map_or(&[], |first| &self.buckets[first..])
    }
}
