//! The live agent: from its start to the last summary.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use sensor_core::nql::Filter;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    config::Config,
    host::{
        capture::{self, Capture, Captured},
        drain::Drained,
    },
    inspect::Contents,
    intake::{self, Intake},
    plant::{
        outputs::{Outputs, Patience},
        top::Shown,
    },
    signals::{Request, Signals},
    status::summary::{self, Records},
};
use crate::{clock::now, intake::report::Report, stdio};

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

/// Runs until SIGINT, SIGTERM, SIGQUIT or the end of `duration`. Only flows that fulfil `filter` are put out; `contents` is
/// what was read of the files that the configuration names. SIGHUP reads lists, context and policies anew; SIGUSR1 tells the summary so far.
///
/// # Errors
/// What keeps it from starting, a kernel that refuses to go on, or a ledger that does not balance.
pub fn run(
    config: &Config,
    filter: Option<&Filter>,
    contents: Contents,
    shown: &Shown,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut signals, prepared) = {
        let _inside = runtime.enter();
        (Signals::new()?, capture::prepare(config)?)
    };
    let outputs = Arc::new(Outputs::start(config, filter, contents, Patience::Never, shown)?);
    let mut intake = Intake::start(config, &outputs)?;
    let mut capture = prepared.map(|prepared| prepared.start(config, &outputs)).transpose()?;
    let watched = Watched { capture: capture.as_mut(), intake: intake.as_mut(), outputs: &outputs };
    let mut reload = Reload::new(config, &outputs);
    let end = runtime.block_on(async {
        let end = wait(watched, &mut signals, &mut reload, duration).await;
        reload.finish().await;
        end
    });

    let captured = capture.map(Capture::stop);
    let report = intake.map(Intake::stop);
    let silent = outputs.is_pointless();
    let Some(outputs) = Arc::into_inner(outputs) else { bail!("an output is still in use") };
    let held_back = outputs.held_back();
    let policies = outputs.policies();
    let (accounts, hits) = outputs.finish(FLUSH_DEADLINE);
    let captured = captured.transpose()?;
    end?;
    if !silent {
        let evicted = captured.as_ref().map_or(0, |captured| captured.drained.evicted);
        let records = Records { evicted, held_back, outputs: &accounts, policies, hits: &hits };
        let intake = report.as_ref().map(intake::summary::losses).unwrap_or_default();
        let losses = summary::uncaptured(captured.as_ref()).and(intake).and(records.losses());
        losses.tell(summary_of(captured.as_ref(), report.as_ref(), &records));
    }
    if let Some(Captured { drained: Drained { totals, .. }, coverage }) = captured {
        if totals.out_of_balance > 0 {
            bail!(
                "the ledger was out of balance in {} of {} drains",
                totals.out_of_balance,
                totals.epochs
            );
        }
        coverage.check()?;
    }
    if report.is_some_and(|report| !report.balances()) {
        bail!("the intake ledger is out of balance");
    }
    Ok(())
}

fn summary_of(
    captured: Option<&Captured>,
    report: Option<&Report>,
    records: &Records<'_>,
) -> String {
    let received = report.map(intake::summary::text);
    summary::live(captured, received.as_deref(), records)
}

/// The summary so far, as SIGUSR1 asks for it.
fn so_far(captured: Option<&Captured>, intake: Option<&Intake>, outputs: &Outputs) -> String {
    let (accounts, hits) = outputs.accounts();
    let records = Records {
        evicted: captured.map_or(0, |captured| captured.drained.evicted),
        held_back: outputs.held_back(),
        outputs: &accounts,
        policies: outputs.policies(),
        hits: &hits,
    };
    summary_of(captured, intake.map(Intake::report).as_ref(), &records)
}

/// A reload beside everything else; one at a time.
struct Reload {
    config: Arc<Config>,
    outputs: Arc<Outputs>,
    running: Option<JoinHandle<()>>,
    /// Whether files may have changed since the running one has read them.
    again: bool,
}

impl Reload {
    fn new(config: &Config, outputs: &Arc<Outputs>) -> Self {
        Self {
            config: Arc::new(config.clone()),
            outputs: outputs.clone(),
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
        let (config, outputs) = (self.config.clone(), self.outputs.clone());
        self.running = Some(spawn_blocking(move || outputs.reload(&config, now())));
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
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let Watched { capture, mut intake, outputs } = watched;
    let captured = capture.as_ref().map(|capture| capture.captured());
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
            request = signals.next() => match request {
                Request::Stop => return Ok(()),
                Request::Reload => reload.ask(),
                Request::Report => {
                    let captured = captured.as_ref().map(|captured| captured());
                    stdio::tell(format_args!("summary so far{}", so_far(captured.as_ref(), intake.as_deref(), outputs)));
                }
            },
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
