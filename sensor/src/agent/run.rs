//! The live agent: from its start to the last summary.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_core::{nql::Filter, sync::Unpoisoned as _};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    config::Config,
    end::end,
    host::capture::{self, Capture},
    inspect::Contents,
    intake::Intake,
    mode::Mode,
    plant::{Plant, top::PrintOptions},
    reconfigure::Reconfiguration,
    service::{Service, state},
    signals::{Request, Signals},
    status::{Status, summary},
};
use crate::{clock::now, stdio};

/// How often it is looked at whether anybody still wants the output.
const CHECK: Duration = Duration::from_millis(500);

/// What runs until the end.
struct Watched<'a> {
    capture: Option<&'a mut Capture>,
    intake: Option<&'a mut Intake>,
    plant: &'a Plant,
}

/// Runs until SIGINT, SIGTERM, SIGQUIT or the end of `duration`. Only flows that fulfil `filter` are put out; `contents` is
/// what was read of the files that the configuration names. SIGHUP reads the configuration and what it names anew; SIGUSR1 tells the summary so far.
///
/// # Errors
/// What keeps it from starting, a kernel that refuses to go on, or a ledger that does not balance.
pub fn run(
    object: &[u8],
    config: &Config,
    filter: Option<&Filter>,
    contents: Contents,
    shown: &PrintOptions,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut signals, prepared) = {
        let _inside = runtime.enter();
        (Signals::new()?, capture::prepare(object, config)?)
    };
    let plant = Arc::new(Plant::start(config, filter, contents, Mode::Live, shown)?);
    let mut intake = Intake::start(config, &plant)?;
    let mut capture = prepared.map(|prepared| prepared.start(config, &plant)).transpose()?;
    let watched = Watched { capture: capture.as_mut(), intake: intake.as_mut(), plant: &plant };
    let mut reload = Reload::new(config, &plant);
    let ended = runtime.block_on(async {
        let mut service = Service::from_environment();
        let ended = wait(watched, &mut signals, &mut reload, &mut service, duration).await;
        reload.finish().await;
        service.stopping();
        ended
    });
    end(plant, |status| {
        let captured = capture.map_or(Ok(()), |capture| capture.stop(status));
        status.intake = intake.map(Intake::stop);
        captured.and(ended)
    })
}

/// A reload beside everything else; one at a time.
struct Reload {
    config: Arc<Mutex<Reconfiguration>>,
    plant: Arc<Plant>,
    running: Option<JoinHandle<()>>,
    /// Whether files may have changed since the running one has read them.
    again: bool,
}

impl Reload {
    fn new(config: &Config, plant: &Arc<Plant>) -> Self {
        Self {
            config: Arc::new(Mutex::new(Reconfiguration::new(config))),
            plant: plant.clone(),
            running: None,
            again: false,
        }
    }

    fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts one, now or behind the one that is running.
    fn ask(&mut self) {
        self.again = self.is_running();
        if !self.again {
            self.start();
        }
    }

    fn start(&mut self) {
        let (config, plant) = (self.config.clone(), self.plant.clone());
        self.running = Some(spawn_blocking(move || {
            config.lock().unpoisoned().reload(&plant, now());
        }));
    }

    /// Waits for the one that is running, and starts no other.
    async fn finish(mut self) {
        self.again = false;
        self.ended().await;
    }

    /// Waits for the end of the one that is running, where one is.
    async fn ended(&mut self) {
        if let Some(running) = &mut self.running {
            if let Err(error) = running.await {
                tracing::error!("reload aborted: {error}");
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
    signals: &mut Signals,
    reload: &mut Reload,
    service: &mut Service,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let Watched { capture, mut intake, plant } = watched;
    let captured = capture.as_ref().map(|capture| capture.report());
    let pulse = capture.as_ref().map(|capture| capture.pulse());
    let snapshot = |intake: Option<&Intake>| {
        let mut status = Status::default();
        if let Some(fill) = &captured {
            fill(&mut status);
        }
        status.intake = intake.map(Intake::report);
        plant.report(&mut status);
        status
    };
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
    service.ready(&state::line(&snapshot(intake.as_deref())));
    loop {
        tokio::select! {
            request = signals.next() => match request {
                Request::Stop => return Ok(()),
                Request::Reload => {
                    service.reloading();
                    reload.ask();
                }
                Request::Report => {
                    let status = snapshot(intake.as_deref());
                    stdio::to_stderr(format_args!("summary so far{}", summary::text(&status)));
                }
            },
            () = reload.ended(), if reload.is_running() => {
                if !reload.is_running() {
                    service.ready(&state::line(&snapshot(intake.as_deref())));
                }
            }
            () = &mut over => return Ok(()),
            () = &mut broken => return Ok(()),
            _ = check.tick() => {
                plant.advance(now());
                if plant.is_broken() {
                    anyhow::bail!("a thread of the engine has ended");
                }
                if let Some(intake) = &mut intake {
                    intake.check()?;
                }
                if plant.is_pointless() {
                    return Ok(());
                }
                service.tick(pulse.as_deref(), || state::line(&snapshot(intake.as_deref())));
            }
        }
    }
}
