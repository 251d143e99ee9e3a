//! The flow store at one moment.

use sensor_store::accounts::Shed;
use serde::Serialize;

use crate::export::store::report::StoreReport;

/// The flow store: `stored + shed` are the records that it was given, `carried + stored = sealed + journaled + expired + damaged`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Store {
    /// Its folder.
    pub name: String,
    /// Records stored since it was opened.
    pub stored: u64,
    /// Records that were not, by reason; each of [`REASONS`].
    pub shed: [u64; REASONS.len()],
    /// Records that were there when it was opened.
    pub carried: u64,
    /// Records in sealed files; a gauge, as what follows.
    pub sealed: u64,
    /// Records in journals.
    pub journaled: u64,
    /// Records deleted since it was opened, because their time was over or their room was needed.
    pub expired: u64,
    /// Records in files that turned out to be damaged.
    pub damaged: u64,
    /// Journals sealed.
    pub sealed_files: u64,
    /// Files that were made into larger ones.
    pub compacted_files: u64,
    /// Files deleted.
    pub expired_files: u64,
    /// Files and journals put aside as damaged.
    pub damaged_files: u64,
    /// Attempts to seal or to compact that failed.
    pub failures: u64,
    /// Sealed files; a gauge, as what follows.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// When the oldest of their records was received, milliseconds since the epoch.
    pub oldest: Option<u64>,
    /// Records that are missing between others.
    pub missing: u64,
    /// Journals.
    pub journals: u64,
    /// Their octets.
    pub journal_octets: u64,
    /// When the first of their records was received, milliseconds since the epoch.
    pub journal_begun: Option<u64>,
    /// What is wrong now.
    pub trouble: Option<String>,
}

/// Why records are not stored.
pub const REASONS: [&str; 3] = ["queue_full", "disk_full", "error"];

impl Store {
    /// By its report; its sink has counted so many records as not sent.
    pub fn of(report: StoreReport, not_sent: u64) -> Self {
        let StoreReport { folder, statement, figures, journals, trouble } = report;
        let [disk_full, error] =
            [Shed::DiskFull, Shed::Error].map(|why| statement.shed[why as usize]);
        Self {
            name: folder,
            stored: statement.stored,
            // What it was offered and had no room for, or no time at the end, has not come so far as the store.
            shed: [not_sent.saturating_sub(disk_full + error), disk_full, error],
            carried: statement.carried,
            sealed: statement.sealed,
            journaled: statement.journaled,
            expired: statement.expired,
            damaged: statement.damaged,
            sealed_files: figures.sealed,
            compacted_files: figures.compacted,
            expired_files: figures.expired,
            damaged_files: figures.damaged,
            failures: statement.failures,
            files: figures.files,
            octets: figures.octets,
            oldest: figures.oldest,
            missing: figures.missing,
            journals: journals.journals,
            journal_octets: journals.octets,
            journal_begun: journals.begun,
            trouble,
        }
    }

    /// Each reason, and the records that were not stored for it.
    pub fn shed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.shed)
    }
}
