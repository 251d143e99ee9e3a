//! The service manager's side of a live agent: sd_notify(3).
//!
//! systemd learns when packets are being counted (`READY=1` follows the attachment of the programs, so that what is ordered
//! behind the unit finds them counting), what the agent is doing (`STATUS=`), and that it is alive. The watchdog is fed by
//! the main loop, but only while the drain loop comes round: see [`pulse`]. Without `NOTIFY_SOCKET` all of it does nothing.

pub mod pulse;
pub mod state;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use sensor_kernel::refusal;

use self::pulse::Pulse;

/// Between two `STATUS=` lines.
const STATUS: Duration = Duration::from_secs(10);
/// How often, at least, [`Service::tick`] is to be called.
pub const TICK: Duration = Duration::from_millis(500);

/// Where the verifier's log of a refused program goes: the service's state directory, where there is one. Its `/tmp` is
/// its own, and goes with it.
pub fn verifier_logs() -> refusal::Directory {
    let directories = std::env::var_os("STATE_DIRECTORY");
    let first = directories.as_ref().and_then(|all| std::env::split_paths(all).next());
    let state = first.filter(|directory: &PathBuf| directory.is_absolute());
    state.map_or_else(refusal::Directory::default, refusal::Directory)
}

/// The service manager, where there is one.
#[derive(Debug)]
pub struct Service {
    /// It restarts the agent after so long without a sign of life; `WATCHDOG_USEC`.
    watchdog: Option<Duration>,
    fed: Instant,
    told: Instant,
    /// Whether the silence of the drain loop has been logged.
    stuck: bool,
}

impl Service {
    /// As the environment names it.
    pub fn from_environment() -> Self {
        let now = Instant::now();
        let watchdog = sd_notify::watchdog_enabled().filter(|timeout| !timeout.is_zero());
        Self { watchdog, fed: now, told: now, stuck: false }
    }

    /// Packets are being counted, devices may send; also the end of a reload.
    pub fn ready(&self, status: &str) {
        notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// A reload has begun; [`Self::ready`] follows.
    pub fn reloading(&self) {
        let mut states = vec![NotifyState::Reloading];
        // systemd wants to see that the message is not older than its own request.
        states.extend(NotifyState::monotonic_usec_now().ok());
        notify(&states);
    }

    /// The agent is on its way out: what waits is being sent.
    pub fn stopping(&self) {
        notify(&[NotifyState::Stopping, NotifyState::Status("sending what is queued")]);
    }

    /// To be called every [`TICK`]. Feeds the watchdog twice as often as it demands, unless the drain loop that `pulse`
    /// belongs to has been silent for as long; tells the status that `status` makes, from time to time.
    pub fn tick(&mut self, pulse: Option<&Pulse>, status: impl FnOnce() -> String) {
        if let Some(timeout) = self.watchdog {
            self.feed(timeout / 2, pulse.map(Pulse::age).unwrap_or_default());
        }
        if self.told.elapsed() >= STATUS && is_managed() {
            self.told = Instant::now();
            notify(&[NotifyState::Status(&status())]);
        }
    }

    fn feed(&mut self, period: Duration, silence: Duration) {
        if silence >= period {
            if !std::mem::replace(&mut self.stuck, true) {
                tracing::error!(
                    seconds = silence.as_secs_f64(),
                    "the drain loop is stuck; the service manager will restart the agent unless it goes on"
                );
            }
            return;
        }
        if std::mem::take(&mut self.stuck) {
            tracing::warn!("the drain loop goes on");
        }
        // At the next tick it may be too late.
        if self.fed.elapsed() + TICK > period {
            self.fed = Instant::now();
            notify(&[NotifyState::Watchdog]);
        }
    }
}

/// Whether a service manager listens.
pub fn is_managed() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// A manager that does not take the message is no reason to stop counting.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot reach the service manager: {error}");
    }
}
