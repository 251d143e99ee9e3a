//! The console: a page in a browser, and the questions that it asks, by HTTP. The same questions can be asked on the control socket, by
//! whoever may use that.
//!
//! Everything here runs on threads of its own, and looks at finished records: the flow path waits for nobody. Two questions are answered at
//! a time, each within bounds ([`crate::console`]). No request changes anything of the agent.
//!
//! * [`guard`]: who may ask. [`entry`]: who has come in. `safe`: what answers say to browsers. `files`: the page.
//! * `look`: what of the agent is told. `events`: what is told as it happens.
//! * [`routes`]: what can be asked; `turn`: when, and in which form answers are. [`served`]: what requests reach.

pub mod entry;
pub mod guard;
pub mod routes;
pub mod served;

mod events;
mod files;
mod look;
mod safe;
#[cfg(test)]
mod tests;
mod turn;

use std::{net::TcpListener, thread::JoinHandle, time::Duration};

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use self::served::Served;
use super::{
    config::{Config, console::ConsoleConfig},
    web::{
        endpoint::{self, EndpointError},
        limit::Limit,
        serve::{Bounds, accept},
    },
};

/// The key of the address.
const LISTEN: &str = "console.listen";
/// Connections at once: a browser has six for each page.
const CONNECTIONS: usize = 64;
/// Threads for questions: those that are answered, and some that wait for theirs to be noticed as done.
const THREADS: usize = 4;

/// Browsers keep their connections.
static BOUNDS: Bounds = Bounds {
    head: Duration::from_secs(60),
    handshake: Duration::from_secs(5),
    stalled: Duration::from_secs(30),
    lasts: None,
    keep_alive: true,
};

/// What was opened and is not served yet.
pub struct Opened {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    config: ConsoleConfig,
}

/// Opens the socket that `config` asks for, if it does.
///
/// # Errors
/// An address, a certificate, a key or a token that cannot be used.
pub fn open(config: &Config) -> Result<Option<Opened>, EndpointError> {
    let Some(config) = &config.console else { return Ok(None) };
    let tls = entry::guards(config)?;
    let listener = endpoint::listen(config.address, LISTEN)?;
    Ok(Some(Opened { listener, tls, config: config.clone() }))
}

/// The thread that answers.
pub struct Console {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Opened {
    /// What it is configured by.
    pub fn config(&self) -> &ConsoleConfig {
        &self.config
    }

    /// Serves what was opened.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn serve(self, served: &Served) -> anyhow::Result<Console> {
        let Self { listener, tls, .. } = self;
        let router = routes::of_page(served);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(THREADS)
            .build()?;
        let thread = std::thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => listener,
                        Err(error) => {
                            tracing::error!("{LISTEN} cannot be served: {error}");
                            return;
                        }
                    };
                    let limit = Limit::new(LISTEN, CONNECTIONS);
                    let tls = || tls.clone();
                    tokio::select! {
                        _ = stopped => {}
                        () = accept(listener, tls, |_| router.clone(), &limit, &BOUNDS, |_| {}) => {}
                    }
                });
                // A question that is being answered has bounds of its own.
                drop(runtime);
            })
            .context("cannot start the thread of the console")?;
        Ok(Console { stop, thread })
    }
}

impl Console {
    /// Ends all connections.
    pub fn stop(self) {
        drop(self.stop);
        // A panic has been shown.
        let _ = self.thread.join();
    }
}
