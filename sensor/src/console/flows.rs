//! Flows themselves, a page at a time.

use std::cmp::Reverse;

use sensor_core::{
    flow::{
        columns::Column,
        fields::{Field, Needs, Row, Value},
        interfaces::Interfaces,
        profile::Side,
    },
    hunt::{self, Answer, GroupBy, Page, Place, Question, Rows, Said},
    nql::typed::Subject,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    desk::{Desk, Ground, Lacks, Range},
    fault::{Code, Fault},
    query, value,
};
use crate::export::log::{csv, json};

/// Rows of a page, at most.
pub const MOST: usize = 10_000;
/// Rows that are put into an order that is not that of time, at most: the newest.
const MOST_SORTED: usize = 500_000;
/// What is shown where nobody says.
const SHOWN: [&str; 9] =
    ["end", "duration", "srcip", "srcport", "dstip", "dstport", "protocol", "packets", "octets"];

/// Which flows come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Those received last.
    #[default]
    Newest,
    /// Those received first.
    Oldest,
    /// Those with the most octets.
    Octets,
    /// Those with the most packets.
    Packets,
    /// Those that took longest.
    Duration,
}

/// `POST /flows`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowsAsk {
    /// Which flows; nothing for all.
    #[serde(default)]
    pub q: String,
    /// Received from then on, milliseconds since the epoch.
    pub from_ms: u64,
    /// Received before that.
    pub to_ms: u64,
    /// Fields, and `label.src.NAME` or `label.dst.NAME`; some where none is named.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Which come first.
    #[serde(default)]
    pub order: Order,
    /// Rows, at most.
    #[serde(default = "limit")]
    pub limit: usize,
    /// `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

fn limit() -> usize {
    200
}

/// A page of flows.
#[derive(Clone, Debug, Serialize)]
pub struct FlowsAnswer {
    /// What each row has.
    pub columns: Vec<ColumnTold>,
    /// A value for each column; null where a flow has none.
    pub rows: Vec<Vec<Json>>,
    /// What each row is known by.
    pub ids: Vec<String>,
    /// Where the next page begins, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What it rests on.
    #[serde(flatten)]
    pub ground: Ground,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnTold {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub r#type: &'static str,
}

/// Forms for programs that read lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// A line that names the columns, then one a flow.
    Csv,
    /// A JSON object a line.
    Json,
}

/// What is shown of a flow.
struct Shown(Vec<Subject>);

impl Shown {
    fn of(names: &[String]) -> Result<Self, Fault> {
        let default = SHOWN.map(str::to_owned);
        let names = if names.is_empty() { default.as_slice() } else { names };
        let mut all: Vec<Subject> = Vec::with_capacity(names.len());
        for name in names {
            let fault = || Fault::request(format!("`columns` names `{name}`, which is no field"));
            let by = GroupBy::named(name).map_err(|_| fault())?;
            if by.prefixes.is_some() {
                return Err(fault());
            }
            if all.contains(&by.subject) {
                return Err(Fault::request(format!("`columns` names `{name}` twice")));
            }
            all.push(by.subject);
        }
        Ok(Self(all))
    }

    fn needs(&self) -> Needs {
        self.0.iter().map(Subject::needs).fold(Needs::NONE, Needs::and)
    }

    fn columns(&self) -> Vec<ColumnTold> {
        let column = |subject: &Subject| ColumnTold {
            name: subject.name(),
            r#type: match subject {
                Subject::Field(field) => field.kind.name(),
                Subject::Label(..) | Subject::PortLabel(_) => "string[]",
            },
        };
        self.0.iter().map(column).collect()
    }

    fn values(&self, row: Row<'_>) -> Vec<Json> {
        self.0.iter().map(|subject| value::json(of(subject, row))).collect()
    }

    fn fields(&self) -> Option<Vec<&'static Field>> {
        let field = |subject: &Subject| match subject {
            Subject::Field(field) => Some(*field),
            Subject::Label(..) | Subject::PortLabel(_) => None,
        };
        self.0.iter().map(field).collect()
    }
}

fn of<'r>(subject: &Subject, row: Row<'r>) -> Value<'r> {
    match subject {
        Subject::Field(field) => field.value(row),
        Subject::Label(side, name) => labels(*side, name, row),
        Subject::PortLabel(_) => Value::Absent,
    }
}

fn labels<'r>(side: Side, name: &str, row: Row<'r>) -> Value<'r> {
    let labels = row.batch.profile(side, row.row).labels.get(name);
    labels.map_or(Value::Absent, |labels| Value::Texts(labels))
}

/// The place of a row as a text.
fn token(place: Place) -> String {
    format!("{}.{}", place.time, place.sequence)
}

/// The place that a text says.
///
/// # Errors
/// It says none.
pub fn place(text: &str) -> Result<Place, Fault> {
    let parsed = text.split_once('.').and_then(|(time, sequence)| {
        Some(Place { time: time.parse().ok()?, sequence: sequence.parse().ok()? })
    });
    parsed.ok_or_else(|| {
        Fault::request(format!("`{text}` is no id of a flow, nor where a page ends"))
    })
}

/// Rows that were found, in the order that was asked for.
struct Found {
    rows: Box<Rows>,
    /// The places of those that are shown, where the order is not that of `rows`.
    chosen: Option<Vec<usize>>,
    next: Option<String>,
    ground: Ground,
    interfaces: std::sync::Arc<Interfaces>,
}

impl Found {
    fn of(desk: &Desk, asked: &FlowsAsk, needs: Needs) -> Result<Self, Fault> {
        let range = Range::of(asked.from_ms, asked.to_ms)?;
        let query = query::query(&asked.q, &desk.lists)?;
        let limit = asked.limit.clamp(1, MOST);
        let (order, most) = match asked.order {
            Order::Newest => (hunt::Order::NewestFirst, limit),
            Order::Oldest => (hunt::Order::OldestFirst, limit),
            _ => (hunt::Order::NewestFirst, MOST_SORTED),
        };
        let by_time = most == limit;
        let after = asked.after.as_deref();
        let (after, skipped) = match after {
            Some(text) if by_time => (Some(place(text)?), 0),
            Some(text) => (None, skipped(text)?),
            None => (None, 0),
        };
        let ordered_by = match asked.order {
            Order::Octets => Needs::columns(Column::Octets.bit()),
            Order::Packets => Needs::columns(Column::Packets.bit()),
            Order::Duration => Needs::columns(Column::Start.bit() | Column::End.bit()),
            Order::Newest | Order::Oldest => Needs::NONE,
        };
        let page = Page { order, most, after, needs: needs.and(ordered_by), count_all: by_time };
        let question = Question { query, from: range.from, to: range.to, said: Said::Rows(page) };
        let (answer, mut ground) = desk.ask(&question)?;
        let Answer::Rows(mut rows) = answer else {
            return Err(Fault::new(Code::Internal, "no rows were found"));
        };
        let (next, chosen) = if by_time {
            let (mut count, mut last) = (0, None);
            rows.for_each(|_, _, place| {
                count += 1;
                last = Some(place);
            });
            (last.filter(|_| count == limit).map(token), None)
        } else {
            let mut all: Vec<(u64, usize)> = Vec::new();
            rows.for_each(|batch, row, _| {
                let number = match asked.order {
                    Order::Octets => batch.octets[row],
                    Order::Packets => batch.packets[row],
                    _ => batch.end[row].saturating_sub(batch.start[row]),
                };
                all.push((number, all.len()));
            });
            if ground.matched.0 > all.len() as u128 {
                ground.partial = ground.partial.or(Some(Lacks { reason: "order" }));
            }
            // Of as many, the newest first.
            all.sort_by_key(|(number, at)| (Reverse(*number), *at));
            let shown: Vec<usize> =
                all.iter().skip(skipped).take(limit).map(|(_, at)| *at).collect();
            let end = skipped.saturating_add(limit);
            ((end < all.len()).then(|| format!("+{end}")), Some(shown))
        };
        let interfaces = desk.interfaces();
        Ok(Self { rows: Box::new(rows), chosen, next, ground, interfaces })
    }

    /// Calls `each` for every row, in its order, and keeps what it makes of them.
    fn map<T>(&mut self, mut each: impl FnMut(Row<'_>, Place) -> T) -> Vec<T> {
        let interfaces = self.interfaces.clone();
        let Some(chosen) = &self.chosen else {
            let mut all = Vec::new();
            self.rows.for_each(|batch, row, place| {
                all.push(each(Row { batch, row, interfaces: &interfaces }, place));
            });
            return all;
        };
        let mut wanted: Vec<(usize, usize)> =
            chosen.iter().copied().enumerate().map(|(to, from)| (from, to)).collect();
        wanted.sort_unstable();
        let (mut all, mut at, mut wanted) = (Vec::new(), 0, wanted.into_iter().peekable());
        self.rows.for_each(|batch, row, place| {
            if let Some((_, to)) = wanted.next_if(|(from, _)| *from == at) {
                all.push((to, each(Row { batch, row, interfaces: &interfaces }, place)));
            }
            at += 1;
        });
        all.sort_by_key(|(to, _)| *to);
        all.into_iter().map(|(_, made)| made).collect()
    }
}

fn skipped(text: &str) -> Result<usize, Fault> {
    let number = text.strip_prefix('+').and_then(|text| text.parse().ok());
    number.ok_or_else(|| Fault::request("`after` is `next` of a page in another order"))
}

/// Answers.
///
/// # Errors
/// Faults of the request.
pub fn ask(desk: &Desk, asked: &FlowsAsk) -> Result<FlowsAnswer, Fault> {
    let shown = Shown::of(&asked.columns)?;
    let mut found = Found::of(desk, asked, shown.needs())?;
    let all = found.map(|row, place| (shown.values(row), token(place)));
    let (rows, ids) = all.into_iter().unzip();
    let Found { next, ground, .. } = found;
    Ok(FlowsAnswer { columns: shown.columns(), rows, ids, next, ground })
}

/// A page as lines, and where the next begins; `asked.after` says whether it is the first.
///
/// # Errors
/// Faults of the request.
pub fn lines(
    desk: &Desk,
    asked: &FlowsAsk,
    form: Lines,
) -> Result<(Vec<u8>, Option<String>), Fault> {
    let shown = if asked.columns.is_empty() { None } else { Some(Shown::of(&asked.columns)?) };
    let fields = match &shown {
        None => Vec::new(),
        Some(shown) => shown.fields().ok_or_else(|| {
            Fault::request(
                "lines have fields alone: leave labels out, or name no columns to have all",
            )
        })?,
    };
    let needs = shown.map_or(Needs::ALL, |shown| shown.needs());
    let mut found = Found::of(desk, asked, needs)?;
    let columns = csv::Columns::chosen(fields.clone());
    let mut out = Vec::new();
    if form == Lines::Csv && asked.after.is_none() {
        columns.write_heading(&mut out);
    }
    found.map(|row, _| match form {
        Lines::Csv => columns.write_row(&mut out, row),
        Lines::Json if fields.is_empty() => json::write_row(&mut out, row),
        Lines::Json => json::write_fields(&mut out, row, &fields),
    });
    Ok((out, found.next))
}
