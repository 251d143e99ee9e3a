//! Context, tags and policies, read anew while flows pass.
//!
//! Files are read, policies compiled and tables made beside the running ones. Flows wait while the pipeline tells what it
//! goes by, while it changes, and for each portion of incidents that end because their policy is gone; the longest of
//! these waits is measured and told.

use std::{
    thread,
    time::{Duration, Instant},
};

use sensor_core::{
    diagnostic::Findings,
    engine::{change::PipelineChange, dispatch::Output, pipeline::Pipeline},
    nql::lists::Lists,
    sync::Unpoisoned as _,
};

use super::analysis::Analysis;
use crate::{
    agent::{
        config::Config,
        inspect::{
            asked::EvaluationRules,
            context::{self, FileReport, local},
        },
    },
    stdio,
};

/// What a reload of context, tags and policies has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// What stays in force as it was.
    pub kept: Vec<Kept>,
    /// Policies that are active now.
    pub policies: usize,
    /// Of these, new or changed ones.
    pub changed: usize,
    /// How long flows waited at most.
    pub pause: Duration,
}

/// Something old that a reload leaves in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is.
    pub what: &'static str,
    /// Why it could not be replaced; over several lines where files have faults.
    pub why: String,
}

/// Incidents that end while flows wait.
const PORTION: usize = 256;
/// Between two portions, so that flows get their turn.
const TURN: Duration = Duration::from_millis(1);

impl<O: Output> Analysis<O> {
    /// Reads context, tags and policies anew; queries may name `lists`. What cannot be read, or has faults, leaves the old in
    /// force and is told. Policies of which nothing has changed keep their state.
    pub fn reload(&self, config: &Config, lists: &Lists, now: u64) -> Renewal {
        // Nobody else changes policies meanwhile.
        let _balance = self.balance.lock().unpoisoned();
        let start = Instant::now();
        let mut pause = Duration::ZERO;
        let from = self.hold(&mut pause, |pipeline| pipeline.active());
        let (context, reports) = context::reread(&config.context, local(self.mode).as_deref());
        log_file_reports(&reports);
        let mut kept = Vec::new();
        if context.is_none() {
            tracing::error!(
                "invalid label, reputation or location files: keeping the old labels, networks and locations"
            );
            kept.push(Kept {
                what: "labels, networks and locations",
                why: faults_of(&reports).to_string(),
            });
        }
        let (tags, rules) = match EvaluationRules::read(config, lists) {
            Ok(EvaluationRules { tags, rules }) => (Some(tags), Some(rules)),
            Err(error) => {
                tracing::error!("keeping the old policies: {error:#}");
                kept.push(Kept { what: "tags and policies", why: format!("{error:#}") });
                (None, None)
            }
        };
        let change = PipelineChange::new(&from, &self.current, context, tags, rules);
        let (policies, changed) = (change.policies().policies().len(), change.policies().changed());
        let mut retired = self.hold(&mut pause, |pipeline| pipeline.change(change));
        let mut events = Vec::new();
        loop {
            let ended = self
                .hold(&mut pause, |pipeline| pipeline.end(&mut retired, now, PORTION, &mut events));
            events.drain(..).for_each(|event| self.output().event(event));
            if ended {
                break;
            }
            thread::sleep(TURN);
        }
        self.leftovers.keep(retired.context.profiles().clone());
        self.leftovers.keep(retired.context.ports().clone());
        drop(retired);
        let took = format!(
            "{policies} policies active, {changed} of them new or changed; took {} ms, flows waited at most {:.1} ms",
            start.elapsed().as_millis(),
            pause.as_secs_f64() * 1e3
        );
        match kept.as_slice() {
            [] => tracing::info!("reloaded: {took}"),
            kept => tracing::warn!(
                "reload incomplete: keeping the old {}: {took}",
                kept.iter().map(|kept| kept.what).collect::<Vec<_>>().join(", the old ")
            ),
        }
        let mut reloads = self.reloads.lock().unpoisoned();
        reloads.count += 1;
        reloads.refused += u64::from(!kept.is_empty());
        reloads.last_pause = pause;
        reloads.longest_pause = reloads.longest_pause.max(pause);
        Renewal { kept, policies, changed, pause }
    }

    /// Counts a reload that has changed nothing.
    pub fn refuse_reload(&self) {
        let mut reloads = self.reloads.lock().unpoisoned();
        reloads.count += 1;
        reloads.refused += 1;
    }

    /// Does something that flows wait for, and takes note of how long that is: where threads share the work, since they
    /// were told to give their shards of the policies back.
    fn hold<T>(&self, longest: &mut Duration, work: impl FnOnce(&mut Pipeline) -> T) -> T {
        let mut start = Instant::now();
        let done = self.dispatcher().with(|pipeline| {
            if !self.dispatcher().is_shared() {
                start = Instant::now();
            }
            work(pipeline)
        });
        *longest = start.elapsed().max(*longest);
        done
    }
}

fn faults_of(reports: &[FileReport]) -> Findings {
    reports.iter().flat_map(|report| report.faults.clone()).collect()
}

fn log_file_reports(reports: &[FileReport]) {
    for report in reports.iter().filter(|report| !report.faults.is_empty()) {
        stdio::to_stderr(report.faults.styled());
    }
}
