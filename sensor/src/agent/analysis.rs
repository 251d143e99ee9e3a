//! What the agent knows and asks: context, tags and policies from the configuration, applied to every batch from any
//! source, and read anew on request.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    config::Config,
    context::{self, FileReport},
    policies,
};
use crate::{
    engine::pipeline::Pipeline,
    enrich::current::Current,
    flow::{batch::FlowBatch, interfaces::Interfaces},
    kernel::addresses,
    policy::{
        detector::{Detector, Rules},
        event::Event,
        tags::Tagger,
    },
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
    origin: Origin,
    current: Arc<Current>,
    pipeline: Mutex<Pipeline>,
}

impl Analysis {
    /// Reads what `config` names. Of context, what cannot be read is told and left out.
    ///
    /// # Errors
    /// When policies cannot be read, or have faults and the configuration is not lenient.
    pub fn start(config: &Config, origin: Origin) -> anyhow::Result<Self> {
        let rules = rules(config)?;
        let (context, reports) = context::load(&config.context, local(origin).as_deref());
        tell(&reports);
        let current = Arc::new(Current::new(context));
        let tagger = Tagger::new(&config.context.tags);
        let (seed, host) = match origin {
            // A seed that senders of packets cannot know.
            Origin::Live => (RandomState::new().hash_one(std::process::id()), host()),
            Origin::Files => (0, "replay".to_owned()),
        };
        let detector = Detector::new(rules, seed, host);
        let pipeline = Mutex::new(Pipeline::new(current.clone(), tagger, detector));
        Ok(Self { origin, current, pipeline })
    }

    fn pipeline(&self) -> MutexGuard<'_, Pipeline> {
        self.pipeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a batch through; every event goes to `sink`, in order.
    pub fn pass(&self, batch: &mut FlowBatch, interfaces: &Interfaces, sink: impl FnMut(Event)) {
        self.pipeline().pass(batch, interfaces, sink);
    }

    /// Moves on to `now`, milliseconds since the epoch.
    pub fn advance(&self, now: u64, sink: impl FnMut(Event)) {
        self.pipeline().advance(now, sink);
    }

    /// Ends all incidents as of the newest record.
    pub fn finish(&self, sink: impl FnMut(Event)) {
        let mut pipeline = self.pipeline();
        let now = pipeline.latest();
        pipeline.finish(now, sink);
    }

    /// Reads context and policies anew. What cannot be read, or has faults, leaves the old in force and is told. Files are
    /// read and policies compiled beside the running ones; the pipeline waits for the swap only.
    pub fn reload(&self, config: &Config, now: u64, sink: impl FnMut(Event)) {
        tell(&context::reload(&self.current, &config.context, local(self.origin).as_deref()));
        match rules(config) {
            Ok(rules) => {
                let policies = rules.policies().len();
                self.pipeline().replace(rules, now, sink);
                tracing::info!("read anew: {policies} policies are asked");
            }
            Err(error) => tracing::error!("the old policies stay in force: {error:#}"),
        }
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
}

/// The policies of the configuration, compiled.
fn rules(config: &Config) -> anyhow::Result<Rules> {
    let given: Vec<(String, PathBuf)> =
        config.lists.0.iter().map(|(name, file)| (name.clone(), file.clone())).collect();
    if config.policies.paths.is_empty() {
        return Ok(Rules::compile([]));
    }
    let loaded = policies::load_all(&config.policies.paths, &given)?;
    let loaded = if config.policies.lenient {
        eprint!("{}", loaded.report());
        loaded
    } else {
        policies::sound(loaded)?
    };
    Ok(Rules::compile(loaded.policies))
}

/// The addresses of this host, where flows are its own.
fn local(origin: Origin) -> Option<Vec<IpAddr>> {
    if origin == Origin::Files {
        return None;
    }
    match addresses::list() {
        Ok(addresses) => Some(addresses),
        Err(error) => {
            tracing::warn!("{error}: no address counts as this host's");
            None
        }
    }
}

fn tell(reports: &[FileReport]) {
    for report in reports.iter().filter(|report| !report.faults.is_empty()) {
        eprintln!("{}", report.faults.trim_end());
    }
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
