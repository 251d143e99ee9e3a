//! The live agent: from its start to the last summary.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    cloud::follow::Clouds,
    config::Config,
    console::{self, served::Served},
    control::{
        self, ReloadRequest,
        observer::{Fill, Observer, Seen, this_process},
    },
    end::end,
    host::capture::{self, Capture},
    ingest::{self, Ingest},
    inspect::Contents,
    intake::Intake,
    logging,
    mode::Mode,
    plant::{Filters, Plant, top::PrintOptions},
    privilege::{
        self, Privileges,
        capabilities::{self, Role},
    },
    reconfigure::{self, Answer, InForce, Reconfiguration},
    service::{self, Service, state},
    signals::{Request, Signals},
    status::summary,
};
use crate::{clock::now, stdio};

/// How often it is looked at whether anybody still wants the output.
const CHECK: Duration = service::TICK;

/// What runs until the end.
struct Watched<'a> {
    capture: Option<&'a mut Capture>,
    intake: &'a mut Intake,
    clouds: &'a Clouds,
    ingest: Option<&'a Ingest>,
    plant: &'a Plant,
    /// Somebody wants it to go on, whoever reads what it prints.
    duties: bool,
}

/// Whether there is something to do besides printing: datagrams to forward, metrics to serve, a service manager that would take the
/// end for the wish of somebody.
fn has_duties(config: &Config) -> bool {
    config.metrics.is_some()
        || config.console.is_some()
        || config.ingest.is_some()
        || !config.intake.forwards.is_empty()
        || service::is_managed()
}

/// Runs until SIGINT, SIGTERM, SIGQUIT or the end of `duration`. Only flows that fulfil `filters` are put out; `contents` is
/// what was read of the files that the configuration names. SIGHUP reads the configuration and what it names anew; SIGUSR1 tells the summary so far.
///
/// # Errors
/// What keeps it from starting, a kernel that refuses to go on, or a ledger that does not balance.
pub fn run(
    object: &[u8],
    config: &Config,
    filters: &Filters,
    contents: Contents,
    shown: &PrintOptions,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Its only work beside this thread is a reload.
        .on_thread_start(|| capabilities::kept(Role::Reload))
        .build()?;
    let (mut signals, prepared) = {
        let _inside = runtime.enter();
        (Signals::new()?, capture::prepare(object, config)?)
    };
    let opened = control::open(config)?;
    let pushed = ingest::open(config)?;
    let page = console::open(config)?;
    // From here on every thread that starts is in the sandbox; what takes a capability stays with this one.
    let privileges = privilege::reduce(config)?;
    let start = || Plant::start(config, filters, contents, Mode::Live, shown);
    let plant = Arc::new(capabilities::born(Role::Files, start)??);
    let mut intake = Intake::start(config, &plant)?;
    let mut capture = prepared.map(|prepared| prepared.start(config, &plant)).transpose()?;
    let clouds = Clouds::start(config, &plant)?;
    let serve = || pushed.map(|opened| opened.serve(clouds.hub())).transpose();
    let ingest = capabilities::born(Role::Files, serve)??;
    // What hooks there were before has been named.
    capabilities::kept(Role::Lead);
    let changing = reconfigure::Rooms {
        plant: plant.clone(),
        clouds: clouds.clone(),
        ingest: ingest.as_ref().map(Ingest::control),
        intake: intake.sockets(),
        capture: capture.as_ref().map(Capture::control),
    };
    let mut reload = Reload::new(config, changing, privileges.clone());
    let rooms =
        rooms(capture.as_ref(), (&intake, &clouds, ingest.as_ref()), &plant, &reload, &privileges);
    let observer = Arc::new(Observer::new(rooms));
    let served =
        page.as_ref().and_then(|page| Served::of(page.config(), config, &plant, &observer));
    let serve = || opened.serve(observer.clone(), plant.clone(), served.clone());
    let (control, mut asked) = capabilities::born(Role::Files, serve)??;
    let serve = || page.zip(served.as_ref()).map(|(page, served)| page.serve(served)).transpose();
    let console = capabilities::born(Role::Files, serve)??;
    if let Some(served) = &served {
        served.announce();
    }
    drop(served);
    let duties = has_duties(config);
    let watched = Watched {
        capture: capture.as_mut(),
        intake: &mut intake,
        clouds: &clouds,
        ingest: ingest.as_ref(),
        plant: &plant,
        duties,
    };
    let ended = runtime.block_on(async {
        let requests = Requests { signals: &mut signals, reloads: &mut asked };
        let mut service = Service::from_environment();
        let ended = wait(watched, requests, &mut reload, &observer, &mut service, duration).await;
        drop(asked);
        reload.finish().await;
        service.stopping();
        ended
    });
    // Before the sources stop: whoever asks must not find them half gone, and they share the plant.
    if let Some(control) = control {
        control.stop();
    }
    if let Some(console) = console {
        console.stop();
    }
    drop(observer);
    drop(reload);
    end(plant, duties, |status| {
        let captured = capture.map_or(Ok(()), |capture| capture.stop(status));
        status.intake = intake.stop();
        // Senders get no answers any more, and make their requests again; what was read is known then.
        if let Some(ingest) = ingest {
            status.ingest = Some(ingest.control().report());
            ingest.stop();
        }
        clouds.stop();
        status.followed = clouds.report();
        captured.and(ended)
    })
}

/// Where the sections of a snapshot come from.
fn rooms(
    capture: Option<&Capture>,
    (intake, clouds, ingest): (&Intake, &Clouds, Option<&Ingest>),
    plant: &Arc<Plant>,
    reload: &Reload,
    privileges: &Privileges,
) -> Vec<Fill> {
    let process = this_process(reload.started, reload.in_force(), privileges.shown().clone());
    let mut rooms: Vec<Fill> = vec![process];
    if let Some(capture) = capture {
        rooms.push(Box::new(capture.report()));
    }
    let report = intake.reporter();
    rooms.push(Box::new(move |status| status.intake = report()));
    let clouds = clouds.clone();
    rooms.push(Box::new(move |status| status.followed = clouds.report()));
    if let Some(control) = ingest.map(Ingest::control) {
        rooms.push(Box::new(move |status| status.ingest = Some(control.report())));
    }
    let plant = plant.clone();
    rooms.push(Box::new(move |status| plant.report(status)));
    rooms
}

/// What is asked of the agent.
struct Requests<'a> {
    signals: &'a mut Signals,
    /// Reloads that somebody waits for.
    reloads: &'a mut mpsc::Receiver<ReloadRequest>,
}

/// A reload beside everything else; one at a time.
struct Reload {
    config: Arc<Mutex<Reconfiguration>>,
    /// When the agent started, milliseconds since the epoch.
    started: u64,
    running: Option<JoinHandle<Answer>>,
    /// Whether files may have changed since the running one has read them.
    again: bool,
    /// Who waits for the running one, and who for the next.
    waiting: [Vec<ReloadRequest>; 2],
}

impl Reload {
    fn new(config: &Config, rooms: reconfigure::Rooms, privileges: Privileges) -> Self {
        let started = now();
        let config = Reconfiguration::new(config, rooms, privileges, started);
        Self {
            config: Arc::new(Mutex::new(config)),
            started,
            running: None,
            again: false,
            waiting: Default::default(),
        }
    }

    /// What others see of the configuration.
    fn in_force(&self) -> InForce {
        self.config.lock().unpoisoned().shown()
    }

    fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts one, now or behind the one that is running; tells `asked` what came of it.
    fn ask(&mut self, asked: Option<ReloadRequest>) {
        self.again = self.is_running();
        self.waiting[usize::from(self.again)].extend(asked);
        if !self.again {
            self.start();
        }
    }

    /// Looks for inventories of clouds that have changed when it is time to, beside everything else.
    fn refresh(&self) {
        // While a reload is under way, it reads them itself.
        if self.config.try_lock().is_ok_and(|mut config| config.is_refresh_due()) {
            let config = self.config.clone();
            // Nobody waits for it; the next look finds what this one has missed.
            drop(spawn_blocking(move || config.lock().unpoisoned().refresh(now())));
        }
    }

    fn start(&mut self) {
        let config = self.config.clone();
        self.running = Some(spawn_blocking(move || config.lock().unpoisoned().reload(now())));
    }

    /// Waits for the one that is running, and starts no other.
    async fn finish(&mut self) {
        self.again = false;
        self.ended().await;
    }

    /// Waits for the end of the one that is running, where one is.
    async fn ended(&mut self) {
        if let Some(running) = &mut self.running {
            let done = running.await;
            let [waiting, next] = std::mem::take(&mut self.waiting);
            self.waiting = [next, Vec::new()];
            match done {
                // Whoever has gone away does not want to know.
                Ok(answer) => {
                    waiting.into_iter().for_each(|asked| drop(asked.send(answer.clone())));
                }
                Err(error) => tracing::error!("reload aborted: {error}"),
            }
            self.running = None;
            if std::mem::take(&mut self.again) {
                self.start();
            }
        }
    }
}

/// Follows the interfaces and looks after everything until it is time to stop.
async fn wait(
    watched: Watched<'_>,
    requests: Requests<'_>,
    reload: &mut Reload,
    observer: &Observer,
    service: &mut Service,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let Watched { capture, intake, clouds, ingest, plant, duties } = watched;
    let mut unread = false;
    let pulse = capture.as_ref().map(|capture| capture.pulse());
    let Requests { signals, reloads } = requests;
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let broken = async {
        match capture {
            Some(capture) => capture.follow().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over, broken);
    let mut check = tokio::time::interval(CHECK);
    service.ready(&state::line(&observer.look().status));
    loop {
        tokio::select! {
            request = signals.next() => match request {
                Request::Stop => return Ok(()),
                Request::Reload => {
                    service.reloading();
                    reload.ask(None);
                }
                Request::Report => {
                    let Seen { status, condition, .. } = observer.look();
                    stdio::reply(format_args!("summary so far{}", summary::text(&status)));
                    for reason in condition.reasons {
                        stdio::to_stderr(format_args!("NOT HEALTHY: {reason}"));
                    }
                }
            },
            Some(asked) = reloads.recv() => {
                service.reloading();
                reload.ask(Some(asked));
            }
            () = reload.ended(), if reload.is_running() => {
                if !reload.is_running() {
                    service.ready(&state::line(&observer.look().status));
                }
            }
            () = &mut over => return Ok(()),
            () = &mut broken => return Ok(()),
            _ = check.tick() => {
                plant.advance(now());
                reload.refresh();
                logging::tick();
                if plant.is_broken() {
                    anyhow::bail!("a thread of the engine has ended");
                }
                intake.check()?;
                if clouds.is_broken() {
                    anyhow::bail!("a thread that follows cloud flow logs has ended");
                }
                if ingest.is_some_and(Ingest::is_broken) {
                    anyhow::bail!("the thread that takes pushed flow logs has ended");
                }
                if plant.is_pointless() && !duties {
                    return Ok(());
                }
                if plant.is_unread() && !std::mem::replace(&mut unread, true) {
                    tracing::warn!(
                        "standard output is closed: its reader has ended; what would be printed is counted as not sent, the rest goes on"
                    );
                }
                service.tick(pulse.as_deref(), || state::line(&observer.look().status));
            }
        }
    }
}
