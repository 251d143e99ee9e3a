//! `[store]`: flow records and hits that are kept on this host, where a folder is given.

use std::{path::PathBuf, time::Duration};

use sensor_core::{
    diagnostic::Diagnostic,
    settings::{
        schema::{Key, Setting, Table, Value, table},
        value::{ByteSize, from_text, parse_duration},
    },
};
use sensor_store::{hits::writer, journal::Sync, plan, store::Options};
use toml::{Spanned, de::DeValue};

use super::faults::Faults;
use crate::export::store::options::{StoreOptions, StoredHitsOptions};

table! {
    /// `[store]`
    Store {
        /// Folder for the records; created if it does not exist.
        folder: Option<PathBuf> = None;
        /// How long records are kept.
        retention: Retention = Retention::default();
        /// When what was written outlasts a failure of the machine: after this time at the latest, with each `batch`, or `never`.
        sync: SyncWish = SyncWish(Sync::Every(1000));
        /// Records of a file.
        segment_rows: u64 = 1_000_000;
        /// Records are sealed in a file at this age, however few there are.
        segment_age: Duration = Duration::from_mins(5);
        /// Whether hits are kept as well.
        hits: bool = true;
        /// How long hits are kept.
        hits_retention: HitsRetention = HitsRetention::default();
    }
}

table! {
    /// `[store.retention]`
    Retention {
        /// Records are deleted at this age.
        age: Duration = Duration::from_hours(24 * 30);
        /// The oldest are deleted when all files are larger.
        size: ByteSize = ByteSize(50 << 30);
        /// The oldest are deleted when less is free on the disk.
        min_free: ByteSize = ByteSize(1 << 30);
    }
}

table! {
    /// `[store.hits_retention]`
    HitsRetention {
        /// Hits are deleted at this age.
        age: Duration = Duration::from_hours(24 * 366);
        /// The oldest are deleted when all files are larger.
        size: ByteSize = ByteSize(1 << 30);
    }
}

/// When what was written outlasts a failure of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncWish(pub Sync);

/// The longest time after which it does.
const LONGEST: Duration = Duration::from_mins(10);

impl Value for SyncWish {
    const KIND: &'static str = "a time of 100 ms to 10 minutes, `batch` or `never`";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, |text| {
            Ok(Self(match text {
                "batch" => Sync::EachBatch,
                "never" => Sync::Never,
                text => {
                    let time = parse_duration(text)?;
                    if !(Duration::from_millis(100)..=LONGEST).contains(&time) {
                        return Err("this is outside".to_owned());
                    }
                    Sync::Every(time.as_millis() as u64)
                }
            }))
        })
    }
}

/// `[store]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The flow records.
    pub records: StoreOptions,
    /// The hits, where they are kept.
    pub hits: Option<StoredHitsOptions>,
}

/// Judges `[store]`.
pub(super) fn resolve(section: &Setting<Store>, faults: &mut Faults) -> Option<StoreConfig> {
    let raw = &section.value;
    let years = Duration::from_mins(10)..=Duration::from_hours(24 * 366 * 20);
    let sizes = ByteSize(16 << 20)..=ByteSize(1 << 50);
    let kept = &raw.retention.value;
    let milliseconds = |time: Duration| time.as_millis() as u64;
    let retention = plan::Retention {
        age: Some(milliseconds(faults.in_range(&kept.age, "store.retention.age", years.clone()))),
        octets: Some(faults.in_range(&kept.size, "store.retention.size", sizes.clone()).0),
        free: Some(
            faults
                .in_range(
                    &kept.min_free,
                    "store.retention.min_free",
                    ByteSize(0)..=ByteSize(1 << 50),
                )
                .0,
        ),
    };
    let segment_rows = faults.in_range(&raw.segment_rows, "store.segment_rows", 1000..=10_000_000);
    let ages = Duration::from_secs(1)..=Duration::from_hours(1);
    let segment_age = milliseconds(faults.in_range(&raw.segment_age, "store.segment_age", ages));
    let of_hits = &raw.hits_retention.value;
    let hits_retention = plan::Retention {
        age: Some(milliseconds(faults.in_range(&of_hits.age, "store.hits_retention.age", years))),
        octets: Some(faults.in_range(&of_hits.size, "store.hits_retention.size", sizes).0),
        free: retention.free,
    };
    let Some(folder) = raw.folder.value.clone() else {
        if section.is_given() && !raw.folder.is_given() {
            faults.report(section, "store", "needs a `folder`", "there is none");
        }
        return None;
    };
    let hits = raw.hits.value.then(|| StoredHitsOptions {
        folder: folder.clone(),
        hits: writer::Options { retention: hits_retention, ..writer::Options::default() },
    });
    let store = Options { segment_rows, segment_age, sync: raw.sync.value.0, retention };
    Some(StoreConfig { records: StoreOptions { folder, store }, hits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text as config, overrides::Overrides};

    fn store(text: &str) -> Option<StoreConfig> {
        config(text, &Overrides::default()).expect("sound").store
    }

    fn faults(text: &str) -> Vec<String> {
        let faults = config(text, &Overrides::default()).expect_err("faulty");
        faults.file.iter().map(|fault| fault.message.clone()).collect()
    }

    #[test]
    fn nothing_is_stored_without_a_folder() {
        assert_eq!(store(""), None);
        let found = store("[store]\nfolder = '/s'\n").expect("a store");
        // What the package says of keys is what the store does by itself.
        let own = Options::default();
        let Options { segment_rows, segment_age, sync, retention } = found.records.store;
        assert_eq!(
            (segment_rows, segment_age, sync),
            (own.segment_rows, own.segment_age, own.sync)
        );
        assert_eq!(retention.age, Some(30 * 24 * 3_600_000));
        assert_eq!(found.hits.expect("hits").folder, found.records.folder);
        let text = "[store]\nfolder = '/s'\nhits = false\nsync = 'batch'\nretention.age = '7d'\n";
        let found = store(text).expect("a store");
        assert_eq!((found.hits, found.records.store.sync), (None, Sync::EachBatch));
        assert_eq!(found.records.store.retention.age, Some(7 * 24 * 3_600_000));
        assert_eq!(
            store("[store]\nfolder = '/s'\nsync = '250ms'\n").expect("a store").records.store.sync,
            Sync::Every(250)
        );
        let flag = Overrides { store: Some("/other".into()), ..Overrides::default() };
        let found = config("[store]\nfolder = '/s'\n", &flag).expect("sound").store;
        assert_eq!(found.expect("a store").records.folder, PathBuf::from("/other"));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        assert_eq!(faults("[store]\nsync = 'never'\n"), ["`store` needs a `folder`"]);
        for (line, message) in [
            (
                "sync = '1ms'",
                "`store.sync` must be a time of 100 ms to 10 minutes, `batch` or `never`",
            ),
            (
                "sync = 'often'",
                "`store.sync` must be a time of 100 ms to 10 minutes, `batch` or `never`",
            ),
            ("segment_rows = 1", "`store.segment_rows` must lie between 1000 and 10000000"),
            (
                "retention.age = '1s'",
                "`store.retention.age` must lie between 10m and 20years 15days",
            ),
            (
                "hits_retention.size = '1B'",
                "`store.hits_retention.size` must lie between 16MiB and 1024TiB",
            ),
        ] {
            assert_eq!(faults(&format!("[store]\nfolder = '/s'\n{line}\n")), [message], "{line}");
        }
    }
}
