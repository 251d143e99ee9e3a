//! The sensor of the demonstration: the real program, asked by its own command line.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{ledger::Ledger, site::Site};
use crate::demo::{Guard, POLL};

/// How long the sensor may take until it answers, and until it has read the first objects.
pub const START: Duration = Duration::from_secs(60);

/// The running sensor; stopped when dropped.
pub struct Sensor<'a> {
    process: Guard,
    agent: &'a Path,
    site: &'a Site,
    interrupted: &'a AtomicBool,
}

impl<'a> Sensor<'a> {
    /// Starts it and waits until it listens and answers.
    ///
    /// # Errors
    /// When it does not get so far.
    pub fn start(agent: &'a Path, site: &'a Site, interrupted: &'a AtomicBool) -> Result<Self> {
        let log = File::create(site.log()).context("make the sensor's log")?;
        let mut command = Command::new(agent);
        command.args(["run", "--config"]).arg(site.config()).env_remove("SENSOR_LOG");
        command.stdout(Stdio::null()).stderr(log);
        let process = Guard::start(&mut command)?;
        let mut sensor = Self { process, agent, site, interrupted };
        let answers = sensor.wait(START, |sensor| {
            let status = sensor.status()?;
            let is_there = |key: &str| status[key].as_array().is_some_and(|rows| !rows.is_empty());
            Ok(is_there("listeners") && is_there("clouds"))
        })?;
        ensure!(answers, "the sensor does not answer after {} s{}", START.as_secs(), site.said());
        Ok(sensor)
    }

    /// Its ledgers now.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ledger(&self) -> Result<Ledger> {
        Ok(Ledger::of(&self.status()?))
    }

    /// `sensor status`; null where it does not answer yet.
    fn status(&self) -> Result<Value> {
        let mut command = Command::new(self.agent);
        command.args(["status", "--json", "--socket"]).arg(self.site.socket()).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("start {command:?}"))?;
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// Looks until something is so; false if `patience` is at an end before.
    ///
    /// # Errors
    /// When the sensor ends or the user interrupts.
    pub fn wait(
        &mut self,
        patience: Duration,
        mut is_so: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<bool> {
        let deadline = Instant::now() + patience;
        while !is_so(self)? {
            ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
            if let Some(status) = self.process.0.try_wait()? {
                bail!("the sensor ended early: {status}{}", self.site.said());
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            thread::sleep(POLL);
        }
        Ok(true)
    }

    /// Stops it. Returns what is wrong with its end.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(mut self) -> Result<Option<String>> {
        let status = self.process.stop().context("stop the sensor")?;
        Ok((!status.success()).then(|| format!("the sensor ended with {status}")))
    }
}
