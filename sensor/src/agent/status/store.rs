//! The flow store: what status, screen and summary say of it.

use sensor_store::accounts::Shed;
use serde::Serialize;

use super::{Status, span::span};
use crate::export::{log::line::octets, store::report::StoreReport};

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
        let [disk_full, error] = [Shed::DiskFull, Shed::Error].map(|why| statement.shed[why as usize]);
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

/// `store` of the document.
#[derive(Clone, Debug, Serialize)]
pub struct StoreRow {
    pub name: String,
    pub stored: u64,
    pub shed: Vec<ShedRow>,
    pub sealed: u64,
    pub journaled: u64,
    pub expired: u64,
    pub damaged: u64,
    pub files: u64,
    pub octets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
    pub journals: u64,
    pub journal_octets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_begun_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShedRow {
    pub reason: &'static str,
    pub records: u64,
}

/// What the document has of it; none where nothing is stored.
pub fn row(status: &Status) -> Option<StoreRow> {
    let store = status.store.as_ref()?;
    let shed = store.shed().filter(|(_, records)| *records > 0);
    Some(StoreRow {
        name: store.name.clone(),
        stored: store.stored,
        shed: shed.map(|(reason, records)| ShedRow { reason, records }).collect(),
        sealed: store.sealed,
        journaled: store.journaled,
        expired: store.expired,
        damaged: store.damaged,
        files: store.files,
        octets: store.octets,
        oldest_ms: store.oldest,
        journals: store.journals,
        journal_octets: store.journal_octets,
        journal_begun_ms: store.journal_begun,
        error: store.trouble.clone(),
    })
}

impl StoreRow {
    /// Lines for people; `now` is when, milliseconds since the epoch, where that is known.
    pub fn lines(&self, now: Option<u64>) -> Vec<String> {
        let since = match (self.oldest_ms, now) {
            (Some(oldest), Some(now)) => {
                format!(", the oldest {} ago", span(now.saturating_sub(oldest) / 1000))
            }
            _ => String::new(),
        };
        let mut lines = vec![
            format!(
                "{}: {} records in {} files ({}B){since}",
                self.name,
                self.sealed,
                self.files,
                octets(self.octets)
            ),
            format!(
                "{} stored, {} in {} journals ({}B), {} expired, {} damaged",
                self.stored,
                self.journaled,
                self.journals,
                octets(self.journal_octets),
                self.expired,
                self.damaged
            ),
        ];
        if !self.shed.is_empty() {
            let reasons = self.shed.iter().map(|row| format!("{} {}", row.reason, row.records));
            lines.push(format!("not stored, by reason: {}", reasons.collect::<Vec<_>>().join(", ")));
        }
        lines.extend(self.error.iter().map(|error| format!("CANNOT BE WRITTEN: {error}")));
        lines
    }
}

/// What the summary says.
pub fn text(status: &Status) -> String {
    let lines = row(status).map(|row| row.lines(None)).unwrap_or_default();
    let line = |(at, line): (usize, &String)| match at {
        0 => format!("{line}\n"),
        _ => format!("  {line}\n"),
    };
    lines.iter().enumerate().map(line).collect()
}

/// What was lost. What was not stored is among what sinks did not send.
pub fn losses(status: &Status) -> [(u64, &'static str); 1] {
    let damaged = status.store.as_ref().map_or(0, |store| store.damaged);
    [(damaged, "stored flow records in damaged files, which were put aside")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_that_was_not_stored_has_a_reason() {
        let mut report = StoreReport {
            folder: "store /s".to_owned(),
            statement: Default::default(),
            figures: Default::default(),
            journals: Default::default(),
            trouble: None,
        };
        report.statement.shed[Shed::DiskFull as usize] = 5;
        report.statement.shed[Shed::Error as usize] = 2;
        let store = Store::of(report, 10);
        let shed: Vec<_> = store.shed().collect();
        assert_eq!(shed, [("queue_full", 3), ("disk_full", 5), ("error", 2)]);
        let status = Status { store: Some(store), ..Status::default() };
        assert_eq!(
            text(&status),
            "store /s: 0 records in 0 files (0B)\n  \
             0 stored, 0 in 0 journals (0B), 0 expired, 0 damaged\n  \
             not stored, by reason: queue_full 3, disk_full 5, error 2\n"
        );
    }
}
