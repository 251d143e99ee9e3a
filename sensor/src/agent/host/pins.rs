//! Links and tables that outlive the agent: what the configuration wishes, what can be had, and what is told of it.
//!
//! Whoever asks for pins gets his packets counted also where there are none to be had: without a bpffs the agent works as
//! without the wish, says so, and shows it in its status. The one thing that it does not work with is another agent in the
//! same pins.

use std::path::{Path, PathBuf};

use sensor_kernel::{
    Programs,
    drain::Receipts,
    pins::{Inherited, PinError, Pins},
};

use crate::agent::{config::capture::PinsConfig, status::host};

/// What was opened at the start.
#[derive(Default)]
pub struct Opened {
    /// For the kernel side.
    pub pins: Option<Pins>,
    /// What is told of it.
    pub told: Told,
}

/// What is told of pins while the agent runs; by default nothing.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Where they are, or should be; none where they were not asked for and nothing was found.
    directory: Option<PathBuf>,
    /// Why there are none.
    problem: Option<String>,
    tables: bool,
    links: usize,
}

/// Opens what `config` asks for, or what an agent before has left where nothing is to be left any more.
///
/// # Errors
/// When another agent is at work in the same pins.
pub fn open(config: &PinsConfig) -> Result<Opened, PinError> {
    let PinsConfig { keep, path } = config;
    if !keep {
        return Ok(left_in(path));
    }
    let told = Told { directory: Some(path.clone()), ..Told::default() };
    match Pins::open(path) {
        Ok(pins) => Ok(Opened { pins: Some(pins), told }),
        Err(error @ PinError::Held { .. }) => Err(error),
        Err(error) => {
            tracing::warn!(
                "{error}; capturing without pins: packets between the end of this sensor and the next start will not be counted"
            );
            let problem = Some(error.to_string());
            Ok(Opened { pins: None, told: Told { problem, ..told } })
        }
    }
}

fn left_in(path: &Path) -> Opened {
    match Pins::left_in(path) {
        Ok(pins) => Opened { pins, told: Told::default() },
        // Those of an agent at work are not left over; and who may not look into the directory has left nothing there.
        Err(error) => {
            tracing::debug!(%error, "pins of sensors before are not looked at");
            Opened::default()
        }
    }
}

impl Told {
    /// As it is once all interfaces of the start are attached to.
    #[must_use]
    pub fn started(mut self, programs: &Programs) -> Self {
        if let Some(adopted) = programs.adopted() {
            self.tables = adopted.tables;
            self.links = adopted.links;
        }
        self
    }

    /// The same in a status, with what was `lost`.
    pub fn status(&self, lost: host::Lost) -> Option<host::Pins> {
        Some(host::Pins {
            directory: self.directory.as_ref()?.display().to_string(),
            problem: self.problem.clone(),
            adopted_tables: self.tables,
            adopted_links: self.links as u64,
            lost,
        })
    }
}

/// Says what came of tables that agents before had filled.
pub fn log_inherited(inherited: &Inherited, receipts: &Receipts) {
    let Inherited { epoch, lost, former } = inherited;
    tracing::info!(
        records = epoch.records_v4 + epoch.records_v6,
        packets = epoch.accounts.recorded.packets,
        other_tables = former,
        "took over the flow tables of the sensor before"
    );
    if lost.packets > 0 {
        let since_pinned = receipts.lost().packets;
        tracing::warn!(
            packets = lost.packets,
            octets = lost.octets,
            since_pinned,
            "the sensor before was killed: packets in its memory are in no exported record"
        );
    }
}
