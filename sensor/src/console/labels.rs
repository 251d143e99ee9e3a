//! What is known about addresses, and which labels talk to each other.

use std::net::IpAddr;

use sensor_core::{
    flow::{
        fields::OwnedValue,
        profile::{Profile, Side},
    },
    hunt::{Answer, Distinct, GroupBy, Grouping, Metric, Question, Said},
    nql::typed::Subject,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{
    desk::{Desk, Ground, Range},
    fault::{Code, Fault},
    query,
    top::MOST_GROUPS,
    value::Count,
};

/// Values that a matrix has, at most: those with the most octets.
const MOST_VALUES: usize = 40;
/// Labels of an answer, at most.
const MOST_MATCHES: usize = 200;

/// `GET /labels`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelsAsk {
    /// An address.
    #[serde(default)]
    pub ip: Option<IpAddr>,
    /// A part of a label.
    #[serde(default)]
    pub q: Option<String>,
}

/// What is known.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum LabelsAnswer {
    /// About an address.
    Address {
        /// By name.
        profile: Map<String, Json>,
    },
    /// Labels that hold the text.
    Labels {
        /// By context and value.
        matches: Vec<Match>,
    },
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// `label`.
    pub kind: &'static str,
    /// Its context.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Kinds of addresses that have it.
    pub addresses: Count,
}

/// Answers.
///
/// # Errors
/// Neither an address nor a text is given.
pub fn ask(desk: &Desk, asked: &LabelsAsk) -> Result<LabelsAnswer, Fault> {
    match (&asked.ip, &asked.q) {
        (Some(address), _) => {
            Ok(LabelsAnswer::Address { profile: profile(&desk.agent.profile(*address)) })
        }
        (None, Some(text)) => {
            let text = text.to_lowercase();
            let mut labels = desk.agent.labels();
            labels.retain(|label| {
                label.value.to_lowercase().contains(&text) || label.context.contains(&text)
            });
            labels.sort();
            labels.truncate(MOST_MATCHES);
            let told = |label: super::agent::Label| Match {
                kind: "label",
                key: label.context,
                value: label.value,
                addresses: label.profiles.into(),
            };
            Ok(LabelsAnswer::Labels { matches: labels.into_iter().map(told).collect() })
        }
        (None, None) => Err(Fault::request("`ip` is an address, or `q` a part of a label")),
    }
}

/// What is known about one end of a flow.
pub fn profile(profile: &Profile) -> Map<String, Json> {
    let Profile {
        labels,
        internal,
        local,
        bogon,
        owner_as,
        routed_as,
        country,
        continent,
        subdivision,
        location,
        reputation,
    } = profile;
    let mut all = Map::new();
    let mut add = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), value);
        }
    };
    for (context, values) in labels {
        add(&format!("label.{context}"), Some(json!(values)));
    }
    add("internal", internal.map(Json::from));
    add("local", local.map(Json::from));
    add("bogon", bogon.map(Json::from));
    add("owner AS", owner_as.number.map(Json::from));
    add("owner AS organisation", owner_as.organisation.clone().map(Json::from));
    add("AS", routed_as.number.map(Json::from));
    add("AS organisation", routed_as.organisation.clone().map(Json::from));
    add("country", country.clone().map(Json::from));
    add("continent", continent.clone().map(Json::from));
    add("subdivision", subdivision.clone().map(Json::from));
    let degrees = |(latitude, longitude): (i32, i32)| {
        format!("{}, {}", f64::from(latitude) / 1e6, f64::from(longitude) / 1e6)
    };
    add("location", location.map(degrees).map(Json::from));
    add("reputation", reputation.as_ref().map(|all| json!(all)));
    all
}

/// `POST /labels/matrix`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixAsk {
    /// The `role` of `label.src.role`.
    pub context: String,
    /// Received from then on, milliseconds since the epoch.
    pub from_ms: u64,
    /// Received before that.
    pub to_ms: u64,
    /// Which flows; nothing for all.
    #[serde(default)]
    pub q: String,
}

/// Who talks to whom.
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// Values of the context.
    pub values: Vec<String>,
    /// Octets from the value of the row to that of the column.
    pub cells: Vec<Vec<Count>>,
    /// What it rests on.
    #[serde(flatten)]
    pub ground: Ground,
}

/// Answers. A flow whose end has several values counts for each of them.
///
/// # Errors
/// Faults of the request, and limits that are reached.
pub fn matrix(desk: &Desk, asked: &MatrixAsk) -> Result<Matrix, Fault> {
    let range = Range::of(asked.from_ms, asked.to_ms)?;
    let query = query::query(&asked.q, &desk.lists)?;
    let context = asked.context.to_lowercase();
    let by = [Side::Source, Side::Destination]
        .map(|side| GroupBy::subject(Subject::Label(side, context.clone())));
    let grouping = Grouping {
        by: by.into(),
        period: None,
        metrics: vec![Metric::Octets],
        most_groups: MOST_GROUPS,
    };
    let said = Said::Groups(grouping, Distinct::default());
    let question = Question { query, from: range.from, to: range.to, said };
    let (answer, ground) = desk.ask(&question)?;
    let Answer::Groups(groups) = answer else {
        return Err(Fault::new(Code::Internal, "no groups were found"));
    };
    groups.check()?;
    let mut pairs: Vec<(String, String, u128)> = Vec::new();
    for group in groups.largest(Metric::Octets, MOST_GROUPS) {
        let octets = group.sums.of(Metric::Octets).unwrap_or(0);
        let [Some(from), Some(to)] = [texts(group.values.first()), texts(group.values.get(1))]
        else {
            continue;
        };
        for one in &from {
            pairs.extend(to.iter().map(|other| (one.clone(), other.clone(), octets)));
        }
    }
    let mut totals = std::collections::BTreeMap::<&str, u128>::new();
    for (from, to, octets) in &pairs {
        *totals.entry(from).or_default() += octets;
        *totals.entry(to).or_default() += octets;
    }
    let mut values: Vec<(&str, u128)> = totals.into_iter().collect();
    values.sort_by(|(left, a), (right, b)| b.cmp(a).then_with(|| left.cmp(right)));
    values.truncate(MOST_VALUES);
    let mut values: Vec<String> = values.into_iter().map(|(value, _)| value.to_owned()).collect();
    values.sort();
    let place = |value: &str| values.binary_search_by(|own| own.as_str().cmp(value)).ok();
    let mut cells = vec![vec![Count(0); values.len()]; values.len()];
    for (from, to, octets) in &pairs {
        if let (Some(row), Some(column)) = (place(from), place(to)) {
            cells[row][column].0 += octets;
        }
    }
    Ok(Matrix { values, cells, ground })
}

/// The values of a label; none where there are none.
fn texts(value: Option<&Option<OwnedValue>>) -> Option<Vec<String>> {
    let all = match value?.as_ref()?.value() {
        sensor_core::flow::fields::Value::Texts(texts) => {
            texts.iter().map(|text| text.to_string()).collect()
        }
        sensor_core::flow::fields::Value::Text(text) => vec![text.to_owned()],
        _ => Vec::new(),
    };
    (!all.is_empty()).then_some(all)
}
