//! The section of cloud flow logs that are followed, as the document of `sensor status`, the screen and the summary have it.

use sensor_wire::cloud::ledger::{Ledger, Reason, Window};
use serde::Serialize;

use super::{losses::Losses, span::span};
use crate::agent::cloud::{follow::figures::Followed, ledger};

/// Logs that are named: those with the most records.
const NAMED: usize = 10;

#[derive(Clone, Debug, Serialize)]
pub struct CloudRow {
    pub name: String,
    pub place: String,
    pub objects: u64,
    pub grown: u64,
    pub rewritten: u64,
    pub old: u64,
    pub foreign: u64,
    pub unreadable: u64,
    pub waiting: u64,
    pub octets: u64,
    pub flows: u64,
    pub lots: u64,
    pub resumed_lots: u64,
    pub repeated_lots: u64,
    pub last_object_ms: u64,
    pub usual_interval_ms: u64,
    pub silent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub given_up: Vec<String>,
    pub logs: CloudLogs,
}

/// The first of many.
#[derive(Clone, Debug, Serialize)]
pub struct CloudLogs {
    pub count: u64,
    pub top: Vec<CloudLog>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CloudLog {
    pub id: String,
    pub records: u64,
    pub flows: u64,
    pub flow_records: u64,
    pub dns_records: u64,
    pub windows: u64,
    pub skipped_windows: u64,
    pub without_counts: u64,
    pub duplicates: u64,
    pub errors: u64,
    pub newest_ms: u64,
    pub delay_ms: u64,
}

/// A row for each source.
pub fn rows(followed: &[Followed]) -> Vec<CloudRow> {
    followed.iter().map(CloudRow::of).collect()
}

impl CloudRow {
    fn of(followed: &Followed) -> Self {
        let Followed { objects, .. } = followed;
        let mut logs: Vec<_> = followed.logs.iter().collect();
        logs.sort_by_key(|log| std::cmp::Reverse(log.ledger.records));
        let count = logs.len() as u64;
        let top = logs.into_iter().take(NAMED).map(|log| CloudLog {
            id: log.id.to_string(),
            records: log.ledger.records,
            flows: log.ledger.rows,
            flow_records: log.ledger.flows,
            dns_records: log.ledger.dns,
            windows: log.ledger.windows[Window::NoData as usize],
            skipped_windows: log.ledger.windows[Window::SkipData as usize],
            without_counts: log.ledger.without_counts,
            duplicates: log.ledger.duplicates,
            errors: log.ledger.all_errors(),
            newest_ms: log.newest,
            delay_ms: log.delay,
        });
        Self {
            name: followed.name.clone(),
            place: followed.place.clone(),
            objects: objects.read,
            grown: objects.grown,
            rewritten: objects.rewritten,
            old: objects.old,
            foreign: objects.foreign,
            unreadable: objects.unreadable,
            waiting: followed.waiting,
            octets: followed.octets,
            flows: followed.logs.iter().map(|log| log.ledger.rows).sum(),
            lots: followed.lots,
            resumed_lots: followed.resumed_lots,
            repeated_lots: followed.repeated_lots,
            last_object_ms: followed.last_object,
            usual_interval_ms: followed.usual_interval,
            silent: followed.silent,
            error: followed.error.clone(),
            given_up: followed.given_up.clone(),
            logs: CloudLogs { count, top: top.collect() },
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let mut text = format!("{}: {} objects", self.name, self.objects);
        for (count, what) in [
            (self.waiting, "waiting"),
            (self.rewritten, "REWRITTEN"),
            (self.old, "older than `begin`"),
            (self.foreign, "no flow log"),
            (self.unreadable, "UNREADABLE"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text.push_str(&format!("; {} logs, {} flows", self.logs.count, self.flows));
        let delay = self.logs.top.iter().map(|log| log.delay_ms).max().unwrap_or(0);
        if delay > 0 {
            text.push_str(&format!(", {} old on arrival", span(delay / 1000)));
        }
        if self.silent {
            text.push_str("; SILENT");
        }
        if let Some(error) = &self.error {
            text.push_str(&format!("; {error}"));
        }
        text
    }
}

/// All logs of all sources together.
fn total(followed: &[Followed]) -> Ledger {
    let mut total = Ledger::default();
    let logs = followed.iter().flat_map(|followed| &followed.logs);
    logs.for_each(|log| total.add(&log.ledger));
    total
}

/// The section in the summary.
pub fn text(followed: &[Followed]) -> String {
    let mut text = String::new();
    for row in rows(followed) {
        text.push_str(&format!("\ncloud {}\n", row.line()));
        row.given_up.iter().for_each(|object| text.push_str(&format!("  given up: {object}\n")));
    }
    if !followed.is_empty() {
        text.push_str(&ledger::rows_of(&total(followed)));
    }
    text
}

/// What was lost.
pub fn losses(followed: &[Followed]) -> Losses {
    let total = total(followed);
    let errors = Reason::ALL.into_iter();
    let errors = errors.map(|reason| {
        let why = format!("records of clouds without a flow: {reason}");
        (total.errors[reason as usize], why)
    });
    let sum = |figure: fn(&Followed) -> u64| -> u64 { followed.iter().map(figure).sum() };
    Losses::of(errors).and(Losses::of([
        (total.windows[Window::SkipData as usize], "windows of which the cloud kept no records"),
        (sum(|followed| followed.objects.unreadable), "objects of clouds that could not be read"),
    ]))
}

/// Whether every record is accounted for.
pub fn balances(followed: &[Followed]) -> bool {
    let mut logs = followed.iter().flat_map(|followed| &followed.logs);
    logs.all(|log| log.ledger.is_balanced())
}
