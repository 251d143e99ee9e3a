//! The keys by which files are rotated, the same in every section that has files of one name.

use std::time::Duration;

use sensor_core::settings::{schema::Setting, value::ByteSize};

use super::faults::Faults;
use crate::export::files::rotated::Rotation;

/// The keys, and the section that they stand in.
pub struct Keys<'a> {
    /// `hits`, `log`
    pub section: &'static str,
    /// `max_size`
    pub max_size: &'a Setting<ByteSize>,
    /// `max_age`
    pub max_age: &'a Setting<Option<Duration>>,
    /// `keep`
    pub keep: &'a Setting<u64>,
    /// `max_total`
    pub max_total: &'a Setting<Option<ByteSize>>,
}

/// Sizes of a file.
pub const SIZES: std::ops::RangeInclusive<ByteSize> = ByteSize(64 << 10)..=ByteSize(1 << 40);
/// Octets of all files together.
const TOTALS: std::ops::RangeInclusive<ByteSize> = ByteSize(64 << 10)..=ByteSize(1 << 50);

/// Judges them.
pub fn resolve(keys: &Keys<'_>, faults: &mut Faults) -> Rotation {
    let path = |key: &str| format!("{}.{key}", keys.section);
    let ages = Duration::from_mins(1)..=Duration::from_hours(24 * 366);
    let max_size = faults.in_range(keys.max_size, &path("max_size"), SIZES).0;
    let max_age = given(keys.max_age).map(|age| faults.in_range(&age, &path("max_age"), ages));
    let keep = faults.in_range(keys.keep, &path("keep"), 0..=1000);
    let max_total =
        given(keys.max_total).map(|total| max_total(&total, &path("max_total"), max_size, faults));
    Rotation { max_size, max_age, keep, max_total }
}

/// Judges a bound of all files together, each of which may have `max_size` octets.
pub fn max_total(total: &Setting<ByteSize>, path: &str, max_size: u64, faults: &mut Faults) -> u64 {
    let octets = faults.in_range(total, path, TOTALS).0;
    if octets < max_size && total.is_given() {
        let found = format!("a single file may have {}", ByteSize(max_size));
        faults.report(total, path, "must be at least the size of one file", &found);
    }
    octets
}

/// A setting that has a value.
pub fn given<T: Copy>(setting: &Setting<Option<T>>) -> Option<Setting<T>> {
    setting.value.map(|value| Setting { value, origin: setting.origin.clone() })
}
