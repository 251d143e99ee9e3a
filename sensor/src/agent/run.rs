//! The live agent: from its start to the last summary.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::{JoinHandle, spawn_blocking},
};

use super::{
    capture::{self, Capture},
    config::Config,
    intake::{self, Intake},
    outputs::{Outputs, Patience},
    summary::{self, Records},
};
use crate::{
    export::clock::now,
    nql::{Filter, lists::Lists},
    stdio,
};

/// How long outputs may take for what waits at the end.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// How often it is looked at whether anybody still wants the output.
const CHECK: Duration = Duration::from_millis(500);

/// What runs until the end.
struct Watched<'a> {
    capture: Option<&'a mut Capture>,
    intake: Option<&'a mut Intake>,
    outputs: &'a Outputs,
}

/// Runs until SIGINT, SIGTERM or the end of `duration`. Only flows that fulfil `filter` are put out; `lists` are those of
/// the configuration. SIGHUP reads lists, context and policies anew.
///
/// # Errors
/// What keeps it from starting, a kernel that refuses to go on, or a ledger that does not balance.
pub fn run(
    config: &Config,
    filter: Option<&Filter>,
    lists: Lists,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let prepared = {
        let _inside = runtime.enter();
        capture::prepare(config)?
    };
    let outputs = Arc::new(Outputs::start(config, filter, lists, Patience::Never)?);
    let mut intake = Intake::start(config, &outputs)?;
    let mut capture = prepared.map(|prepared| prepared.start(config, &outputs)).transpose()?;
    let watched = Watched { capture: capture.as_mut(), intake: intake.as_mut(), outputs: &outputs };
    let mut reload = Reload::new(config, &outputs);
    let end = runtime.block_on(async {
        let end = wait(watched, &mut reload, duration).await;
        reload.ended().await;
        end
    });
    drop(reload);

    let drained = capture.map(Capture::stop);
    let report = intake.map(Intake::stop);
    let silent = outputs.is_pointless();
    let Some(outputs) = Arc::into_inner(outputs) else { bail!("an output is still in use") };
    let held_back = outputs.held_back();
    let policies = outputs.policies();
    let (accounts, hits) = outputs.finish(FLUSH_DEADLINE);
    let drained = drained.transpose()?;
    end?;
    if !silent {
        let evicted = drained.as_ref().map_or(0, |drained| drained.evicted);
        let records = Records { evicted, held_back, outputs: &accounts, policies, hits: &hits };
        let captured = drained.as_ref().map(|drained| &drained.totals);
        let received = report.as_ref().map(intake::summary::text);
        stdio::note(summary::live(captured, received.as_deref(), &records));
    }
    if let Some(totals) = drained.map(|drained| drained.totals).filter(|t| t.out_of_balance > 0) {
        bail!(
            "the ledger was out of balance in {} of {} drains",
            totals.out_of_balance,
            totals.epochs
        );
    }
    if report.is_some_and(|report| !report.balances()) {
        bail!("the ledger of what routers sent is out of balance");
    }
    Ok(())
}

/// A reload beside everything else; one at a time.
struct Reload {
    config: Arc<Config>,
    outputs: Arc<Outputs>,
    running: Option<JoinHandle<()>>,
}

impl Reload {
    fn new(config: &Config, outputs: &Arc<Outputs>) -> Self {
        Self { config: Arc::new(config.clone()), outputs: outputs.clone(), running: None }
    }

    fn is_running(&self) -> bool {
        self.running.is_some()
    }

    fn start(&mut self) {
        let (config, outputs) = (self.config.clone(), self.outputs.clone());
        self.running = Some(spawn_blocking(move || outputs.reload(&config, now())));
    }

    /// Waits for the end of the one that is running, where one is.
    async fn ended(&mut self) {
        if let Some(running) = &mut self.running {
            if let Err(error) = running.await {
                tracing::error!("a reload has ended early: {error}");
            }
            self.running = None;
        }
    }
}

/// Follows the interfaces and looks after everything until it is time to stop.
async fn wait(
    watched: Watched<'_>,
    reload: &mut Reload,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let Watched { capture, mut intake, outputs } = watched;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
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
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv(), if !reload.is_running() => reload.start(),
            () = reload.ended(), if reload.is_running() => {}
            () = &mut over => return Ok(()),
            () = &mut broken => return Ok(()),
            _ = check.tick() => {
                outputs.advance(now());
                if let Some(intake) = &mut intake {
                    intake.check()?;
                }
                if outputs.is_pointless() {
                    return Ok(());
                }
            }
        }
    }
}
