//! `sensor hunt --policy`: what policies would have reported of stored flows.
//!
//! Flows are read a window of time after the other, so that memory does not grow with the store; within a window page by page, each sorted by
//! the time of receipt. So the same store yields the same hits.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use sensor_core::{
    diagnostic::{Finding, Findings},
    flow::fields::Needs,
    hunt::{self, Answer, Order, Page, Progress, Question, Said, archive::Archive},
    nql::columns::BatchFilter,
    policy::load::Loaded,
};
use sensor_store::archive::Stored;

use super::{
    args::{HuntArgs, HuntForm},
    ask::{Asked, Asking, Source},
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
    cli::exit::{Exit, Failure},
    export::log::{Format, line::octets},
    stdio,
};

/// Flows of a page.
const PAGE: usize = 100_000;
/// Milliseconds of flows that are judged together.
const SLICE: u64 = 1000;

/// Runs the policies of the command line over the flows that its query selects.
#[expect(clippy::disallowed_methods, reason = "edge: how long it takes is told")]
pub fn run(args: &HuntArgs, now: u64) -> anyhow::Result<()> {
    if args.json.json {
        let fault = "--json is for questions: hits are JSON lines, by --format json";
        return Err(Failure::usage(fault).into());
    }
    let format = match args.output.format {
        None => None,
        Some(HuntForm::Json) => Some(Format::Json),
        Some(HuntForm::Table) => Some(Format::Lines),
        Some(HuntForm::Csv | HuntForm::Parquet) => {
            let fault = "hits are text or JSON lines: choose --format table or json";
            return Err(Failure::usage(fault).into());
        }
    };
    let Asking { asked, warnings } = Asked::read(args, now)?;
    stdio::to_stderr(warnings.styled());
    let (config, loaded) = chosen(args)?;
    stdio::to_stderr(loaded.findings().styled());
    logging::start(config.log.level, logging::format::LogFormat::Text);
    let shown = PrintOptions { format, policies: true, ..PrintOptions::default() };
    let context = match &asked.options.labels {
        hunt::Labels::Then if !asked.is_foreign() => Context::Stored,
        _ => Context::Configured,
    };
    let begun = Instant::now();
    let mut passed = Passed::default();
    stored::ask(&config, loaded.policies, context, &shown, |sink| match &asked.source {
        Source::Stored(archive) => passed.stored(&asked, archive, sink),
        Source::Files => passed.files(args, &asked, sink),
    })?;
    passed.end(begun.elapsed().as_secs_f64())
}

/// The configuration, without outputs but standard output, and the policies.
fn chosen(args: &HuntArgs) -> anyhow::Result<(Config, Loaded)> {
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
    let printing = config::load(None, &printed)?;
    let config = Config { hits: printing.hits, ..own.without_sinks() };
    Ok((config, loaded))
}

/// What has passed the policies.
#[derive(Debug, Default)]
struct Passed {
    records: AtomicU64,
    faults: BTreeSet<String>,
    is_stopped: bool,
}

impl Passed {
    fn stored(&mut self, asked: &Asked, archive: &Stored, sink: Sink<'_>) -> anyhow::Result<()> {
        let windows = windows(archive, &asked.range);
        let all: u64 = archive.files().iter().map(|file| file.rows).sum();
        let progress: Vec<Progress> = windows.iter().map(|_| Progress::default()).collect();
        let (faults, is_stopped) = (&mut self.faults, &mut self.is_stopped);
        let records = &self.records;
        let line = |elapsed: Duration| {
            let passed = records.load(Relaxed);
            let rate = (passed as f64 / elapsed.as_secs_f64().max(1e-3)) as u64;
            Some(format!(
                "{} of up to {} records, {} records/s",
                octets(passed),
                octets(all),
                octets(rate)
            ))
        };
        let cancel = || progress.iter().for_each(Progress::cancel);
        watch::watched(false, line, cancel, || {
            for ((from, to), progress) in windows.iter().zip(&progress) {
                let flow = window(asked, archive, (*from, *to), progress, sink, records);
                faults.extend(progress.account().faults);
                *is_stopped |= progress.is_cancelled();
                if flow.is_break() || *is_stopped {
                    break;
                }
            }
        })?;
        Ok(())
    }

    fn files(&mut self, args: &HuntArgs, asked: &Asked, sink: Sink<'_>) -> anyhow::Result<()> {
        let query = asked.question.query.clone();
        let mut filter = BatchFilter::new(&query);
        let interfaces = asked.options.interfaces.clone();
        let Range { from, to, .. } = asked.range;
        let progress = Progress::default();
        let records = &self.records;
        watch::watched(
            false,
            |_| None,
            || progress.cancel(),
            || {
                asked.read_batches(args, |mut batch| {
                    let rows: Vec<usize> = filter.rows(&batch, &interfaces).collect();
                    let in_time = |row: &usize| (from..to).contains(&hunt::time_of(&batch, *row));
                    let rows: Vec<usize> = rows.into_iter().filter(in_time).collect();
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
        self.is_stopped = progress.is_cancelled();
        Ok(())
    }

    fn end(self, seconds: f64) -> anyhow::Result<()> {
        let help = "`sensor store verify` names all damage; the rest was read";
        let faults: Findings =
            self.faults.iter().map(|fault| Finding::warning(fault.clone(), help)).collect();
        stdio::to_stderr(faults.styled());
        let records = self.records.into_inner();
        let rate = (records as f64 / seconds.max(1e-3)) as u64;
        stdio::note(format_args!(
            "{} records passed the policies in {seconds:.2} s, {} records/s",
            octets(records),
            octets(rate)
        ));
        let message = match (self.is_stopped, faults.is_empty()) {
            (true, _) => "the hits are partial: it was stopped before all was read",
            (false, false) => "the hits are partial: something could not be read, see the warnings",
            (false, true) => return Ok(()),
        };
        Err(Failure { exit: Exit::Partial, ..Failure::other(message) }.into())
    }
}

/// Hands on the flows of a window, page by page.
fn window(
    asked: &Asked,
    archive: &dyn Archive,
    (from, to): (u64, u64),
    progress: &Progress,
    sink: Sink<'_>,
    records: &AtomicU64,
) -> ControlFlow<()> {
    let mut after = None;
    loop {
        let page = Page {
            order: Order::OldestFirst,
            most: PAGE,
            after,
            needs: Needs::ALL,
            count_all: false,
        };
        let from = after.map_or(from, |after: hunt::Place| after.time.max(from));
        let query = asked.question.query.clone();
        let question = Question { query, from, to, said: Said::Rows(page) };
        let Answer::Rows(rows) = hunt::run(&question, archive, &asked.options, progress) else {
            return ControlFlow::Break(());
        };
        let (mut count, mut last) = (0, None);
        for (batch, places) in rows.into_batches(SLICE) {
            let newest = places.iter().max().copied();
            last = last.max(newest);
            count += places.len();
            records.fetch_add(places.len() as u64, Relaxed);
            let received = newest.map_or(0, |place| place.time);
            if progress.is_cancelled() || sink(batch, received).is_break() {
                return ControlFlow::Break(());
            }
        }
        if count < PAGE || last.is_none() {
            return ControlFlow::Continue(());
        }
        after = last;
    }
}

/// Windows of time with about as many records as a page, by what is known of files: those of other times are not opened again for each page.
fn windows(archive: &dyn Archive, range: &Range) -> Vec<(u64, u64)> {
    let mut files: Vec<(u64, u64)> =
        archive.files().iter().map(|file| (file.received.0, file.rows)).collect();
    files.sort_unstable();
    let (mut windows, mut begin, mut rows) = (Vec::new(), range.from, 0);
    for (from, own) in files {
        if rows >= PAGE as u64 && begin < from && from < range.to {
            windows.push((begin, from));
            (begin, rows) = (from, 0);
        }
        rows += own;
    }
    windows.push((begin, range.to));
    windows
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sensor_core::hunt::archive::{File, Pieces, Unreadable};

    use super::*;
    use crate::cli::when::Zone;

    struct Files(Vec<File>);

    impl Archive for Files {
        fn files(&self) -> &[File] {
            &self.0
        }

        fn open(&self, _: usize) -> Result<Arc<dyn Pieces>, Unreadable> {
            Err(Unreadable::Gone)
        }
    }

    #[test]
    fn windows_cover_the_range_and_have_about_a_page_each() {
        let file = |from: u64| File {
            name: String::new(),
            rows: PAGE as u64 / 2,
            received: (from, from + 15),
        };
        let files = Files((0..6).map(|hour| file(100 + 10 * hour)).rev().collect());
        let of = |from, to| windows(&files, &Range { from, to, zone: Zone::Utc });
        assert_eq!(of(0, u64::MAX), [(0, 120), (120, 140), (140, u64::MAX)]);
        assert_eq!(of(125, 135), [(125, 135)]);
        assert_eq!(
            windows(&Files(Vec::new()), &Range { from: 1, to: 2, zone: Zone::Utc }),
            [(1, 2)]
        );
    }
}
