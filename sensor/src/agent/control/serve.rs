//! Connections: how long, how large. One request each; a client that exceeds a bound is disconnected.

use std::time::Duration;

use axum::Router;
use tokio::{
    net::{TcpListener, UnixListener},
    time::{interval, sleep},
};

use super::{agent::Agent, endpoint::Endpoint, routes};
use crate::agent::web::{
    limit::Limit,
    serve::{Bounds, RESPITE, accept, connection, turn_away},
};

/// Between two looks at the agent's health, where nobody asks.
const LOOK: Duration = Duration::from_secs(10);

/// Connections of the socket at once: eight of them may be taps.
const ON_SOCKET: usize = 24;
/// Connections of the endpoint at once.
const ON_ENDPOINT: usize = 16;
/// One request for each connection; a connection of the endpoint lasts so long at most, since it has no streams.
static BOUNDS: Bounds = Bounds {
    head: Duration::from_secs(5),
    handshake: Duration::from_secs(5),
    stalled: Duration::from_secs(10),
    lasts: Some(Duration::from_secs(30)),
    keep_alive: false,
};

/// Serves all that listens, and looks at the agent's health now and then.
pub(super) async fn all(
    agent: Agent,
    socket: Option<std::os::unix::net::UnixListener>,
    endpoint: Option<Endpoint>,
) {
    let observer = agent.observer.clone();
    let look = async move {
        let mut due = interval(LOOK);
        loop {
            due.tick().await;
            drop(observer.look());
        }
    };
    let router = routes::of_socket(agent.clone());
    let on_socket = async move {
        match socket.map(UnixListener::from_std) {
            Some(Ok(listener)) => accept_local(listener, router).await,
            Some(Err(error)) => tracing::error!("the control socket cannot be served: {error}"),
            None => {}
        }
        std::future::pending::<()>().await;
    };
    let on_endpoint = async move {
        if let Some(Endpoint { listener, tls, token }) = endpoint {
            let router = routes::of_endpoint(agent, token);
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let limit = Limit::new("metrics.listen", ON_ENDPOINT);
                    accept(listener, || tls.clone(), |_| router.clone(), &limit, &BOUNDS, |_| {})
                        .await;
                }
                Err(error) => tracing::error!("metrics.listen cannot be served: {error}"),
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::join!(look, on_socket, on_endpoint);
}

async fn accept_local(listener: UnixListener, router: Router) {
    let limit = Limit::new("control.socket", ON_SOCKET);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match limit.admit() {
                Some(place) => {
                    drop(tokio::spawn(connection(stream, router.clone(), &BOUNDS, place)));
                }
                None => turn_away(stream).await,
            },
            Err(_) => sleep(RESPITE).await,
        }
    }
}
