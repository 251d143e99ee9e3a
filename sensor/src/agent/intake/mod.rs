//! Router intake: its batches to the plant.
//!
//! * [`health`]: a word in the log when something is lost. [`summary`]: what became of everything, at the end.

pub mod health;
pub mod summary;

use std::{sync::Arc, time::Instant};

use self::health::Health;
use super::{config::Config, plant::Plant};
use crate::{
    intake::{self, report::Report},
    stdio,
};
use anyhow::bail;

/// Everything that routers send to, where there is anything.
pub struct Intake {
    intake: intake::Intake,
    health: Health,
}

impl Intake {
    /// Starts to listen as `config` says; none where it names no listener.
    ///
    /// # Errors
    /// What keeps it from listening.
    pub fn start(config: &Config, plant: &Arc<Plant>) -> anyhow::Result<Option<Self>> {
        if config.intake.listeners.is_empty() {
            return Ok(None);
        }
        let plant = plant.clone();
        let sink: intake::Sink = Arc::new(move |batch| plant.offer(batch));
        let intake = intake::Intake::start(&config.intake, &sink)?;
        for listener in &config.intake.listeners {
            stdio::note(format_args!("{}: listening", listener.name));
        }
        Ok(Some(Self { intake, health: Health::default() }))
    }

    /// Says once in a while what has come, and what has been lost.
    ///
    /// # Errors
    /// When a thread has ended by itself.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if self.intake.is_broken() {
            bail!("a thread of the intake has ended");
        }
        for line in self.health.drops(Instant::now(), self.intake.dropped()) {
            tracing::warn!("{line}");
        }
        if self.health.is_due() {
            let report = self.intake.report();
            if let Some(line) = self.health.progress(&report) {
                tracing::info!("{line}");
            }
            for line in self.health.lines(report) {
                tracing::warn!("{line}");
            }
        }
        Ok(())
    }

    /// Tells what became of everything so far, also while [`Self::check`] runs.
    pub fn reporter(&self) -> impl Fn() -> Report + Send + Sync + use<> {
        self.intake.reporter()
    }

    /// Decodes what has arrived, hands all batches on, and ends.
    pub fn stop(self) -> Report {
        self.intake.stop()
    }
}
