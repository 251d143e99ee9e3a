//! What status, screen and summary say of the flow store.

use serde::Serialize;

use super::{Status, span::span};
use crate::export::log::line::octets;

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
    pub missing: u64,
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
        missing: store.missing,
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
            lines
                .push(format!("not stored, by reason: {}", reasons.collect::<Vec<_>>().join(", ")));
        }
        if self.missing > 0 {
            let missing = self.missing;
            lines.push(format!(
                "{missing} records are missing between others: `sensor store status` says which"
            ));
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
    use sensor_store::accounts::Shed;

    use super::*;
    use crate::{agent::status::store::Store, export::store::report::StoreReport};

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
