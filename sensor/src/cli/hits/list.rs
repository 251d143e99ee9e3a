//! `sensor hits list`: hits of a store, by NQL's `alert` context.

use std::{collections::VecDeque, path::PathBuf};

use anyhow::Context as _;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use sensor_core::{
    flow::fields::RecordKind,
    nql::{Options, json::RecordReader, reference},
};
use sensor_store::hits::reader;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    agent::config::{self, overrides::Overrides},
    cli::{
        args::parse_list,
        hunt::{
            RangeArgs,
            range::Range,
            table::{Table, words},
        },
        nql,
        report::{Body, JsonArgs, Outcome, report},
        shown::count,
        store::folder::folder,
    },
    clock,
    console::hit::StoredHit,
    stdio,
};

/// Arguments of `hits list`.
#[derive(Args, Debug)]
pub struct HitsListArgs {
    /// Query in NQL's alert context (`sensor fields --context alert`); without it, all hits
    #[arg(value_name = "QUERY", default_value = "", hide_default_value = true)]
    query: String,

    /// Folder of the flow store [default: `store.folder` of the configuration]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    store: Option<PathBuf>,

    /// Configuration file (TOML) of the sensor; its store and lists apply
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// When they came.
    #[command(flatten)]
    range: RangeArgs,

    /// Show at most this many hits
    #[arg(long, value_name = "N", value_parser = count, default_value_t = 1000)]
    limit: usize,

    /// The newest hits, where there are more than --limit [default: the oldest]
    #[arg(long)]
    newest: bool,

    /// List that the query references as $NAME: a file with one value per line; repeatable
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_list, action = ArgAction::Append)]
    list: Vec<(String, PathBuf)>,

    /// Output format [default: table on a terminal, JSON lines elsewhere]
    #[arg(long, value_name = "FORM", conflicts_with = "json")]
    format: Option<Form>,

    /// Print one JSON document on stdout, including errors (sensor/docs/json.md); exit codes stay the same
    #[command(flatten)]
    json: JsonArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line each: when, how bad, which policy, what
    #[value(alias = "text")]
    Table,
    /// One JSON object per line, as stored
    Json,
}

/// The hits that were found.
#[derive(Serialize)]
struct Found {
    query: String,
    hits: Vec<Box<RawValue>>,
    /// Those that match, shown or not.
    matched: u64,
}

impl Body for Found {
    fn text(&self) -> String {
        String::new()
    }
}

/// Lists them.
pub fn list(arguments: &HitsListArgs) -> anyhow::Result<()> {
    if arguments.json.json {
        return report(arguments.json, find(arguments));
    }
    let range = Range::of(&arguments.range, clock::now())?;
    let Outcome { body: found, findings, .. } = find(arguments)?;
    stdio::to_stderr(findings.styled());
    let people = stdio::output_is_terminal();
    let default = if people { Form::Table } else { Form::Json };
    let shown = found.hits.len() as u64;
    let text = match arguments.format.unwrap_or(default) {
        Form::Json => found.hits.iter().map(|hit| format!("{hit}\n")).collect(),
        Form::Table => table(&found.hits, &range)?,
    };
    stdio::print(format_args!("{text}"))?;
    if found.matched > shown {
        let which = if arguments.newest { "newest" } else { "oldest" };
        stdio::note(format_args!(
            "the {which} {shown} of {} hits: see --limit, --last",
            found.matched
        ));
    }
    Ok(())
}

fn find(arguments: &HitsListArgs) -> anyhow::Result<Outcome<Found>> {
    let range = Range::of(&arguments.range, clock::now())?;
    let overrides = Overrides { lists: arguments.list.clone(), ..Overrides::default() };
    let config = config::load(arguments.config.as_deref(), &overrides)?;
    let lists = config.lists.read()?;
    let options = Options { context: RecordKind::Alert, ..Options::new(&lists) };
    let (filter, findings) = nql::judged_with(&arguments.query, &options)?;
    let folder = folder(arguments.store.as_ref(), &config)?;
    let reader = RecordReader::new(&filter.typed);
    let mut hits = VecDeque::new();
    let (mut matched, mut fault) = (0, None);
    reader::read(&folder, (range.from, range.to), |line| {
        let judged = serde_json::from_slice::<StoredHit>(line)
            .map_err(anyhow::Error::from)
            .and_then(|hit| {
                let is_in_time = (range.from..range.to).contains(&hit.stored.received);
                Ok(is_in_time && reference::matches(&filter.typed, &reader.read(line)?))
            });
        match judged {
            Ok(false) => return true,
            Ok(true) => {}
            Err(error) => {
                fault = Some(error.context("a stored hit is none: the file is damaged"));
                return false;
            }
        }
        matched += 1;
        if hits.len() < arguments.limit || arguments.newest {
            hits.push_back(line.to_vec());
        }
        if hits.len() > arguments.limit {
            hits.pop_front();
        }
        true
    })
    .with_context(|| format!("read the hits in {}", folder.display()))?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    let raw = |line: Vec<u8>| Ok(RawValue::from_string(String::from_utf8(line)?)?);
    let hits = hits.into_iter().map(raw).collect::<anyhow::Result<_>>()?;
    Ok(Outcome::well(Found { query: arguments.query.clone(), hits, matched }, findings))
}

fn table(hits: &[Box<RawValue>], range: &Range) -> anyhow::Result<String> {
    let Some(first) = hits.first() else { return Ok(String::new()) };
    let first: StoredHit = serde_json::from_str(first.get())?;
    let time = format!("TIME ({})", range.zone.name(first.stored.received));
    let mut table = Table::new(vec![
        words(&time, 0),
        words("SEVERITY", 0),
        words("TYPE", 0),
        words("POLICY", 0),
        words("TRACKED", 3),
        words("SUMMARY", 1),
        words("ID", 2),
    ]);
    for hit in hits {
        let hit: StoredHit = serde_json::from_str(hit.get())?;
        let time = range.zone.show(hit.stored.received);
        table.push([
            time,
            hit.severity,
            hit.alerttype,
            hit.algorithm,
            hit.track,
            hit.summary,
            hit.id,
        ]);
    }
    Ok(table.text(stdio::output_width()))
}
