//! `sensor hunt --on`: the same questions to a table of ClickHouse.
//!
//! * `statements`: what is asked. `cells`: what is answered. `lines`: flows of an answer, as they are shown.

mod cells;
pub mod lines;
mod statements;

use std::path::Path;

use anyhow::Context as _;
use sensor_core::{
    diagnostic::Findings,
    hunt::{Group, Grouping, LimitReached, Sums},
    nql::{sql::Place, typed::Subject},
};
use serde::Serialize;

use self::{
    lines::Lines,
    statements::{Statements, Whole},
};
use super::{
    args::{HuntArgs, HuntForm},
    found::{Found, Largest},
    output::{Told, deliver, form},
    question::{MOST_GROUPS, Wanted},
    range::Range,
    rows::Shown,
};
use crate::{
    agent::config::{self, overrides::Overrides},
    cli::{
        exit::Failure,
        nql,
        report::{Body, Outcome, report},
    },
    console::series::{Rank, Series},
    export::{
        clickhouse::{self, options::ClickHouseOptions},
        net::http::Credentials,
    },
    stdio,
};

/// How a place is asked: with what stands in a file, if there is one.
pub fn options(place: &Place, auth_file: Option<&Path>) -> ClickHouseOptions {
    ClickHouseOptions {
        credentials: auth_file.map(|path| Credentials::Basic(path.to_owned())),
        ..ClickHouseOptions::of_place(place)
    }
}

/// Answers the question of the command line, if it is `now` now.
pub fn hunt(args: &HuntArgs, place: &Place, now: u64) -> anyhow::Result<()> {
    if args.explain {
        return report(args.json, explain(args, place, now));
    }
    if args.json.json {
        return report(args.json, document(args, place, now));
    }
    let form = form(args)?;
    let Asking { asked, warnings } = Asked::read(args, place, form, now)?;
    stdio::to_stderr(warnings.styled());
    let found = asked.answer()?;
    let is_full = asked.is_full(&found);
    deliver(found, form, &asked.shown(), &args.output, true)?;
    stdio::note(format_args!("{} has answered", asked.options));
    if is_full {
        stdio::note("there may be more: raise --limit, or ask for less time");
    }
    Ok(())
}

fn document(args: &HuntArgs, place: &Place, now: u64) -> anyhow::Result<Outcome<Told>> {
    let Asking { asked, warnings } = Asked::read(args, place, HuntForm::Json, now)?;
    let found = asked.answer()?.document(&asked.shown())?;
    let body = Told::new(args, &asked.range, found, None);
    Ok(Outcome::well(body, warnings))
}

/// The statements that would be sent.
#[derive(Serialize)]
struct Explained {
    query: String,
    range: String,
    server: String,
    statements: Vec<String>,
}

impl Body for Explained {
    fn text(&self) -> String {
        let texts: Vec<String> = self.statements.iter().map(|text| format!("{text};\n")).collect();
        texts.join("\n")
    }
}

fn explain(args: &HuntArgs, place: &Place, now: u64) -> anyhow::Result<Outcome<Explained>> {
    let form = if args.json.json { HuntForm::Json } else { form(args)? };
    let Asking { asked, warnings } = Asked::read(args, place, form, now)?;
    let body = Explained {
        query: args.query.clone(),
        range: asked.range.shown(),
        server: asked.options.url.clone(),
        statements: asked.statements.texts().into_iter().map(str::to_owned).collect(),
    };
    Ok(Outcome::well(body, warnings))
}

/// The question, and what its author should look at.
struct Asking {
    asked: Asked,
    warnings: Findings,
}

/// A question, ready to be asked.
struct Asked {
    wanted: Wanted,
    range: Range,
    statements: Statements,
    is_for_people: bool,
    options: ClickHouseOptions,
}

impl Asked {
    fn read(args: &HuntArgs, place: &Place, form: HuntForm, now: u64) -> anyhow::Result<Asking> {
        if form == HuntForm::Parquet {
            let fault = "ClickHouse is not asked for segments: choose --format json or csv";
            return Err(Failure::usage(fault).into());
        }
        let range = Range::of(&args.range, now)?;
        let overrides = Overrides { lists: args.list.clone(), ..Overrides::default() };
        let config = config::load(args.source.config.as_deref(), &overrides)?;
        let (filter, warnings) = nql::judged(&args.query, &config.lists.read()?)?;
        let wanted = Wanted::of(args, &range)?;
        let from = place.table.name();
        let chosen = &args.rows.fields;
        let statements = Statements::of(&wanted, (&from, &filter.typed, &range), chosen, form)
            .map_err(|refusal| Failure::usage(refusal.to_string()))?;
        let options = options(place, args.source.on_auth_file.as_deref());
        let is_for_people = form == HuntForm::Table && chosen.is_empty();
        Ok(Asking { asked: Self { wanted, range, statements, is_for_people, options }, warnings })
    }

    fn shown(&self) -> Shown {
        Shown { fields: Vec::new(), zone: self.range.zone, interfaces: Default::default() }
    }

    /// Whether there are as many flows as were asked for.
    fn is_full(&self, found: &Found) -> bool {
        match (found, &self.wanted) {
            (Found::Lines(lines), Wanted::Rows(page)) => lines.flows.len() == page.most,
            _ => false,
        }
    }

    fn answer(&self) -> anyhow::Result<Found> {
        match &self.statements {
            Statements::Flows { rows, fields } => {
                let subjects: Vec<Subject> = fields.iter().copied().map(Subject::Field).collect();
                let answer = self.ask(rows)?;
                let rows = cells::rows(&answer, subjects.len() + 2);
                let flows = rows.map(|row| row?.flow(&subjects)).collect::<Result<_, _>>();
                let flows = flows.with_context(|| self.unread())?;
                let (fields, is_for_people) = (fields.clone(), self.is_for_people);
                Ok(Found::Lines(Box::new(Lines { fields, flows, is_for_people })))
            }
            Statements::Groups { groups, grouping, of } => {
                let groups = self.groups(groups, grouping)?;
                self.found(groups, of.as_ref())
            }
        }
    }

    fn found(&self, groups: Vec<Group>, of: Option<&Whole>) -> anyhow::Result<Found> {
        let sum = |groups: &[Group]| {
            let mut total = Sums::default();
            groups.iter().for_each(|group| total.add(&group.sums));
            total
        };
        Ok(match &self.wanted {
            Wanted::Series { by, metrics, metric, period, most } => {
                if groups.len() > MOST_GROUPS {
                    return Err(LimitReached::Groups(MOST_GROUPS).into());
                }
                let series =
                    Series::new(by, &groups, (*metric, metrics), *period, (Rank::Avg, *most))?;
                Found::Series(Box::new(series))
            }
            Wanted::Top(top) => {
                let (total, all) = match of {
                    Some(Whole { total, grouping, count }) => {
                        (sum(&self.groups(total, grouping)?), self.count(count)?)
                    }
                    None => (sum(&groups), groups.len()),
                };
                Found::Top(Box::new(Largest::given(top, groups, total, all)))
            }
            // The statements are of what is wanted.
            Wanted::Rows(_) | Wanted::Shared(_) => Found::Lines(Box::default()),
        })
    }

    fn groups(&self, statement: &str, grouping: &Grouping) -> anyhow::Result<Vec<Group>> {
        let cells =
            usize::from(grouping.period.is_some()) + grouping.by.len() + 1 + grouping.metrics.len();
        let answer = self.ask(statement)?;
        let groups = cells::rows(&answer, cells).map(|row| row?.group(grouping));
        let mut groups = groups.collect::<Result<Vec<_>, _>>().with_context(|| self.unread())?;
        // Without anything to group by, SQL has a sum of nothing.
        groups.retain(|group| group.sums.flows() > 0);
        Ok(groups)
    }

    fn count(&self, statement: &str) -> anyhow::Result<usize> {
        let answer = self.ask(statement)?;
        let mut rows = cells::rows(&answer, 1);
        let count = rows.next().map(|row| row?.count("number of groups"));
        let count = count.transpose().with_context(|| self.unread())?.unwrap_or(0);
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn ask(&self, statement: &str) -> anyhow::Result<String> {
        Ok(clickhouse::ask(&self.options, &format!("{statement}\nFORMAT JSONCompactEachRow"))?)
    }

    fn unread(&self) -> String {
        format!("{}: cannot read what it answers", self.options)
    }
}
