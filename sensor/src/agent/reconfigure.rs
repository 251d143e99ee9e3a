//! The configuration, read anew while flows pass: what of it is put in force, and what waits for a restart.

use std::time::Instant;

use super::{
    config::{
        Config,
        diff::{self, Diff},
    },
    inspect::{NamedFaults, paths},
    logging,
    mode::Mode,
    plant::Plant,
};

/// The configurations that a reload compares with the file.
pub struct Reconfiguration {
    /// That of the start: what needs a restart is in force as it says.
    started: Config,
    /// That of the last reload.
    in_force: Config,
}

impl Reconfiguration {
    /// The agent has started with `config`.
    pub fn new(config: &Config) -> Self {
        Self { started: config.clone(), in_force: config.clone() }
    }

    /// Reads the configuration again, and all that it names, and puts it in force. Where it has faults, the old stays in force;
    /// keys that need a restart are named.
    pub fn reload(&mut self, plant: &Plant, now: u64) {
        let start = Instant::now();
        let config = match self.read() {
            Ok(config) => config,
            Err(error) => {
                tracing::error!("reload refused, the old configuration stays in force: {error:#}");
                plant.refuse_reload();
                return;
            }
        };
        let new = &config.written.sections;
        let Diff { applied, .. } = Diff::between(&self.in_force.written.sections, new);
        let Diff { restart, .. } = Diff::between(&self.started.written.sections, new);
        for key in &restart {
            let section = diff::section(key);
            tracing::warn!(
                section,
                key,
                "this key has changed; restart the sensor to put it in force"
            );
        }
        let outputs_hold = plant.apply(&config).map_err(|error| {
            tracing::error!("the old outputs stay in force: {error:#}");
        });
        logging::set_level(config.log.level);
        let named_hold = plant.reload(&config, now);
        let sections = match diff::sections(&applied).join(", ") {
            none if none.is_empty() => "none".to_owned(),
            sections => sections,
        };
        let took_ms = start.elapsed().as_millis() as u64;
        if outputs_hold.is_ok() && named_hold {
            tracing::info!(sections, took_ms, "configuration reloaded");
        } else {
            tracing::warn!(
                sections,
                took_ms,
                "configuration reloaded, but for what is named above"
            );
        }
        self.in_force = config;
    }

    /// The configuration as it is now; that in force where there is no file, or one that can be read only once.
    fn read(&self) -> anyhow::Result<Config> {
        let Some(config) = self.in_force.reread() else { return Ok(self.in_force.clone()) };
        let config = config?;
        let faults = paths::faults(&config, Mode::Live);
        match faults.is_empty() {
            true => Ok(config),
            false => Err(NamedFaults(faults.into_iter().collect()).into()),
        }
    }
}
