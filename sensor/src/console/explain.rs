//! One flow: all that it has, what is known of its ends, and what each policy makes of it.

use std::sync::Arc;

use sensor_core::{
    flow::{
        batch::FlowBatch,
        fields::{FIELDS, Needs, OwnedValue, Row},
        interfaces::Interfaces,
        profile::Side,
    },
    hunt::{Answer, Order, Page, Place, Question, Said},
    nql::{Options, lists::Lists, reference, traced::TracedQuery, typed::Typed},
    policy::model::Policy,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    desk::Desk,
    fault::{Code, Fault},
    flows, labels, value,
};

/// Flows of one millisecond that are looked through, at most.
const MOST: usize = 100_000;

/// `POST /explain`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainAsk {
    /// That of a row of `/flows`.
    pub id: String,
}

/// All that is known of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The fields that it has.
    pub flow: Map<String, Json>,
    /// What policies make of it, by name.
    pub policies: Vec<Verdict>,
    /// What was known of its ends when it was received.
    pub profile: Ends,
}

/// Both ends.
#[derive(Clone, Debug, Serialize)]
pub struct Ends {
    /// Of the source.
    pub src: Map<String, Json>,
    /// Of the destination.
    pub dst: Map<String, Json>,
}

/// What a policy makes of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The policy.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether the flow counts.
    pub matched: bool,
    /// The part of the query that fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<FailedAt>,
}

/// A part of a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedAt {
    /// Octets of the query before it.
    pub from: usize,
    /// Octets before its end.
    pub to: usize,
    /// As it is written.
    pub text: String,
    /// What the flow has there.
    pub value: Json,
}

/// Answers.
///
/// # Errors
/// The id is none, or its flow is neither held nor stored any more.
pub fn ask(desk: &Desk, asked: &ExplainAsk) -> Result<Explained, Fault> {
    let place = flows::place(&asked.id)?;
    let page = Page {
        order: Order::OldestFirst,
        most: MOST,
        after: None,
        needs: Needs::ALL,
        count_all: false,
    };
    let question = Question {
        query: Typed::Constant(true),
        from: place.time,
        to: place.time.saturating_add(1),
        said: Said::Rows(page),
    };
    let (Answer::Rows(mut rows), _) = desk.ask(&question)? else {
        return Err(Fault::new(Code::Internal, "no rows were found"));
    };
    let (policies, interfaces) = (desk.agent.policies(), desk.interfaces());
    let mut found = None;
    rows.for_each(|batch, row, at| {
        if at == place {
            found = Some(explained(batch, row, &policies, &desk.lists, &interfaces));
        }
    });
    found.ok_or_else(|| gone(place))
}

fn gone(_: Place) -> Fault {
    Fault::new(Code::NotFound, "this flow is neither held nor stored any more")
}

fn explained(
    batch: &FlowBatch,
    row: usize,
    policies: &[Arc<Policy>],
    lists: &Lists,
    interfaces: &Interfaces,
) -> Explained {
    let record = Row { batch, row, interfaces };
    let filled = FIELDS.iter().filter(|field| field.is_filled());
    let own = filled.map(|field| (field.name.to_owned(), value::json(field.value(record))));
    let mut verdicts: Vec<Verdict> =
        policies.iter().map(|policy| verdict(policy, record, lists)).collect();
    verdicts.sort_by(|one, other| one.name.cmp(&other.name));
    let end = |side| labels::profile(batch.profile(side, row));
    Explained {
        flow: own.filter(|(_, value)| !value.is_null()).collect(),
        policies: verdicts,
        profile: Ends { src: end(Side::Source), dst: end(Side::Destination) },
    }
}

/// What the policy asks, with its discards; and of the text of its query, the part that fails.
fn verdict(policy: &Policy, record: Row<'_>, lists: &Lists) -> Verdict {
    let name = policy.shown_name();
    let query = policy.search.of(record.batch.observed_by);
    let matched = query.is_some_and(|query| reference::matches(query, &record));
    let failed_at = (!matched).then(|| failed(&policy.summary.search, record, lists)).flatten();
    Verdict { id: name.clone(), name, matched, failed_at }
}

/// None where the text alone would hold: it is a discard, or a query for flows of its source, that fails.
fn failed(text: &str, record: Row<'_>, lists: &Lists) -> Option<FailedAt> {
    let query = TracedQuery::compile(text, &Options::new(lists)).ok()?;
    if query.holds(&record) {
        return None;
    }
    let reason = query.reason(&record);
    let values: Vec<Json> = reason
        .values
        .iter()
        .flat_map(|(_, values)| values)
        .map(|value: &OwnedValue| value::json(value.value()))
        .collect();
    let value = match values.len() {
        0 => Json::Null,
        1 => values.into_iter().next().unwrap_or_default(),
        _ => values.into(),
    };
    let part = text.get(reason.span.clone()).unwrap_or_default().to_owned();
    Some(FailedAt { from: reason.span.start, to: reason.span.end, text: part, value })
}
