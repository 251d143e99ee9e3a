//! What flows of several queries have in common.

use sensor_core::{
    hunt::{Answer, Common, MOST_QUERIES, Metric, Question, Said, Shared},
    nql::typed::Typed,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    desk::{Desk, Ground, Range},
    fault::Fault,
    query,
    value::{self, METRICS, Told},
};

/// Groups that are held for each query.
const MOST_GROUPS: usize = 200_000;
/// Rows of an answer, at most.
const MOST: usize = 10_000;

/// `POST /common`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonAsk {
    /// Two to five queries.
    pub queries: Vec<String>,
    /// What their flows have in common.
    pub by: Vec<String>,
    /// Milliseconds within which they have it; none for the whole time.
    #[serde(default)]
    pub period_ms: Option<u64>,
    /// Received from then on, milliseconds since the epoch.
    pub from_ms: u64,
    /// Received before that.
    pub to_ms: u64,
    /// Rows, at most.
    #[serde(default = "limit")]
    pub limit: usize,
}

fn limit() -> usize {
    1000
}

/// What they have in common.
#[derive(Clone, Debug, Serialize)]
pub struct CommonAnswer {
    /// The largest first, or, with periods, by time.
    pub rows: Vec<CommonRow>,
    /// How many there are, shown or not.
    pub rows_in_all: usize,
    /// What it rests on.
    #[serde(flatten)]
    pub ground: Ground,
}

/// Values that flows of every query have.
#[derive(Clone, Debug, Serialize)]
pub struct CommonRow {
    /// The beginning of the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_ms: Option<u64>,
    /// The values.
    pub key: Vec<Json>,
    /// Sums over the flows of each query.
    pub sums: Vec<Told>,
}

/// Answers.
///
/// # Errors
/// Faults of the request, and limits that are reached.
pub fn ask(desk: &Desk, asked: &CommonAsk) -> Result<CommonAnswer, Fault> {
    let range = Range::of(asked.from_ms, asked.to_ms)?;
    if !(2..=MOST_QUERIES).contains(&asked.queries.len()) {
        return Err(Fault::request(format!("`queries` has 2 to {MOST_QUERIES} queries")));
    }
    let by = query::groups(&asked.by, None)?;
    if by.is_empty() {
        return Err(Fault::request("`by` names what flows are to have in common"));
    }
    if asked.period_ms == Some(0) {
        return Err(Fault::request("`period_ms` is at least 1"));
    }
    let queries: Result<Vec<Typed>, Fault> =
        asked.queries.iter().map(|text| query::query(text, &desk.lists)).collect();
    let said = Said::Common(Common {
        queries: queries?,
        by: by.clone(),
        period: asked.period_ms,
        metrics: METRICS.to_vec(),
        most_groups: MOST_GROUPS,
    });
    let query = Typed::Constant(true);
    let question = Question { query, from: range.from, to: range.to, said };
    let (answer, ground) = desk.ask(&question)?;
    let found = match answer {
        Answer::Common(found) => found?,
        // The question says which it is.
        Answer::Rows(_) | Answer::Groups(_) => Vec::new(),
    };
    let rows_in_all = found.len();
    let shown = largest(found, Metric::Octets, asked.period_ms, asked.limit.min(MOST));
    let rows = shown.into_iter().map(|shared| {
        let values: Vec<_> = shared.values.into_iter().map(Some).collect();
        let sums = shared.sums.iter().map(Told::of).collect();
        CommonRow { bucket_ms: shared.bucket, key: value::key(&by, &values), sums }
    });
    Ok(CommonAnswer { rows: rows.collect(), rows_in_all, ground })
}

/// Those with the largest sums over all queries, `most` of them: by time where there are periods, the largest first where there are none.
pub fn largest(
    mut found: Vec<Shared>,
    metric: Metric,
    period: Option<u64>,
    most: usize,
) -> Vec<Shared> {
    let sum = |own: &Shared| -> u128 { own.sums.iter().filter_map(|sums| sums.of(metric)).sum() };
    // What has as much stays in the order of its time and values.
    if found.len() > most || period.is_none() {
        found.sort_by_key(|own| std::cmp::Reverse(sum(own)));
        found.truncate(most);
    }
    if period.is_some() {
        found.sort_by_key(|own| own.bucket);
    }
    found
}
