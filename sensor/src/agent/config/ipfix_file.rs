//! `[ipfix_file]`: IPFIX files (RFC 5655), written where a directory is given.

use std::{path::PathBuf, time::Duration};

use sensor_core::settings::{
    schema::{Key, Setting, Table, Value, table},
    value::ByteSize,
};

use super::{faults::Faults, rotation};
use crate::export::{files::retention::Retention, ipfix::options::FileOptions};

table! {
    /// `[ipfix_file]`
    IpfixFile {
        /// Directory for the files; created if it does not exist.
        directory: Option<PathBuf> = None;
        /// A file is finished when it has this size.
        max_size: ByteSize = ByteSize(64 << 20);
        /// A file is finished when it is this old.
        max_age: Duration = Duration::from_mins(5);
        /// So many finished ones are kept; without it, any number.
        keep: Option<u64> = None;
        /// So many bytes in all are kept, the file under way included.
        max_total: ByteSize = ByteSize(16 << 30);
    }
}

/// Judges `[ipfix_file]`.
pub(super) fn resolve(section: &Setting<IpfixFile>, faults: &mut Faults) -> Option<FileOptions> {
    let raw = &section.value;
    let ages = Duration::from_secs(1)..=Duration::from_hours(24 * 7);
    let max_size = faults.in_range(&raw.max_size, "ipfix_file.max_size", rotation::SIZES).0;
    let max_age = faults.in_range(&raw.max_age, "ipfix_file.max_age", ages);
    let keep = rotation::given(&raw.keep)
        .map(|keep| faults.in_range(&keep, "ipfix_file.keep", 0..=1_000_000));
    let total = &raw.max_total;
    let max_total = Some(rotation::max_total(total, "ipfix_file.max_total", max_size, faults));
    let retention = Retention { keep, max_total };
    let Some(directory) = raw.directory.value.clone() else {
        if section.is_given() && !raw.directory.is_given() {
            faults.report(section, "ipfix_file", "needs a `directory`", "there is none");
        }
        return None;
    };
    Some(FileOptions {
        rotate_octets: max_size,
        rotate_interval: max_age,
        retention,
        ..FileOptions::new(directory)
    })
}
