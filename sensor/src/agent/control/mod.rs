//! The way to a running agent: HTTP over a Unix socket for its operators, and over TCP for Prometheus and health checks.
//!
//! Everything here runs on a thread of its own and reads published figures: the flow path never waits for a client. Requests,
//! connections and their durations are bounded (`serve`).
//!
//! * [`observer`]: what is known of the agent at a moment. `steady`: figures that must not fall.
//! * `socket`: the Unix socket; [`endpoint`]: the TCP endpoint with its token and TLS.
//! * `serve`: connections, within bounds. `routes`: what can be asked, `answer`: in which form;
//!   `tap`: live flows. `agent`: what requests reach.

pub mod endpoint;
pub mod observer;

mod agent;
mod answer;
mod routes;
mod serve;
mod socket;
mod steady;
mod tap;

use std::{sync::Arc, thread::JoinHandle};

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};

use self::{agent::Agent, endpoint::Endpoint, observer::Observer, socket::ControlSocket};
use super::{config::Config, console::served::Served, plant::Plant};

pub use self::{
    agent::ReloadRequest,
    routes::HEALTH,
    socket::{SocketError, check, trial as trial_of_socket},
    tap::MOST_A_SECOND,
};

/// Reloads that may wait to be begun.
const RELOADS: usize = 4;

/// What was opened and is not served yet.
pub struct Opened {
    socket: Option<ControlSocket>,
    endpoint: Option<Endpoint>,
}

/// Opens the sockets that `config` asks for. Before anything else starts: what cannot be had keeps the agent from starting.
///
/// # Errors
/// An address, a socket, a certificate or a token that was configured and cannot be used.
pub fn open(config: &Config) -> anyhow::Result<Opened> {
    let service = config.written.path.is_some();
    let socket = ControlSocket::open(&config.control, service)?;
    let endpoint = config.metrics.as_ref().map(Endpoint::open).transpose()?;
    Ok(Opened { socket, endpoint })
}

/// The thread that serves requests.
pub struct Control {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    socket: Option<ControlSocket>,
}

impl Opened {
    /// Serves what was opened; none where that is nothing. Whoever asks for a reload is received from what is returned beside.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn serve(
        self,
        observer: Arc<Observer>,
        plant: Arc<Plant>,
        console: Option<Served>,
    ) -> anyhow::Result<(Option<Control>, mpsc::Receiver<ReloadRequest>)> {
        let Self { mut socket, endpoint } = self;
        let (reload, reloads) = mpsc::channel(RELOADS);
        if socket.is_none() && endpoint.is_none() {
            return Ok((None, reloads));
        }
        let listener = socket.as_mut().and_then(ControlSocket::take_listener);
        let agent = Agent { observer, plant, console, reload };
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = serve::all(agent, listener, endpoint) => {}
                    }
                });
                // Connections that are still open end here.
                drop(runtime);
            })
            .context("cannot start the control thread")?;
        Ok((Some(Control { stop, thread, socket }), reloads))
    }
}

impl Control {
    /// Ends all connections, and lets go of the agent.
    pub fn stop(self) {
        drop(self.stop);
        // A panic has been shown.
        let _ = self.thread.join();
        drop(self.socket);
    }
}
