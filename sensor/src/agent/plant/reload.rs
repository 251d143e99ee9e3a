//! Context, tags and policies, put in force while flows pass.
//!
//! Policies are compiled and tables made beside the running ones. Flows wait while the pipeline tells what it goes by, while
//! it changes, and for each portion of incidents that end because their policy is gone; the longest of these waits is
//! measured and told.

use std::{
    thread,
    time::{Duration, Instant},
};

use sensor_core::{
    engine::{change::PipelineChange, dispatch::Output, pipeline::Pipeline},
    enrich::{
        context::{Context, Limits},
        sources::Sources,
    },
    policy::{detector::Rules, tags::TagRule},
    sync::Unpoisoned as _,
};

use super::analysis::Analysis;
use crate::agent::{
    config::Config,
    inspect::{NamedFiles, asked::EvaluationRules},
};

/// What a reload of context, tags and policies has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Policies that are active now.
    pub policies: usize,
    /// Of these, new or changed ones.
    pub changed: usize,
    /// How long flows waited at most.
    pub pause: Duration,
}

/// Incidents that end while flows wait.
const PORTION: usize = 256;
/// Between two portions, so that flows get their turn.
const TURN: Duration = Duration::from_millis(1);

impl<O: Output> Analysis<O> {
    /// Puts in force what was read of the files that `config` names. Policies of which nothing has changed keep their state.
    pub fn reload(&self, config: &Config, named: NamedFiles, now: u64) -> Renewal {
        let NamedFiles { sources, asked: EvaluationRules { tags, rules } } = named;
        self.change(config, sources, (Some(tags), Some(rules)), now)
    }

    /// Puts in force what `sources` say of addresses, and leaves tags and policies as they are.
    pub fn refresh(&self, config: &Config, sources: Sources, now: u64) -> Renewal {
        self.change(config, sources, (None, None), now)
    }

    fn change(
        &self,
        config: &Config,
        sources: Sources,
        (tags, rules): (Option<Vec<TagRule>>, Option<Rules>),
        now: u64,
    ) -> Renewal {
        // Nobody else changes policies meanwhile.
        let _balance = self.balance.lock().unpoisoned();
        let mut pause = Duration::ZERO;
        let from = self.hold(&mut pause, |pipeline| pipeline.active());
        let context = Context::new(sources, config.context.precedence, Limits::default());
        let change = PipelineChange::new(&from, &self.current, Some(context), tags, rules);
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
        let mut reloads = self.reloads.lock().unpoisoned();
        reloads.count += 1;
        reloads.last_pause = pause;
        reloads.longest_pause = reloads.longest_pause.max(pause);
        Renewal { policies, changed, pause }
    }

    /// Counts a reload that has changed nothing.
    pub fn refuse_reload(&self) {
        self.reloads.lock().unpoisoned().count += 1;
        self.count_incomplete();
    }

    /// The reload that was counted last has not put everything in force.
    pub fn count_incomplete(&self) {
        self.reloads.lock().unpoisoned().refused += 1;
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
