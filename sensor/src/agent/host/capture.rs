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
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::MissedTickBehavior,
};

use super::{
    coverage,
    drain::{self, Drained, Pace},
    links::{Attachments, not_yet},
    pins::{self, Told},
};
use crate::{
    agent::{
        config::{
            Config, InterfacePattern,
            interface::{IngressWishes, InterfaceConfig},
        },
        plant::Plant,
        privilege::capabilities::{self, Role},
        service::{self, pulse::Pulse},
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
    control: Control,
    asked: Option<UnboundedReceiver<Asked>>,
    drained: Arc<Mutex<Drained>>,
    pins: Told,
    pulse: Arc<Pulse>,
    watched: Arc<Mutex<Watched>>,
    thread: JoinHandle<Result<(), KernelError>>,
    /// How often it is looked whether programs are in place.
    verify: Duration,
}

/// What a reload changes of a capture.
#[derive(Clone)]
pub struct Control {
    asked: UnboundedSender<Asked>,
    /// The way to the drain thread, until that is to end; and the pace that it was told last.
    drain: Arc<Mutex<(Option<mpsc::Sender<Pace>>, Pace)>>,
}

/// Other interfaces, and how long their names are known.
struct Asked {
    patterns: Option<LinkPatterns>,
    linger: Duration,
}

/// Changes of a capture that are known to be possible.
pub struct Change {
    asked: Asked,
    pace: Pace,
}

impl Control {
    /// What has to change between the captures of `before` and `now`. Nothing has changed so far.
    ///
    /// # Errors
    /// When a pattern cannot be followed.
    pub fn prepare(&self, before: &Config, now: &Config) -> Result<Change, KernelError> {
        let interfaces = &now.capture.interfaces;
        // Without any there would be nothing to capture: that is for the next start.
        let asks = *interfaces != before.capture.interfaces && !interfaces.is_empty();
        let patterns = asks.then(|| LinkPatterns::new(interfaces.iter().map(pattern)));
        let patterns = patterns.transpose()?;
        Ok(Change { asked: Asked { patterns, linger: linger(now) }, pace: pace(now) })
    }

    /// Attaches to the interfaces that are asked for now, lets go of the others, and goes on at the pace of now. What the
    /// programs have counted is drained as ever: it lies in tables that all interfaces have in common.
    pub fn apply(&self, change: Change) {
        let Change { asked, pace } = change;
        // Whoever follows interfaces has ended only where everything has.
        let _ = self.asked.send(asked);
        let mut drain = lock(&self.drain);
        if let (Some(changes), true) = (&drain.0, drain.1 != pace) {
            let _ = changes.send(pace);
        }
        drain.1 = pace;
    }

    fn interval(&self) -> Duration {
        lock(&self.drain).1.interval
    }
}

fn pace(config: &Config) -> Pace {
    Pace { flows: config.flow, interval: config.capture.interval }
}

/// How long the name of an interface is known after it has gone.
fn linger(config: &Config) -> Duration {
    let flow = &config.flow;
    let longest = Duration::from_millis(flow.active_timeout.max(flow.idle_timeout));
    longest + config.capture.interval + NAMES
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
        verifier_logs: service::verifier_logs(),
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

/// A pattern as the kernel room reads it.
pub fn pattern(pattern: &InterfacePattern) -> &str {
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
        let selection = watch.selection();
        tell_what_is_selected(&config.capture.interfaces, selection);
        tell_what_is_idle(&config.capture.hooks, selection);
        let attachments =
            Attachments::new(programs, wishes, selection, linger(config), plant.clone())?;
        let pins = pins.started(attachments.programs());
        let (change, changes) = mpsc::channel();
        let (ask, asked) = unbounded_channel();
        let pace = pace(config);
        let control = Control { asked: ask, drain: Arc::new(Mutex::new((Some(change), pace))) };
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
                capabilities::kept(Role::Drain);
                let agent = drain::Link { shown: &shown, pulse: &beating, changes: &changes };
                drain::run(drain, log, pace, seed, &plant, agent)
            })
            .context("cannot start the drain thread")?;
        let verify = pace.interval.min(VERIFY);
        let interfaces = attachments.interfaces();
        let watched = Watched { coverage: attachments.report(), interfaces };
        Ok(Capture {
            watch: Some(watch),
            attachments,
            control,
            asked: Some(asked),
            drained,
            pins,
            pulse,
            watched: Arc::new(Mutex::new(watched)),
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
    selection.awaited().iter().for_each(|name| not_yet(name));
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
        let (Some(watch), Some(mut asked)) = (self.watch.take(), self.asked.take()) else {
            return std::future::pending().await;
        };
        let (follow, followed) = unbounded_channel();
        let watching = watch.run_asked(events, followed);
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
                Some(Asked { patterns, linger }) = asked.recv() => {
                    self.attachments.set_linger(linger);
                    // Where following has failed, that has been said.
                    patterns.into_iter().for_each(|patterns| drop(follow.send(patterns)));
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

    /// What a reload changes.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The sign of life of the drain loop.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Fills in what has been published by now, also while [`Self::follow`] runs.
    pub fn report(&self) -> impl Fn(&mut Status) + use<> {
        let (drained, watched) = (self.drained.clone(), self.watched.clone());
        let (pins, control) = (self.pins.clone(), self.control.clone());
        move |status: &mut Status| {
            let interval = control.interval();
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
        drop(lock(&self.control.drain).0.take());
        let ended = self.thread.join();
        let watched = Watched { coverage, interfaces: Vec::new() };
        fill(status, *lock(&self.drained), watched, &self.pins, self.control.interval());
        ended.map_err(|_| anyhow::anyhow!("the drain thread panicked"))??;
        Ok(())
    }
}
