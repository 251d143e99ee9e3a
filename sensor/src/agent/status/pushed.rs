//! What status, screen and summary say of requests that push flow logs.

use std::fmt::Write as _;

use serde::Serialize;

use super::Status;
use crate::agent::ingest::{
    figures::{Connections, Ingested, Requests},
    refusal::Refusal,
};

/// `ingest` of the document.
#[derive(Clone, Debug, Serialize)]
pub struct IngestRow {
    pub under_way: u64,
    pub connections: ConnectionsRow,
    pub refused: Vec<RefusedRow>,
    pub sources: Vec<SourceRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ConnectionsRow {
    pub accepted: u64,
    pub too_many: u64,
    pub no_tls: u64,
    pub broken: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct RefusedRow {
    pub reason: &'static str,
    pub requests: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SourceRow {
    pub name: String,
    pub accepted: u64,
    pub duplicate: u64,
    pub handshake: u64,
    pub event: u64,
    pub refused: u64,
    pub octets: u64,
}

/// What the document has of it; none where nothing listens.
pub fn row(status: &Status) -> Option<IngestRow> {
    let Ingested { sources, connections, under_way, .. } = status.ingest.as_ref()?;
    let Connections { accepted, too_many, no_tls, broken } = *connections;
    let source = |(name, requests): (&String, &Requests)| SourceRow {
        name: name.clone(),
        accepted: requests.accepted,
        duplicate: requests.duplicate,
        handshake: requests.handshake,
        event: requests.event,
        refused: requests.refused,
        octets: requests.octets,
    };
    Some(IngestRow {
        under_way: *under_way,
        connections: ConnectionsRow { accepted, too_many, no_tls, broken },
        refused: refused(status)
            .filter(|(_, requests)| *requests > 0)
            .map(|(reason, requests)| RefusedRow { reason: reason.name(), requests })
            .collect(),
        sources: sources.iter().map(source).collect(),
    })
}

/// Requests refused, by every reason there is.
pub fn refused(status: &Status) -> impl Iterator<Item = (Refusal, u64)> {
    let known = status.ingest.as_ref().map(|ingest| &ingest.refused);
    Refusal::ALL.into_iter().map(move |refusal| {
        let count = known.and_then(|known| known.get(refusal.name()));
        (refusal, count.copied().unwrap_or_default())
    })
}

impl IngestRow {
    /// One line for each source, and one for what was refused.
    pub fn lines(&self) -> Vec<String> {
        let line = |source: &SourceRow| {
            let SourceRow { name, accepted, duplicate, handshake, event, refused, .. } = source;
            let mut text = format!("{name}: {accepted} requests accepted");
            for (count, what) in [
                (duplicate, "duplicates"),
                (handshake, "handshakes"),
                (event, "events of objects"),
                (refused, "refused"),
            ] {
                if *count > 0 {
                    // Into memory.
                    let _ = write!(text, ", {count} {what}");
                }
            }
            text
        };
        let mut lines: Vec<String> = self.sources.iter().map(line).collect();
        if !self.refused.is_empty() {
            let reasons = self.refused.iter().map(|row| format!("{} {}", row.reason, row.requests));
            lines.push(format!("refused by reason: {}", reasons.collect::<Vec<_>>().join(", ")));
        }
        lines
    }
}

/// What the summary says.
pub fn text(status: &Status) -> String {
    let lines = row(status).map(|row| row.lines()).unwrap_or_default();
    lines.iter().map(|line| format!("pushed: {line}\n")).collect()
}
