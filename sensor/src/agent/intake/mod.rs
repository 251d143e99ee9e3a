//! Router intake: its options from the configuration, and its batches to the outputs.
//!
//! * [`health`]: a word in the log when something is lost. [`summary`]: what became of everything, at the end.

pub mod health;
pub mod summary;

use std::{sync::Arc, time::Duration};

use self::health::Health;
use super::{
    config::{
        Config,
        listen::{ListenConfig, ListenTls},
    },
    exporters,
    plant::outputs::Outputs,
};
use crate::{
    intake::{
        self,
        options::{Forward, Listener, Options, State, Tls, Transport},
        report::Report,
    },
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
    pub fn start(config: &Config, outputs: &Arc<Outputs>) -> anyhow::Result<Option<Self>> {
        if config.listen.is_empty() {
            return Ok(None);
        }
        let outputs = outputs.clone();
        let sink: intake::Sink = Arc::new(move |batch| outputs.offer(batch));
        let intake = intake::Intake::start(&options(config), &sink)?;
        for listen in &config.listen {
            stdio::note(format_args!("{}: listening", listen.endpoint));
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

    /// What became of everything so far.
    pub fn report(&self) -> Report {
        self.intake.report()
    }

    /// Decodes what has arrived, hands all batches on, and ends.
    pub fn stop(self) -> Report {
        self.intake.stop()
    }
}

fn options(config: &Config) -> Options {
    let intake = &config.intake;
    let state = |path| State { path, interval: intake.state_interval };
    let forward = |forward: &crate::agent::config::forward::ForwardConfig| Forward {
        host: forward.host.clone(),
        port: forward.port,
        keep_source: forward.keep_source,
        protocols: forward.protocols.clone(),
        exporters: forward.exporters.clone(),
    };
    Options {
        listeners: config.listen.iter().map(listener).collect(),
        workers: intake.workers,
        receive_buffer: usize::try_from(intake.receive_buffer).unwrap_or(usize::MAX),
        rules: exporters::rules(config),
        memory: usize::try_from(intake.memory).unwrap_or(usize::MAX),
        inner_headers: intake.inner_headers,
        state: intake.state_file.clone().map(state),
        forwards: config.forward.iter().map(forward).collect(),
        max_connections: intake.max_connections,
        max_connections_per_address: intake.max_connections_per_address,
        first_message_timeout: intake.first_message_timeout,
        idle_timeout: intake.idle_timeout,
    }
}

fn listener(listen: &ListenConfig) -> Listener {
    let ListenConfig { endpoint, tls } = listen;
    let transport = match tls {
        Some(ListenTls { certificate, key, ca }) => Transport::Tls(Tls {
            certificate: certificate.clone(),
            key: key.clone(),
            ca: ca.clone(),
        }),
        None if endpoint.scheme.is_udp() => Transport::Udp,
        None => Transport::Tcp,
    };
    Listener { name: endpoint.to_string(), address: endpoint.address, transport }
}

/// Seconds between two words about losses.
const INTERVAL: Duration = Duration::from_mins(1);
