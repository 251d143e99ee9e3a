//! What policies have found: hits that are stored, and those that are held.

use std::collections::BTreeMap;

use sensor_store::{error::Error, hits::reader};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    desk::{Desk, Range},
    fault::{Code, Fault},
    hit::StoredHit,
    value::Count,
};

/// Hits of an answer, at most.
pub const MOST: usize = 5000;

/// `GET /hits`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HitsAsk {
    /// Going on then or later, milliseconds since the epoch.
    #[serde(default)]
    pub from_ms: u64,
    /// Begun before that.
    #[serde(default = "ever")]
    pub to_ms: u64,
    /// Of this policy alone.
    #[serde(default)]
    pub policy: Option<String>,
    /// The newest, at most so many.
    #[serde(default = "limit")]
    pub limit: usize,
}

fn ever() -> u64 {
    u64::MAX
}

fn limit() -> usize {
    1000
}

/// Hits.
#[derive(Clone, Debug, Serialize)]
pub struct HitsAnswer {
    /// The newest first.
    pub hits: Vec<Hit>,
    /// How many there are, shown or not.
    pub matched: Count,
    /// Whether they are stored; what is held goes with the agent.
    pub stored: bool,
}

/// A hit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Tells it from others.
    pub id: String,
    /// The policy.
    pub policy: String,
    /// `low`, `medium` or `high`.
    pub severity: String,
    /// `start`, `ongoing`, `end` or `hit`.
    pub r#type: String,
    /// The values that it is tracked by.
    pub key: Map<String, Json>,
    /// When it was told, milliseconds since the epoch.
    pub at_ms: u64,
    /// When its first flow began.
    pub start_ms: u64,
    /// When its last flow ended, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<u64>,
    /// What was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Flow records.
    pub count: Count,
    /// What happened, in a line.
    pub sentence: String,
    /// Selects its flows.
    pub q: String,
    /// They were received from then on.
    pub flows_from_ms: u64,
    /// They were received before that.
    pub flows_to_ms: u64,
}

impl From<StoredHit> for Hit {
    fn from(hit: StoredHit) -> Self {
        let q = hit.query("");
        let StoredHit {
            stored,
            id,
            alerttype,
            severity,
            algorithm,
            summary,
            tracked,
            start,
            end,
            records,
            measured,
            ..
        } = hit;
        let first = measured.first();
        Self {
            id,
            policy: algorithm,
            severity,
            key: tracked,
            at_ms: stored.received,
            start_ms: start.min(stored.received),
            end_ms: matches!(alerttype.as_str(), "end" | "hit").then_some(end),
            r#type: alerttype,
            value: first.map(|one| one.value),
            threshold: first.map(|one| one.limit),
            count: records.into(),
            sentence: summary,
            q,
            flows_from_ms: stored.flows.from,
            flows_to_ms: stored.flows.to,
        }
    }
}

/// A hit as it is stored; none where it is no such.
pub fn of_line(line: &[u8]) -> Option<Hit> {
    serde_json::from_slice::<StoredHit>(line).ok().map(Hit::from)
}

/// Answers.
///
/// # Errors
/// Hits cannot be read.
pub fn ask(desk: &Desk, asked: &HitsAsk) -> Result<HitsAnswer, Fault> {
    let Range { from, to } = Range::of(asked.from_ms, asked.to_ms)?;
    let limit = asked.limit.clamp(1, MOST);
    // By time; what is both stored and held has one id.
    let mut newest: BTreeMap<(u64, String), Hit> = BTreeMap::new();
    let mut matched = 0_u64;
    let mut lines = desk.agent.hits();
    let held_from = lines.first().and_then(|line| of_line(line)).map_or(u64::MAX, |hit| hit.at_ms);
    let mut take = |line: &[u8], newest: &mut BTreeMap<(u64, String), Hit>| {
        let Some(hit) = of_line(line) else { return };
        let is_asked = hit.at_ms >= from
            && hit.start_ms < to
            && asked.policy.as_ref().is_none_or(|policy| *policy == hit.policy);
        if is_asked && newest.insert((hit.at_ms, hit.id.clone()), hit).is_none() {
            matched += 1;
            if newest.len() > limit {
                newest.pop_first();
            }
        }
    };
    if let Some(folder) = &desk.store {
        // Those from then on are held.
        let read = reader::read(folder, (from, held_from), |line| {
            take(line, &mut newest);
            true
        });
        match read {
            Ok(_) | Err(Error::NoStore { .. }) => {}
            Err(error) => return Err(Fault::new(Code::Internal, format!("stored hits: {error}"))),
        }
    }
    lines.drain(..).for_each(|line| take(&line, &mut newest));
    let hits = newest.into_values().rev().collect();
    Ok(HitsAnswer { hits, matched: matched.into(), stored: desk.store.is_some() })
}
