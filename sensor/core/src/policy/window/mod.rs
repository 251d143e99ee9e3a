//! Sliding windows over the records of one key.
//!
//! A window is a row of buckets on a grid of its own, which begins with the first record after silence: a burst that is
//! shorter than the window never loses its beginning. It ends with the bucket of the newest record, so it is never longer
//! than its policy says, and shorter by less than one bucket.
//!
//! * [`series`]: records, sums, extremes.
//! * [`distinct`], [`sketch`]: how many values of a field there were.
//! * [`starts`]: how regular the starts of flows were.
//! * [`counted`]: the last two, for all keys of a policy.

pub mod counted;
pub mod distinct;
pub mod series;
pub mod sketch;
pub mod starts;
#[cfg(test)]
mod tests;

/// The buckets of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Milliseconds of one bucket.
    pub width: u64,
    /// Buckets of the window.
    pub buckets: i32,
}

impl Grid {
    /// The grid of a window of so many milliseconds: 12 buckets, above one hour 48.
    pub fn new(window: u64) -> Self {
        let buckets = if window <= 3_600_000 { 12 } else { 48 };
        Self { width: window.div_ceil(buckets).max(1), buckets: buckets as i32 }
    }
}

/// Spreads the bits of a number over all bits of another, one to one: the finaliser of SplitMix64 (Steele, Lea and Flood,
/// 2014).
#[inline(always)]
pub fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
