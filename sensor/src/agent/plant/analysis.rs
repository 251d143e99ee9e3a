//! What the agent knows and asks: context, tags and policies from the configuration, applied to every batch from any
//! source. [`super::reload`] reads them anew.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sensor_core::{
    engine::{inside::Inside, pipeline::Pipeline},
    enrich::{
        context::{Context, Limits},
        current::Current,
    },
    flow::{batch::FlowBatch, interfaces::Interfaces},
    nql::lists::{ListValues, Lists},
    policy::{
        detector::{Detector, Rules},
        event::Event,
        model::Policy,
        sources::OldSource,
        tags::{TagRule, Tagger},
    },
};
use sensor_kernel::addresses;

use super::{leftovers::Leftovers, reload::Reloads};
use crate::{
    agent::{
        config::Config,
        inspect::{Named, context::FileReport, policies},
        status::health::Health,
    },
    stdio,
};

/// Whose flows they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This host's, and those that routers send now: its addresses are known, and time passes.
    Live,
    /// Files': nothing depends on this host or on chance.
    Files,
}

/// Context, tags and policies at work.
pub struct Analysis {
    pub(super) origin: Origin,
    pub(super) current: Arc<Current>,
    pipeline: Mutex<Pipeline>,
    health: Mutex<Health>,
    pub(super) leftovers: Leftovers,
    pub(super) reloads: Mutex<Reloads>,
}

impl Analysis {
    /// Puts in force what was read of that which `config` names.
    pub fn start(config: &Config, named: Named, origin: Origin) -> Self {
        let Named { sources, asked: Asked { tags, rules } } = named;
        let context = Context::new(sources, config.context.precedence, Limits::default());
        let current = Arc::new(Current::new(context));
        let (seed, host) = match origin {
            // A seed that senders of packets cannot know.
            Origin::Live => (RandomState::new().hash_one(std::process::id()), host()),
            Origin::Files => (0, "replay".to_owned()),
        };
        let detector = Detector::new(rules, seed, host);
        let pipeline = Pipeline::new(current.clone(), Tagger::new(tags), detector);
        Self {
            origin,
            current,
            pipeline: Mutex::new(pipeline),
            health: Mutex::default(),
            leftovers: Leftovers::default(),
            reloads: Mutex::default(),
        }
    }

    pub(super) fn pipeline(&self) -> MutexGuard<'_, Pipeline> {
        self.pipeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a batch through; every event goes to `sink`, in order.
    pub fn pass(&self, batch: &mut FlowBatch, interfaces: &Interfaces, sink: impl FnMut(Event)) {
        self.pipeline().pass(batch, interfaces, sink);
    }

    /// Moves on to `now`, milliseconds since the epoch.
    pub fn advance(&self, now: u64, sink: impl FnMut(Event)) {
        let mut pipeline = self.pipeline();
        pipeline.advance(now, sink);
        let lines = self.look_after(&pipeline, now);
        let old = pipeline.take_old_sources();
        drop(pipeline);
        lines.iter().for_each(|line| tracing::warn!("{line}"));
        for OldSource { name, age } in old {
            tracing::warn!(
                "all flows of {name} are at least {} s old on arrival although its clock seems right: policies shift their times by that much",
                age / 1000
            );
        }
        self.leftovers.sweep();
    }

    /// What an operator should look at; nothing where files are replayed.
    fn look_after(&self, pipeline: &Pipeline, now: u64) -> Vec<String> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if self.origin == Origin::Files || !health.is_due(now) {
            return Vec::new();
        }
        let counters = pipeline.detector().counters();
        let evicted =
            counters.map(|(policy, counters, _)| (&*policy.summary.name, counters.evicted));
        health.lines(now, evicted, pipeline.inside())
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
    }

    /// How the policies have fared, and the context.
    pub fn summary(&self) -> Summary {
        let pipeline = self.pipeline();
        let mut summary = Summary::default();
        for (_, counters, _) in pipeline.detector().counters() {
            summary.policies += 1;
            summary.matched += counters.matched;
            summary.late += counters.late;
            summary.untracked += counters.untracked;
            summary.evicted += counters.evicted;
        }
        let clock = pipeline.detector().clock_counters();
        (summary.ahead, summary.set_back) = (clock.ahead, clock.set_back);
        summary.refused_labels = self.current.learned.refused();
        summary.coarse = self.current.context().coarse();
        summary.inside = pipeline.inside();
        summary.reloads = *self.reloads.lock().unwrap_or_else(PoisonError::into_inner);
        summary
    }
}

/// How the policies have fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Policies that were asked.
    pub policies: u64,
    /// Records that they matched; one for each policy that a record matched.
    pub matched: u64,
    /// Of these, records that came too late to count.
    pub late: u64,
    /// Of these, records without a value for a field of the key.
    pub untracked: u64,
    /// Keys that had to make room.
    pub evicted: u64,
    /// Records from the future.
    pub ahead: u64,
    /// How often the clock was set back.
    pub set_back: u64,
    /// Labels that policies wrote and that had no room.
    pub refused_labels: u64,
    /// Address profiles of the context in force that lack what was known.
    pub coarse: u64,
    /// Whether any record had an internal side.
    pub inside: Inside,
    /// What reloads have cost.
    pub reloads: Reloads,
}

/// What is asked of flows: read, judged and compiled.
pub(in crate::agent) struct Asked {
    pub(super) tags: Vec<TagRule>,
    pub(super) rules: Rules,
}

impl Asked {
    /// Reads the tags and policies of `config`, which name `given` lists and those beside the policies.
    pub(super) fn read(config: &Config, given: &Lists) -> anyhow::Result<Self> {
        let paths = &config.policies.paths;
        let lists = policies::lists(paths, given)?;
        let tags = config.tags(&lists)?;
        let loaded = policies::load_all(paths, &lists)?;
        let loaded = if config.policies.lenient { loaded } else { policies::sound(loaded)? };
        stdio::tell(loaded.findings().styled());
        Ok(Self::new(tags, loaded.policies))
    }

    /// Compiles what has no fault.
    pub(in crate::agent) fn new(tags: Vec<TagRule>, policies: Vec<Policy>) -> Self {
        Self { tags, rules: Rules::new(policies) }
    }
}

/// The addresses of this host, where flows are its own.
pub(in crate::agent) fn local(origin: Origin) -> Option<Vec<IpAddr>> {
    if origin == Origin::Files {
        return None;
    }
    match addresses::list() {
        Ok(addresses) => Some(addresses),
        Err(error) => {
            tracing::warn!("{error}: srclocal and dstlocal are unknown");
            None
        }
    }
}

pub(super) fn tell(reports: &[FileReport]) {
    for report in reports.iter().filter(|report| !report.faults.is_empty()) {
        stdio::tell(report.faults.styled());
    }
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
