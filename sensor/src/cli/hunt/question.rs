//! What the command line asks, as a [`Question`].

use std::time::Duration;

use sensor_core::{
    flow::fields::Needs,
    hunt::{
        Common, Distinct, GroupBy, Grouping, MOST_FIELDS, MOST_QUERIES, Metric, Page, Question,
        Said,
    },
    nql::typed::Typed,
};

use super::{
    args::{HuntArgs, SumArgs},
    range::Range,
    shared::SharedWanted,
};
use crate::cli::{exit::Failure, names, shown::each_once};

/// Groups that are held at the same time.
pub const MOST_GROUPS: usize = 1_000_000;
/// Distinct values that are held at the same time.
const MOST_VALUES: usize = 4_000_000;
/// Lines of a series where nobody says how many.
const LINES: usize = 8;
/// Rows of groups where nobody says how many.
const TOP: usize = 10;
/// Shared values where nobody says how many.
const SHARED: usize = 1000;
/// Fields that flows of several queries have in common, at most.
const SHARED_FIELDS: usize = 5;
/// Periods of a series, at most.
const MOST_PERIODS: u64 = 100_000;

/// What is wanted, and in which form it is an answer.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Flows.
    Rows(Page),
    /// The largest groups.
    Top(Top),
    /// Sums over time.
    Series {
        /// What has lines of its own.
        by: Vec<GroupBy>,
        /// What is summed up for machines.
        metrics: Vec<Metric>,
        /// What lines are ordered by.
        metric: Metric,
        /// Milliseconds.
        period: u64,
        /// Lines, at most.
        most: usize,
    },
    /// What flows of several queries have in common.
    Shared(SharedWanted),
}

/// The largest groups.
#[derive(Clone, Debug)]
pub struct Top {
    /// What their flows have in common; nothing where all flows are one group.
    pub by: Vec<GroupBy>,
    /// What is summed up for machines.
    pub metrics: Vec<Metric>,
    /// What they are ordered by, unless distinct values are counted.
    pub metric: Metric,
    /// Of what distinct values are counted.
    pub distinct: Vec<GroupBy>,
    /// How many, at most.
    pub count: usize,
}

impl Wanted {
    /// What the flags say of a question about flows of `range`.
    ///
    /// # Errors
    /// Flags that exclude each other, or ask for too much.
    pub fn of(args: &HuntArgs, range: &Range) -> anyhow::Result<Self> {
        let SumArgs { top, by, metric, every, distinct, also } = &args.sums;
        each_once("--by", by, |by| by.subject.name())?;
        each_once("--distinct", distinct, |of| of.subject.name())?;
        each_once("--fields", &args.rows.fields, |field| field.name.to_owned())?;
        for (flag, fields) in [("--by", by), ("--distinct", distinct)] {
            if fields.len() > MOST_FIELDS {
                let fault = format!("{flag} names {} fields; {MOST_FIELDS} at most", fields.len());
                return Err(Failure::usage(fault).into());
            }
        }
        let sums = top.is_some() || every.is_some() || !distinct.is_empty() || !also.is_empty();
        if !sums {
            return Self::rows(args, range);
        }
        let rows = &args.rows;
        if let Some(flag) = [
            ("--fields", !rows.fields.is_empty()),
            ("--order", rows.order.is_some()),
            ("--after", rows.after.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
        {
            let sums = if every.is_some() { "--every" } else { "--top or --distinct" };
            let fault = format!("{flag} applies to flows, which {sums} replaces by sums; use --by");
            return Err(Failure::usage(fault).into());
        }
        let mut metrics = vec![Metric::Octets, Metric::Packets, Metric::Flows];
        if !metrics.contains(metric) {
            metrics.push(*metric);
        }
        let (by, metric, distinct) = (by.clone(), *metric, distinct.clone());
        if !also.is_empty() {
            if also.len() >= MOST_QUERIES {
                let fault = format!("{} queries; {MOST_QUERIES} at most", also.len() + 1);
                return Err(Failure::usage(fault).into());
            }
            if by.len() > SHARED_FIELDS {
                let fault = format!(
                    "--by names {} fields; flows of several queries have {SHARED_FIELDS} in common at most",
                    by.len()
                );
                return Err(Failure::usage(fault).into());
            }
            let period = every.map(|every| period(every, range)).transpose()?;
            let most = top.unwrap_or(SHARED);
            return Ok(Self::Shared(SharedWanted { by, metrics, metric, period, most }));
        }
        if let Some(every) = every {
            if !distinct.is_empty() {
                let fault = "--distinct and --every exclude each other: distinct values of one period are not those of another";
                return Err(Failure::usage(fault).into());
            }
            let period = period(*every, range)?;
            return Ok(Self::Series { by, metrics, metric, period, most: top.unwrap_or(LINES) });
        }
        let by = match top {
            Some(_) if by.is_empty() => {
                let named = ["srcip", "dstip"].map(|name| names::group_by(name).ok());
                named.into_iter().flatten().collect()
            }
            _ => by,
        };
        let count = top.unwrap_or(TOP);
        Ok(Self::Top(Top { by, metrics, metric, distinct, count }))
    }

    fn rows(args: &HuntArgs, range: &Range) -> anyhow::Result<Self> {
        let rows = &args.rows;
        if !args.sums.by.is_empty() {
            let fault = "--by groups flows: add --top N, --every TIME or --distinct FIELD";
            return Err(Failure::usage(fault).into());
        }
        // The line that people see, and files of the store, have all columns.
        let needs = match rows.fields.as_slice() {
            [] => Needs::ALL,
            fields => fields.iter().fold(Needs::NONE, |needs, field| needs.and(field.needs())),
        };
        let after = rows.after.map(|token| token.0);
        if after.is_some_and(|after| after.time < range.from || after.time >= range.to) {
            let fault = "--after is outside the range: give the --from and --to of the answer that it is from";
            return Err(Failure::usage(fault).into());
        }
        let order = rows.order.map(Into::into).unwrap_or_default();
        Ok(Self::Rows(Page { order, most: rows.limit, after, needs, count_all: false }))
    }

    /// The question. `others`: the queries beside it.
    pub fn question(&self, query: Typed, others: Vec<Typed>, range: &Range) -> Question {
        let grouping = |by: &Vec<GroupBy>, metrics: &Vec<Metric>, period| Grouping {
            by: by.clone(),
            period,
            metrics: metrics.clone(),
            most_groups: MOST_GROUPS,
        };
        let said = match self {
            Self::Rows(page) => Said::Rows(*page),
            Self::Top(Top { by, metrics, distinct, .. }) => {
                let distinct = Distinct { of: distinct.clone(), most: MOST_VALUES };
                Said::Groups(grouping(by, metrics, None), distinct)
            }
            Self::Series { by, metrics, period, .. } => {
                Said::Groups(grouping(by, metrics, Some(*period)), Distinct::default())
            }
            Self::Shared(SharedWanted { by, metrics, period, .. }) => {
                let said = Said::Common(Common {
                    queries: std::iter::once(query).chain(others).collect(),
                    by: by.clone(),
                    period: *period,
                    metrics: metrics.clone(),
                    most_groups: MOST_GROUPS,
                });
                let query = Typed::Constant(true);
                return Question { query, from: range.from, to: range.to, said };
            }
        };
        Question { query, from: range.from, to: range.to, said }
    }
}

fn period(every: Duration, range: &Range) -> anyhow::Result<u64> {
    let period = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
    if period == 0 {
        return Err(
            Failure::usage("--every is shorter than a millisecond: write `--every 1m`").into()
        );
    }
    if range.from > 0 && range.to < u64::MAX && (range.to - range.from) / period > MOST_PERIODS {
        let periods = (range.to - range.from) / period;
        let fault = format!(
            "--every makes {periods} periods of this range, and {MOST_PERIODS} are shown at most: make it longer, or the range shorter"
        );
        return Err(Failure::usage(fault).into());
    }
    Ok(period)
}
