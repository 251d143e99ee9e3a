//! `sensor hunt --policy`: what policies would have reported of stored flows.
//!
//! Flows are read in the order in which they were received, second by second. So the same store yields the same hits.

use std::{ops::ControlFlow, sync::atomic::Ordering::Relaxed, time::Instant};

use sensor_core::{
    flow::fields::Needs,
    hunt::{self, Progress},
    nql::columns::BatchFilter,
    policy::load::Loaded,
};
use sensor_store::archive::Stored;

use super::{
    args::{HuntArgs, HuntForm},
    ask::{Asked, Asking, Source},
    pages::Pages,
    range::Range,
    watch,
};
use crate::{
    agent::{
        config::{self, Config, overrides::Overrides, policies::PoliciesConfig},
        inspect::policies,
        logging,
        plant::top::PrintOptions,
        stored::{self, Context, Sink},
    },
    cli::exit::Failure,
    export::hits::render::Format,
    stdio,
};

/// Milliseconds of flows that are judged together.
const SLICE: u64 = 1000;
/// Policies of which the summary tells one by one, at most.
const TOLD: usize = 10;

/// Runs the policies of the command line over the flows that its query selects.
#[expect(clippy::disallowed_methods, reason = "edge: how long it takes is told")]
pub fn run(args: &HuntArgs, now: u64) -> anyhow::Result<()> {
    if args.json.json {
        let fault = "--json is for questions: hits are JSON lines, by --format json";
        return Err(Failure::usage(fault).into());
    }
    let format = match args.output.format {
        None | Some(HuntForm::Json) => Format::Json,
        Some(HuntForm::Table) => Format::Text,
        Some(HuntForm::Csv | HuntForm::Parquet) => {
            let fault = "hits are lines of text or JSON: choose --format table or json";
            return Err(Failure::usage(fault).into());
        }
    };
    let Asking { asked, warnings } = Asked::read(args, now)?;
    stdio::to_stderr(warnings.styled());
    let (config, loaded) = chosen(args, format)?;
    stdio::to_stderr(loaded.findings().styled());
    logging::start(config.log.level, logging::format::LogFormat::Text);
    // The whole library would fill the screen.
    let policies = loaded.policies.len() <= TOLD;
    let shown = PrintOptions { policies, ..PrintOptions::default() };
    let context = match &asked.options.labels {
        hunt::Labels::Then if !asked.is_foreign() => Context::Stored,
        _ => Context::Configured,
    };
    let begun = Instant::now();
    let mut passed = Pages::default();
    stored::ask(&config, loaded.policies, context, &shown, |sink| match &asked.source {
        Source::Stored(archive) => stored(&mut passed, &asked, archive, sink),
        Source::Files => files(&mut passed, args, &asked, sink),
    })?;
    passed.end("passed the policies", begun.elapsed().as_secs_f64())
}

/// The configuration, without outputs but standard output, and the policies.
fn chosen(args: &HuntArgs, format: Format) -> anyhow::Result<(Config, Loaded)> {
    let file = args.source.config.as_deref();
    let lists = args.list.clone();
    let printed = Overrides {
        lists: lists.clone(),
        print_hits: true,
        print_flows: Some(false),
        print_dns: Some(false),
        ..Overrides::default()
    };
    let own = config::load(file, &Overrides { lists, ..Overrides::default() })?;
    let PoliciesConfig { paths, tuning, .. } = &own.policies;
    let loaded = policies::chosen(&args.policy, paths, &own.lists.read()?, tuning)?;
    let mut hits = config::load(None, &printed)?.hits;
    hits.outputs.iter_mut().for_each(|output| output.format = format);
    let config = Config { hits, ..own.without_sinks() };
    Ok((config, loaded))
}

/// Hands on stored flows, a second after the other.
pub fn stored(
    passed: &mut Pages,
    asked: &Asked,
    archive: &Stored,
    sink: Sink<'_>,
) -> anyhow::Result<()> {
    passed.each(asked, archive, Needs::ALL, |rows| {
        rows.in_order(SLICE).into_iter().try_for_each(|(batch, places)| {
            let received = places.iter().max().map_or(0, |place| place.time);
            sink(batch, received)
        })
    })
}

/// Hands on the flows in files of others, as they come.
fn files(passed: &mut Pages, args: &HuntArgs, asked: &Asked, sink: Sink<'_>) -> anyhow::Result<()> {
    let mut filter = BatchFilter::new(&asked.question.query);
    let interfaces = asked.options.interfaces.clone();
    let Range { from, to, .. } = asked.range;
    let progress = Progress::default();
    let Pages { records, is_stopped, .. } = passed;
    watch::watched(
        true,
        |_| None,
        || progress.cancel(),
        || {
            asked.read_batches(args, |mut batch| {
                let in_time = |row: &usize| (from..to).contains(&hunt::time_of(&batch, *row));
                let rows: Vec<usize> = filter.rows(&batch, &interfaces).filter(in_time).collect();
                let newest = rows.iter().map(|row| hunt::time_of(&batch, *row)).max();
                records.fetch_add(rows.len() as u64, Relaxed);
                let Some(newest) = newest else { return ControlFlow::Continue(()) };
                batch.keep(&rows);
                match progress.is_cancelled() {
                    true => ControlFlow::Break(()),
                    false => sink(batch, newest),
                }
            })
        },
    )??;
    *is_stopped = progress.is_cancelled();
    Ok(())
}
