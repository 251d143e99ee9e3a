//! Flow logs that are pushed to the sensor, by HTTPS: by clouds themselves (Firehose, Pub/Sub, Event Grid) and by bridges.
//!
//! `POST /ingest/NAME` is for the `[[cloud]]` called NAME, if it has `push`. Each request is one object for the decoding of that
//! source (`cloud::follow`), and is answered once the outputs have its records and the state file says so. Whoever pushes
//! repeats a request that was not answered so; what was read before is known by its name and octets, and not read twice.
//!
//! * `server`: from a request to its answer. [`guard`]: who may push; `jwt`: tokens of Google. `rate`: how often.
//! * `protocol`: what is in a request, and what its sender wants to hear. `inflate`: compression, within bounds.
//! * [`hub`]: from requests to sources; `delivery`: one object on its way; `resume`: what was under way when the agent was
//!   killed. `source`: the side of the source.
//! * [`refusal`]: why a request is turned away. [`figures`]: what is counted.

pub mod figures;
pub mod guard;
pub mod hub;
pub mod refusal;

mod delivery;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod inflate;
mod jwt;
mod protocol;
mod rate;
mod resume;
mod server;
mod source;
#[cfg(test)]
mod tests;

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use anyhow::Context as _;
use sensor_core::sync::Unpoisoned as _;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use self::{
    figures::Figures,
    hub::Hub,
    server::{LISTEN, Server, Tls},
};
use super::{
    config::{Config, cloud::Place, ingest::IngestConfig},
    web::endpoint::{self, EndpointError},
};

pub use self::source::Pushed;

/// What was opened and is not served yet.
pub struct Opened {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    config: IngestConfig,
}

/// Opens the socket that `config` asks for, if it does. Before the agent gives up what a low port takes.
///
/// # Errors
/// An address, a certificate or a key that cannot be used.
pub fn open(config: &Config) -> Result<Option<Opened>, EndpointError> {
    let Some(config) = &config.ingest else { return Ok(None) };
    let tls = config.tls.as_ref().map(endpoint::acceptor).transpose()?;
    let listener = endpoint::listen(config.address, LISTEN)?;
    Ok(Some(Opened { listener, tls, config: config.clone() }))
}

/// Reads the files of `[ingest]`, and what senders are known by, and starts nothing.
///
/// # Errors
/// When one cannot be used.
pub fn check(config: &Config) -> Result<(), EndpointError> {
    prepare(config).map(|_| ())
}

fn prepare(config: &Config) -> Result<Option<TlsAcceptor>, EndpointError> {
    let tls = config.ingest.as_ref().and_then(|ingest| ingest.tls.as_ref());
    let tls = tls.map(endpoint::acceptor).transpose()?;
    for cloud in &config.clouds {
        if let Place::Push(push) = &cloud.place {
            guard::check(push)?;
        }
    }
    Ok(tls)
}

/// The thread that takes requests.
pub struct Ingest {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    control: IngestControl,
}

impl Opened {
    /// Serves what was opened, for the sources that `hub` knows.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn serve(self, hub: &Hub) -> anyhow::Result<Ingest> {
        let Self { listener, tls, config } = self;
        let figures = hub.figures();
        hub.configure(&config);
        let tls: Tls = Arc::new(Mutex::new(tls));
        let control = IngestControl { hub: hub.clone(), tls: tls.clone(), figures };
        let server = Server::new(hub.clone());
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("ingest".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = server.run(listener, tls) => {}
                    }
                });
                // Requests that wait for their answers get none: they are made again.
                drop(runtime);
            })
            .context("cannot start the ingest thread")?;
        Ok(Ingest { stop, thread, control })
    }
}

impl Ingest {
    /// What changes it.
    pub fn control(&self) -> IngestControl {
        self.control.clone()
    }

    /// Whether the thread has ended by itself.
    pub fn is_broken(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends all connections.
    pub fn stop(self) {
        drop(self.stop);
        // A panic has been shown.
        let _ = self.thread.join();
    }
}

/// Changes what is in force, and tells how it stands. Clones share it.
#[derive(Clone)]
pub struct IngestControl {
    hub: Hub,
    tls: Tls,
    figures: Arc<Figures>,
}

/// What a reload has ready.
pub struct Change {
    tls: Option<TlsAcceptor>,
    config: Option<IngestConfig>,
}

impl Change {
    /// Reads the files of what `config` asks for. Nothing has changed so far.
    ///
    /// # Errors
    /// When one cannot be used.
    pub fn prepare(config: &Config) -> Result<Self, EndpointError> {
        Ok(Self { tls: prepare(config)?, config: config.ingest.clone() })
    }
}

impl IngestControl {
    /// Puts a change in force; the address stays.
    pub fn apply(&self, change: Change) {
        if let Some(config) = &change.config {
            self.hub.configure(config);
            *self.tls.lock().unpoisoned() = change.tls;
        }
    }

    /// How it stands.
    pub fn report(&self) -> figures::Ingested {
        self.figures.report()
    }
}
