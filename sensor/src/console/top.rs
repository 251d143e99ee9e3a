//! The largest groups of flows.

use sensor_core::hunt::{Answer, Distinct, Grouping, Metric, Question, Said, Sums};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    desk::{Desk, Ground, Range},
    fault::{Code, Fault},
    query,
    value::{self, METRICS, Told},
};

/// Groups that are held at the same time.
pub const MOST_GROUPS: usize = 1_000_000;
/// Rows of an answer, at most.
const MOST: usize = 10_000;

/// What groups are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Octets of the IP packets.
    #[default]
    Octets,
    /// Packets.
    Packets,
    /// Flow records.
    Flows,
}

impl From<By> for Metric {
    fn from(by: By) -> Self {
        match by {
            By::Octets => Self::Octets,
            By::Packets => Self::Packets,
            By::Flows => Self::Flows,
        }
    }
}

/// `POST /top`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopAsk {
    /// Which flows; nothing for all.
    #[serde(default)]
    pub q: String,
    /// Received from then on, milliseconds since the epoch.
    pub from_ms: u64,
    /// Received before that.
    pub to_ms: u64,
    /// What flows of a group have in common.
    pub by: Vec<String>,
    /// What groups are ordered by.
    #[serde(default)]
    pub metric: By,
    /// Rows, at most.
    #[serde(default = "limit")]
    pub limit: usize,
    /// Leading bits of IPv4 addresses.
    #[serde(default)]
    pub prefix4: Option<u8>,
    /// Leading bits of IPv6 addresses.
    #[serde(default)]
    pub prefix6: Option<u8>,
}

fn limit() -> usize {
    10
}

/// The largest groups.
#[derive(Clone, Debug, Serialize)]
pub struct TopAnswer {
    /// The largest first.
    pub rows: Vec<TopRow>,
    /// All other groups together.
    pub other: Shared,
    /// All groups together.
    pub total: Told,
    /// How many groups there are.
    pub groups: usize,
    /// What it rests on.
    #[serde(flatten)]
    pub ground: Ground,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub struct TopRow {
    /// Its values.
    pub key: Vec<Json>,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Shared,
}

/// Sums, and their part of the total, 0 to 1; none where nobody tells it.
#[derive(Clone, Debug, Serialize)]
pub struct Shared {
    /// The sums.
    #[serde(flatten)]
    pub sums: Told,
    /// The part.
    pub share: Option<f64>,
}

impl Shared {
    fn of(sums: &Sums, metric: Metric, total: &Sums) -> Self {
        let share =
            if sums.flows() == 0 { Some(0.0) } else { sums.share(metric, total.of(metric)) };
        Self { sums: Told::of(sums), share }
    }
}

/// Answers.
///
/// # Errors
/// Faults of the request, and limits that are reached.
pub fn ask(desk: &Desk, asked: &TopAsk) -> Result<TopAnswer, Fault> {
    let range = Range::of(asked.from_ms, asked.to_ms)?;
    let by = query::groups(&asked.by, query::prefixes(asked.prefix4, asked.prefix6)?)?;
    let query = query::query(&asked.q, &desk.lists)?;
    let grouping = Grouping {
        by: by.clone(),
        period: None,
        metrics: METRICS.to_vec(),
        most_groups: MOST_GROUPS,
    };
    let said = Said::Groups(grouping, Distinct::default());
    let question = Question { query, from: range.from, to: range.to, said };
    let (answer, ground) = desk.ask(&question)?;
    let Answer::Groups(groups) = answer else {
        return Err(Fault::new(Code::Internal, "no groups were found"));
    };
    groups.check()?;
    let (metric, total) = (Metric::from(asked.metric), groups.total());
    let largest = groups.largest(metric, asked.limit.min(MOST));
    let other = largest.iter().fold(total, |left, group| left.without(&group.sums));
    let rows = largest.iter().map(|group| TopRow {
        key: value::key(&by, &group.values),
        sums: Shared::of(&group.sums, metric, &total),
    });
    Ok(TopAnswer {
        rows: rows.collect(),
        other: Shared::of(&other, metric, &total),
        total: Told::of(&total),
        groups: groups.groups(),
        ground,
    })
}
