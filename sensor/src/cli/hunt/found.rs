//! An answer in the forms in which it is shown.

use std::io::{self, Write};

use sensor_core::hunt::{
    Answer, Group, GroupBy, Groups, LimitReached, Metric, Order, Place, Rows, Sums,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    args::HuntForm,
    elsewhere::lines::Lines,
    page::Token,
    question::{Top, Wanted},
    rows::Shown,
    shared::Shared,
};
use crate::{
    console::series::{Rank, Series},
    export::log::top::{self, Listed},
};

/// What was found.
pub enum Found {
    /// Flows, and the place of the last where more may follow.
    Rows(Box<Rows>, Option<Token>),
    /// Flows that another has found.
    Lines(Box<Lines>),
    /// The largest groups.
    Top(Box<Largest>),
    /// Sums over time.
    Series(Box<Series>),
    /// What flows of several queries have in common.
    Shared(Box<Shared>),
}

/// The largest groups.
pub struct Largest {
    by: Vec<GroupBy>,
    groups: Vec<Group>,
    metrics: Vec<Metric>,
    metric: Metric,
    distinct: Vec<GroupBy>,
    total: Sums,
    all: usize,
}

/// The same for programs.
#[derive(Default, Serialize)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    flows: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups_in_all: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_in_all: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Found {
    /// What `wanted` is, of an answer to `queries` queries.
    ///
    /// # Errors
    /// When there were more groups, or more distinct values, than are held.
    pub fn of(answer: Answer, wanted: &Wanted, queries: usize) -> Result<Self, LimitReached> {
        Ok(match (answer, wanted) {
            (Answer::Rows(mut rows), Wanted::Rows(page)) => {
                let (mut count, mut last) = (0, None);
                rows.for_each(|_, _, place| {
                    count += 1;
                    last = Some(place);
                });
                let last: Option<Place> = last.filter(|_| count == page.most);
                Self::Rows(Box::new(rows), last.map(Token))
            }
            (Answer::Groups(groups), Wanted::Top(top)) => {
                groups.check()?;
                Self::Top(Box::new(Largest::of(&groups, top)))
            }
            (Answer::Groups(groups), Wanted::Series { by, metrics, metric, period, most }) => {
                groups.check()?;
                let groups = groups.ordered();
                Self::Series(Box::new(Series::new(
                    by,
                    &groups,
                    (*metric, metrics),
                    *period,
                    (Rank::Avg, *most),
                )?))
            }
            (Answer::Common(found), Wanted::Shared(wanted)) => {
                let found = found?;
                Self::Shared(Box::new(Shared::new(wanted, found, queries)))
            }
            // The question says which it is.
            _ => Self::Rows(Box::new(Rows::new(Order::OldestFirst, 0, None)), None),
        })
    }

    /// Where the next page begins, if there may be one.
    pub fn next(&self) -> Option<Token> {
        match self {
            Self::Rows(_, next) => *next,
            _ => None,
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(
        &mut self,
        form: HuntForm,
        shown: &Shown,
        width: Option<usize>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut text = Vec::new();
        match (self, form) {
            (Self::Rows(rows, _), HuntForm::Json) => return shown.json(rows, out),
            (Self::Rows(rows, _), HuntForm::Csv) => return shown.csv(rows, out),
            (Self::Rows(rows, _), _) => return shown.table(rows, out, width),
            (Self::Lines(lines), HuntForm::Json) => lines.write_json(&mut text),
            (Self::Lines(lines), HuntForm::Csv) => lines.write_csv(&mut text),
            (Self::Lines(lines), _) => lines.write_table(&mut text, shown.zone, width),
            (Self::Top(largest), HuntForm::Json) => top::write_json(&mut text, &largest.listed()),
            (Self::Top(largest), HuntForm::Csv) => top::write_csv(&mut text, &largest.listed()),
            (Self::Top(largest), _) => top::write_table(&mut text, &largest.listed()),
            (Self::Series(series), HuntForm::Json) => series.write_json(&mut text),
            (Self::Series(series), HuntForm::Csv) => series.write_csv(&mut text),
            (Self::Series(series), _) => series.write_table(&mut text, shown.zone, width),
            (Self::Shared(shared), HuntForm::Json) => shared.write_json(&mut text),
            (Self::Shared(shared), HuntForm::Csv) => shared.write_csv(&mut text),
            (Self::Shared(shared), _) => shared.write_table(&mut text, shown.zone, width),
        }
        out.write_all(&text)
    }

    /// For programs.
    ///
    /// # Errors
    /// When a line is no JSON, which is a fault of this program.
    pub fn document(&mut self, shown: &Shown) -> anyhow::Result<Document> {
        let mut text = Vec::new();
        self.write(HuntForm::Json, shown, None, &mut text)?;
        let text = String::from_utf8(text)?;
        let lines = text.lines().map(|line| RawValue::from_string(line.to_owned()));
        let lines: Vec<Box<RawValue>> = lines.collect::<Result<_, _>>()?;
        let mut document = Document::default();
        match self {
            Self::Rows(_, next) => {
                document.flows = Some(lines);
                document.next = next.map(|token| token.to_string());
            }
            Self::Lines(_) => document.flows = Some(lines),
            Self::Top(largest) => {
                document.groups = Some(lines);
                document.groups_in_all = Some(largest.all);
            }
            Self::Series(_) => document.series = Some(lines),
            Self::Shared(shared) => {
                document.shared = Some(lines);
                document.shared_in_all = Some(shared.all());
            }
        }
        Ok(document)
    }
}

impl Largest {
    fn of(groups: &Groups, top: &Top) -> Self {
        let Top { metric, distinct, count, .. } = top;
        let shown = match distinct.is_empty() {
            true => groups.largest(*metric, *count),
            false => {
                let mut all = groups.ordered();
                // Groups with as many stay in the order of their values.
                all.sort_by(|left, right| right.distinct.cmp(&left.distinct));
                all.truncate(*count);
                all
            }
        };
        Self::given(top, shown, groups.total(), groups.groups())
    }

    /// Those that were found, the largest first, of `all`, whose sums are `total`.
    pub fn given(top: &Top, groups: Vec<Group>, total: Sums, all: usize) -> Self {
        Self {
            by: top.by.clone(),
            groups,
            metrics: top.metrics.clone(),
            metric: top.metric,
            distinct: top.distinct.clone(),
            total,
            all,
        }
    }

    fn listed(&self) -> Listed<'_> {
        let Self { by, groups, metrics, metric, distinct, total, all } = self;
        Listed { by, groups, metrics, metric: *metric, distinct, total: *total, all: *all }
    }
}
