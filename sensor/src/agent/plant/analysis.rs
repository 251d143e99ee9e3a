//! What the agent knows and asks: context, tags and policies from the configuration, applied to every batch from any
//! source. `reload` reads them anew.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sensor_core::{
    engine::pipeline::Pipeline,
    enrich::{
        context::{Context, Limits},
        current::Current,
    },
    flow::{batch::FlowBatch, interfaces::Interfaces},
    nql::lists::ListValues,
    policy::{detector::Detector, event::Event, sources::OldSource, tags::Tagger},
};

use super::leftovers::Leftovers;
use crate::agent::{
    config::Config,
    inspect::{Named, asked::Asked},
    mode::Mode,
    status::{Engine, Policy, Reloads, Status, health::Health, span::span},
};

/// Context, tags and policies at work.
pub struct Analysis {
    pub(super) mode: Mode,
    pub(super) current: Arc<Current>,
    pipeline: Mutex<Pipeline>,
    health: Mutex<Health>,
    pub(super) leftovers: Leftovers,
    /// How context and policies fared at the last tick.
    published: Mutex<Engine>,
    pub(super) reloads: Mutex<Reloads>,
}

impl Analysis {
    /// Puts in force what was read of that which `config` names.
    pub fn start(config: &Config, named: Named, mode: Mode) -> Self {
        let Named { sources, asked: Asked { tags, rules } } = named;
        let context = Context::new(sources, config.context.precedence, Limits::default());
        let current = Arc::new(Current::new(context));
        let (seed, host) = match mode {
            // A seed that senders of packets cannot know.
            Mode::Live => (RandomState::new().hash_one(std::process::id()), host()),
            Mode::Files => (0, "replay".to_owned()),
        };
        let detector = Detector::new(rules, seed, host);
        let pipeline = Pipeline::new(current.clone(), Tagger::new(tags), detector);
        Self {
            mode,
            current,
            pipeline: Mutex::new(pipeline),
            health: Mutex::default(),
            leftovers: Leftovers::default(),
            published: Mutex::default(),
            reloads: Mutex::default(),
        }
    }

    pub(super) fn pipeline(&self) -> MutexGuard<'_, Pipeline> {
        lock(&self.pipeline)
    }

    /// Passes a batch through; every event goes to `sink`, in order.
    pub fn pass(&self, batch: &mut FlowBatch, interfaces: &Interfaces, sink: impl FnMut(Event)) {
        self.pipeline().pass(batch, interfaces, sink);
    }

    /// Moves on to `now`, milliseconds since the epoch.
    pub fn advance(&self, now: u64, sink: impl FnMut(Event)) {
        let mut pipeline = self.pipeline();
        pipeline.advance(now, sink);
        let old = pipeline.take_old_sources();
        // Nobody asks about a replay before its end.
        if self.mode == Mode::Live {
            self.publish(&pipeline);
        }
        drop(pipeline);
        self.look_after(now);
        for OldSource { name, age } in old {
            tracing::warn!(
                "all flows of {name} are at least {} old on arrival although its clock seems right: policies shift their times by that much",
                span(age / 1000)
            );
        }
        self.leftovers.sweep();
    }

    /// What an operator should look at; nothing where files are replayed.
    fn look_after(&self, now: u64) {
        let mut health = lock(&self.health);
        if self.mode == Mode::Live && health.is_due(now) {
            let lines = health.lines(now, &lock(&self.published));
            lines.iter().for_each(|line| tracing::warn!("{line}"));
        }
    }

    /// Lets others see how context and policies fare, without waiting for the pipeline.
    fn publish(&self, pipeline: &Pipeline) {
        let policies = pipeline.detector().counters().map(|(policy, counters, _)| Policy {
            name: policy.summary.name.clone(),
            matched: counters.matched,
            late: counters.late,
            untracked: counters.untracked,
            evicted: counters.evicted,
        });
        let clock = pipeline.detector().clock_counters();
        *lock(&self.published) = Engine {
            policies: policies.collect(),
            ahead: clock.ahead,
            set_back: clock.set_back,
            refused_labels: self.current.learned.refused(),
            coarse: self.current.context().coarse(),
            inside: pipeline.inside(),
        };
    }

    /// Fills in how context, policies and reloads have fared by the last tick.
    pub fn report(&self, status: &mut Status) {
        status.engine = lock(&self.published).clone();
        status.reloads = *lock(&self.reloads);
    }

    /// Frees values of lists when nothing uses them any more.
    pub fn leave(&self, values: Vec<Arc<ListValues>>) {
        values.into_iter().for_each(|values| self.leftovers.keep(values));
    }

    /// Ends all incidents as of the newest record.
    pub fn finish(&self, sink: impl FnMut(Event)) {
        let mut pipeline = self.pipeline();
        let now = pipeline.latest();
        pipeline.finish(now, sink);
        self.publish(&pipeline);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
