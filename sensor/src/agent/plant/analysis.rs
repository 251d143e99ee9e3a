//! What the agent knows and asks: context, tags and policies from the configuration, applied to every batch from any
//! source. `reload` reads them anew.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use sensor_core::{
    engine::{
        change::PipelineChange,
        dispatch::{Dispatcher, Output, WhenFull},
        pipeline::Pipeline,
    },
    enrich::{
        active::ActiveContext,
        context::{Context, Limits},
    },
    flow::{batch::FlowBatch, interfaces::Interfaces, profile::Profile},
    nql::lists::ListValues,
    policy::{self, detector::Detector, sources::OldSource, tags::Tagger},
    sync::Unpoisoned as _,
};

use super::leftovers::Leftovers;
use crate::{
    agent::{
        config::Config,
        inspect::{NamedFiles, asked::EvaluationRules},
        mode::Mode,
        status::{Engine, Lost, Policy, Reloads, Status, Waiting, health::Health, span::span},
    },
    clock,
};

/// Context, tags and policies at work.
pub struct Analysis<O> {
    pub(super) mode: Mode,
    pub(super) current: Arc<ActiveContext>,
    dispatcher: Dispatcher<O>,
    /// Records after which the policies are rebalanced over the threads, by the matches measured until then. Whoever changes
    /// policies holds the lock.
    pub(super) balance: Mutex<u64>,
    health: Mutex<Health>,
    pub(super) leftovers: Leftovers,
    /// How context and policies fared at the last tick.
    published: Mutex<Engine>,
    pub(super) reloads: Mutex<Reloads>,
}

/// Records after which the policies are rebalanced for the first time, and the factor from each time to the next.
const FIRST_BALANCE: u64 = 1 << 18;
const BALANCE_FACTOR: u64 = 8;

impl<O: Output> Analysis<O> {
    /// Puts in force what was read of that which `config` names; what comes out goes to `output`.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(config: &Config, named: NamedFiles, mode: Mode, output: O) -> io::Result<Self> {
        let NamedFiles { sources, asked: EvaluationRules { tags, rules } } = named;
        let context = Context::new(sources, config.context.precedence, Limits::default());
        let current = Arc::new(ActiveContext::new(context));
        let (seed, host) = match mode {
            // A seed that senders of packets cannot know.
            Mode::Live => (RandomState::new().hash_one(std::process::id()), host()),
            Mode::Files => (0, "replay".to_owned()),
        };
        let mut detector = Detector::in_shards(config.engine.threads(), rules, seed, host);
        if mode == Mode::Live {
            detector.time_by(clock::monotonic);
        }
        let pipeline = Pipeline::new(current.clone(), Tagger::new(tags), detector);
        Ok(Self {
            mode,
            current,
            dispatcher: Dispatcher::start(pipeline, output)?,
            balance: Mutex::new(FIRST_BALANCE),
            health: Mutex::default(),
            leftovers: Leftovers::default(),
            published: Mutex::default(),
            reloads: Mutex::default(),
        })
    }

    pub(super) fn dispatcher(&self) -> &Dispatcher<O> {
        &self.dispatcher
    }

    /// From now on records keep the context and the tags that they come with.
    pub fn keep_context(&self) {
        self.dispatcher.with(Pipeline::keep_context);
    }

    /// Where everything comes out.
    pub fn output(&self) -> &O {
        self.dispatcher.output()
    }

    /// The kernel and routers do not wait, files do.
    fn when_full(&self) -> WhenFull {
        if self.mode.waits() { WhenFull::Wait } else { WhenFull::Drop }
    }

    /// Hands a batch over; gives back one that nobody needs any more.
    pub fn offer(&self, batch: FlowBatch, interfaces: &Arc<Interfaces>) -> Option<FlowBatch> {
        self.dispatcher.offer(batch, interfaces, self.when_full())
    }

    /// As [`Self::offer`], but waits for room.
    pub fn offer_waiting(
        &self,
        batch: FlowBatch,
        interfaces: &Arc<Interfaces>,
    ) -> Option<FlowBatch> {
        self.dispatcher.offer(batch, interfaces, WhenFull::Wait)
    }

    /// Whether a thread has ended by itself.
    pub fn is_broken(&self) -> bool {
        self.dispatcher.is_broken()
    }

    /// Moves on to `now`, milliseconds since the epoch.
    pub fn advance(&self, now: u64) {
        self.dispatcher.advance(now, self.when_full());
        self.rebalance();
        // Nobody asks about a replay before its end.
        if self.mode == Mode::Live {
            self.publish();
        }
        self.look_after(now);
        self.leftovers.sweep();
    }

    /// Rebalances the policies over the threads once enough records have passed. The output does not depend on it.
    fn rebalance(&self) {
        // A reload does the same.
        let Ok(mut due) = self.balance.try_lock() else { return };
        if !self.dispatcher.is_shared() || self.dispatcher.taken() < *due {
            return;
        }
        *due = due.saturating_mul(BALANCE_FACTOR);
        let from = self.dispatcher.with(|pipeline| pipeline.active());
        let change = PipelineChange::balanced(&from, &self.current);
        drop(self.dispatcher.with(|pipeline| pipeline.change(change)));
    }

    /// Says whose flows have turned out to be old.
    fn tell_old(old: Vec<OldSource>) {
        for OldSource { name, age } in old {
            tracing::warn!(
                "all flows of {name} are at least {} old on arrival although its clock seems right: policies shift their times by that much",
                span(age / 1000)
            );
        }
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
    fn publish(&self) {
        let (engine, old) =
            self.dispatcher.with(|pipeline| (self.engine(pipeline), pipeline.take_old_sources()));
        *lock(&self.published) = engine;
        Self::tell_old(old);
    }

    /// The policies in force.
    pub fn policies(&self) -> Vec<Arc<policy::model::Policy>> {
        let policies = |pipeline: &mut Pipeline| {
            pipeline.detector().counters().map(|(policy, ..)| Arc::new(policy.clone())).collect()
        };
        self.dispatcher.with(policies)
    }

    /// What is known about an address.
    pub fn profile(&self, address: IpAddr) -> Profile {
        let context = self.current.context();
        context.profiles().get(context.number(address)).clone()
    }

    /// Calls `each` with the context and the value of labels: of those that are stated of addresses, and of those that policies have given to
    /// some of which a record was seen since. One may come more than once.
    pub fn each_label(&self, each: &mut dyn FnMut(&str, &str)) {
        let context = self.current.context();
        context.each_label(each);
        for profile in context.profiles().starting_at(0) {
            for (context, values) in &profile.labels {
                values.iter().for_each(|value| each(context, value));
            }
        }
    }

    fn engine(&self, pipeline: &Pipeline) -> Engine {
        let detector = pipeline.detector();
        let policies = detector.counters().zip(detector.tested());
        let policies = policies.map(|((policy, counters, watched), tested)| Policy {
            name: policy.shown_name(),
            tested,
            discarded: None,
            keys: counters.keys,
            events: counters.events,
            labels: counters.labels,
            watched: watched as u64,
            matched: counters.matched,
            late: counters.late,
            untracked: counters.untracked,
            evicted: counters.evicted,
            spent: Duration::from_nanos(counters.nanoseconds),
        });
        let clock = pipeline.detector().clock_counters();
        Engine {
            waiting: Waiting::default(),
            lost: Vec::new(),
            each: false,
            policies: policies.collect(),
            ahead: clock.ahead,
            set_back: clock.set_back,
            refused_labels: self.current.learned.refused(),
            cuts_evicted: pipeline.cuts_evicted(),
            initiators: pipeline.initiators(),
            coarse: self.current.context().coarse(),
            inside: pipeline.inside(),
        }
    }

    /// Fills in how context, policies and reloads have fared by the last tick.
    pub fn report(&self, status: &mut Status) {
        status.engine = lock(&self.published).clone();
        status.engine.waiting = self.dispatcher.waiting().into();
        status.engine.lost = self.dispatcher.lost().into_iter().map(Lost::from).collect();
        status.reloads = *lock(&self.reloads);
    }

    /// Frees values of lists when nothing uses them any more.
    pub fn leave(&self, values: Vec<Arc<ListValues>>) {
        values.into_iter().for_each(|values| self.leftovers.keep(values));
    }

    /// Ends all incidents as of the newest record.
    pub fn finish(&self) {
        self.dispatcher.finish();
        self.publish();
    }

    /// Ends the threads, and gives back where everything came out.
    pub fn into_output(self) -> Option<O> {
        self.dispatcher.into_output()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unpoisoned()
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
