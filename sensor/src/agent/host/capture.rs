//! The kernel's part of a live agent: programs loaded, interfaces followed, tables drained.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Context as _;
use sensor_core::sync::Unpoisoned as _;
use sensor_kernel::{
    self, Loaded,
    error::KernelError,
    links::{AUTO, LinkEvent, LinkPatterns, Selection, listed},
    watch::LinkWatch,
};
use tokio::time::MissedTickBehavior;

use super::{
    coverage,
    drain::{self, Drained},
    links::Attachments,
    pins::{self, Told},
};
use crate::{
    agent::{
        config::{
            Config, InterfacePattern,
            interface::{IngressWishes, InterfaceConfig},
        },
        plant::Plant,
        service::pulse::Pulse,
        status::{
            Status,
            host::{Host, Interface},
        },
    },
    stdio,
};

/// Changes of interfaces that may wait.
const LINK_EVENTS: usize = 64;

/// How long the name of an interface is known after its last flow has ended: records may wait in queues.
const NAMES: Duration = Duration::from_mins(1);

/// How often, at least, it is looked whether programs are in place and see what interfaces count.
const VERIFY: Duration = Duration::from_secs(1);

/// How often it is looked at whether draining goes on.
const CHECK: Duration = Duration::from_millis(500);

/// Programs that are loaded and attached nowhere yet.
pub struct Prepared {
    watch: LinkWatch,
    loaded: Loaded,
    pins: Told,
}

/// What is published of the interfaces.
#[derive(Clone, Default)]
struct Watched {
    coverage: coverage::Report,
    interfaces: Vec<Interface>,
}

/// Programs at work.
pub struct Capture {
    watch: Option<LinkWatch>,
    attachments: Attachments,
    stop: mpsc::Sender<()>,
    drained: Arc<Mutex<Drained>>,
    pins: Told,
    pulse: Arc<Pulse>,
    watched: Arc<Mutex<Watched>>,
    interval: Duration,
    thread: JoinHandle<Result<(), KernelError>>,
    /// How often it is looked whether programs are in place.
    verify: Duration,
}

/// Loads the programs of `object` that `config` asks for; none where it names no interface. To be called within a tokio runtime.
///
/// # Errors
/// What the kernel lacks or refuses.
pub fn prepare(object: &[u8], config: &Config) -> anyhow::Result<Option<Prepared>> {
    let capture = &config.capture;
    if capture.interfaces.is_empty() {
        return Ok(None);
    }
    let patterns = LinkPatterns::new(capture.interfaces.iter().map(pattern))?;
    let required = capture.hooks.iter().filter_map(InterfaceConfig::required);
    let required: Vec<_> = required.collect();
    let watch = LinkWatch::new(patterns, capture.missing, &required)?;
    let pins = pins::open(&capture.pins)?;
    let options = sensor_kernel::Options {
        memory: capture.kernel_memory,
        guarded: true,
        pins: pins.pins,
        ..sensor_kernel::Options::default()
    };
    let loaded = sensor_kernel::load(object, options)?;
    stdio::note(format_args!("kernel tables: {}", loaded.drain.budget()));
    Ok(Some(Prepared { watch, loaded, pins: pins.told }))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unpoisoned()
}

fn fill(status: &mut Status, drained: Drained, watched: Watched, pins: &Told, interval: Duration) {
    let Drained { drain, cache, tables, times, at, lost } = drained;
    let Watched { coverage, interfaces } = watched;
    let since_drain = at.elapsed();
    let pins = pins.status(lost);
    status.host =
        Some(Host { drain, coverage, interfaces, tables, times, since_drain, interval, pins });
    status.cache = Some(cache);
}

fn pattern(pattern: &InterfacePattern) -> &str {
    match pattern {
        InterfacePattern::Auto => AUTO,
        InterfacePattern::Name(name) => name,
        InterfacePattern::Glob(glob) => glob.glob(),
    }
}

impl Prepared {
    /// Attaches to all interfaces that are there, and starts to drain.
    ///
    /// # Errors
    /// When there are interfaces, and none can be attached.
    pub fn start(self, config: &Config, plant: &Arc<Plant>) -> anyhow::Result<Capture> {
        let Self { watch, loaded: Loaded { programs, drain, log }, pins } = self;
        let wishes = IngressWishes::new(&config.capture.hooks);
        let flow = &config.flow;
        let longest = Duration::from_millis(flow.active_timeout.max(flow.idle_timeout));
        let linger = longest + config.capture.interval + NAMES;
        let selection = watch.selection();
        tell_what_is_selected(&config.capture.interfaces, selection);
        tell_what_is_idle(&config.capture.hooks, selection);
        let attachments = Attachments::new(programs, wishes, selection, linger, plant.clone())?;
        let pins = pins.started(attachments.programs());
        let (stop, stopped) = mpsc::channel();
        let cache = config.flow;
        let interval = config.capture.interval;
        let plant = plant.clone();
        let drained = Arc::new(Mutex::new(Drained::new(drain.budget())));
        let shown = drained.clone();
        let pulse = Arc::<Pulse>::default();
        let beating = pulse.clone();
        // A seed that senders of packets cannot know.
        let seed = RandomState::new().hash_one(std::process::id());
        let thread = std::thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || {
                let agent = drain::Link { shown: &shown, pulse: &beating, stop: &stopped };
                drain::run(drain, log, cache, seed, interval, &plant, agent)
            })
            .context("cannot start the drain thread")?;
        let verify = interval.min(VERIFY);
        let interfaces = attachments.interfaces();
        let watched = Watched { coverage: attachments.report(), interfaces };
        Ok(Capture {
            watch: Some(watch),
            attachments,
            stop,
            drained,
            pins,
            pulse,
            watched: Arc::new(Mutex::new(watched)),
            interval,
            thread,
            verify,
        })
    }
}

/// Which interfaces are about to be watched, where nobody named them, and which are not there yet.
fn tell_what_is_selected(patterns: &[InterfacePattern], selection: &Selection) {
    let names: Vec<&str> = selection.links().map(|link| link.name.as_str()).collect();
    if patterns == [InterfacePattern::Auto] && !names.is_empty() {
        let interface = names.join(", ");
        tracing::info!(
            interface,
            "capturing the default route's interface; select another with -i NAME"
        );
    }
    for name in selection.awaited() {
        match name.as_str() {
            AUTO => tracing::info!("no default route yet; capturing starts when one appears"),
            interface => {
                tracing::info!(
                    interface,
                    "no such interface yet; capturing starts when it appears"
                );
            }
        }
    }
    if names.is_empty() {
        stdio::to_stderr("no interface matches yet; capturing starts when one appears");
    }
}

/// Which settings of single interfaces are about none that is captured so far.
fn tell_what_is_idle(hooks: &[InterfaceConfig], selection: &Selection) {
    if selection.links().next().is_none() {
        return; // That has been said.
    }
    let idle = |hook: &&InterfaceConfig| !selection.links().any(|link| hook.is_about(link));
    for hook in hooks.iter().filter(|hook| hook.names_one()).filter(idle) {
        tracing::warn!(
            captured = listed(selection.links()),
            "{} matches no captured interface so far",
            hook.written()
        );
    }
}

impl Capture {
    /// Follows changes of interfaces until draining ends by itself.
    pub async fn follow(&mut self) {
        let (events, mut changes) = tokio::sync::mpsc::channel::<LinkEvent>(LINK_EVENTS);
        let Some(watch) = self.watch.take() else { return std::future::pending().await };
        let watching = watch.run(events);
        tokio::pin!(watching);
        let mut watch_failed = false;
        let mut check = tokio::time::interval(CHECK);
        let mut come = Vec::with_capacity(LINK_EVENTS);
        let mut verify = tokio::time::interval(self.verify);
        verify.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                1.. = changes.recv_many(&mut come, LINK_EVENTS) => {
                    self.attachments.follow(&come);
                    come.clear();
                }
                result = &mut watching, if !watch_failed => {
                    watch_failed = true;
                    if let Err(error) = result {
                        tracing::error!("{error}; new interfaces will not be noticed");
                    }
                }
                _ = verify.tick() => {
                    self.attachments.verify();
                    let coverage = self.attachments.report();
                    let interfaces = self.attachments.interfaces();
                    *lock(&self.watched) = Watched { coverage, interfaces };
                }
                _ = check.tick() => {
                    self.attachments.tell_names();
                    if self.thread.is_finished() {
                        return;
                    }
                }
            }
        }
    }

    /// The sign of life of the drain loop.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Fills in what has been published by now, also while [`Self::follow`] runs.
    pub fn report(&self) -> impl Fn(&mut Status) + use<> {
        let (drained, watched) = (self.drained.clone(), self.watched.clone());
        let (pins, interval) = (self.pins.clone(), self.interval);
        move |status: &mut Status| {
            fill(status, *lock(&drained), lock(&watched).clone(), &pins, interval);
        }
    }

    /// Detaches from all interfaces, unless programs are to go on, drains for the last time, and fills in what became of everything.
    ///
    /// # Errors
    /// When draining has failed.
    pub fn stop(mut self, status: &mut Status) -> anyhow::Result<()> {
        // First the programs, so that the last drain finds everything that was seen; what pinned ones see from then on is
        // the next agent's.
        let coverage = self.attachments.detach();
        drop(self.stop);
        let ended = self.thread.join();
        let watched = Watched { coverage, interfaces: Vec::new() };
        fill(status, *lock(&self.drained), watched, &self.pins, self.interval);
        ended.map_err(|_| anyhow::anyhow!("the drain thread panicked"))??;
        Ok(())
    }
}
