//! Router intake: its batches to the plant.
//!
//! * [`health`]: a word in the log when something is lost. [`summary`]: what became of everything, at the end. `faults`: what
//!   cannot be listened at, at its place in the file.

mod faults;
pub mod health;
pub mod summary;

use std::{sync::Arc, time::Instant};

use anyhow::bail;
use sensor_core::diagnostic::Findings;

use self::health::Health;
use super::{
    config::Config,
    plant::Plant,
    privilege::capabilities::{self, Role},
};
use crate::{
    intake::{self, Change, report::Report},
    stdio,
};

/// Everything that routers send to; nothing where nothing is listened at, until a reload names a listener.
pub struct Intake {
    sockets: Sockets,
    health: Health,
}

/// Its sockets, and what is behind them, for whoever changes them.
#[derive(Clone)]
pub struct Sockets(Arc<intake::Intake>);

impl Intake {
    /// Starts to listen as `config` says.
    ///
    /// # Errors
    /// What keeps it from listening.
    pub fn start(config: &Config, plant: &Arc<Plant>) -> anyhow::Result<Self> {
        let plant = plant.clone();
        let beginnings = intake::Beginnings {
            decoding: || capabilities::kept(Role::Nothing),
            keeping: || capabilities::kept(Role::Files),
        };
        let sink: intake::Sink = Arc::new(move |batch| plant.offer(batch));
        let intake = intake::Intake::start(&config.intake, &sink, beginnings)?;
        for listener in &config.intake.listeners {
            stdio::note(format_args!("{}: listening", listener.name));
        }
        Ok(Self { sockets: Sockets(Arc::new(intake)), health: Health::default() })
    }

    /// What a reload changes.
    pub fn sockets(&self) -> Sockets {
        self.sockets.clone()
    }

    /// Says once in a while what has come, and what has been lost.
    ///
    /// # Errors
    /// When a thread has ended by itself.
    pub fn check(&mut self) -> anyhow::Result<()> {
        let Sockets(intake) = &self.sockets;
        if intake.is_broken() {
            bail!("a thread of the intake has ended");
        }
        for line in self.health.drops(Instant::now(), intake.dropped()) {
            tracing::warn!("{line}");
        }
        if self.health.is_due()
            && let Some(report) = intake.report()
        {
            if let Some(line) = self.health.progress(&report) {
                tracing::info!("{line}");
            }
            for line in self.health.lines(report) {
                tracing::warn!("{line}");
            }
        }
        Ok(())
    }

    /// Tells what became of everything so far, also while [`Self::check`] runs; none where nothing was ever listened at.
    pub fn reporter(&self) -> impl Fn() -> Option<Report> + Send + Sync + use<> {
        self.sockets.0.reporter()
    }

    /// Decodes what has arrived, hands all batches on, and ends.
    pub fn stop(self) -> Option<Report> {
        self.sockets.0.stop()
    }
}

impl Sockets {
    /// Opens what `config` asks for beyond what there is. Nothing has changed so far.
    ///
    /// # Errors
    /// What cannot be had, at its place in the file.
    pub fn prepare(&self, config: &Config) -> Result<Change, Findings> {
        self.0.prepare(&config.intake).map_err(|error| faults::located(config, &error))
    }

    /// Goes on with `change`; says which listeners have come and gone.
    pub fn apply(&self, change: Change) {
        let changed = self.0.apply(change);
        for name in changed.closed {
            stdio::note(format_args!("{name}: closed by a reload"));
        }
        for name in changed.opened {
            stdio::note(format_args!("{name}: listening"));
        }
    }
}
