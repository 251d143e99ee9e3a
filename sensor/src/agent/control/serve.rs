//! Connections: how long, how large. One request each; a client that exceeds a bound is disconnected.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
    sync::OwnedSemaphorePermit,
    time::{interval, sleep, timeout},
};

use super::{
    agent::Agent,
    endpoint::Endpoint,
    limit::{BUSY, Limit},
    routes,
    timed::Timed,
};

/// Between two looks at the agent's health, where nobody asks.
const LOOK: Duration = Duration::from_secs(10);

/// Connections of the socket at once: eight of them may be taps.
const ON_SOCKET: usize = 24;
/// Connections of the endpoint at once.
const ON_ENDPOINT: usize = 16;
/// Within this time a client sends its request.
const REQUEST: Duration = Duration::from_secs(5);
/// Within this time TLS is agreed on.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// So long a client may take nothing of an answer.
const STALLED: Duration = Duration::from_secs(10);
/// A connection of the endpoint lasts so long at most: it has no streams.
const ANSWERED: Duration = Duration::from_secs(30);
/// Octets of a request's head at most.
const HEAD: usize = 16 << 10;
/// Headers of a request at most.
const HEADERS: usize = 64;
/// After a connection could not be accepted: descriptors may be short for a while.
const RESPITE: Duration = Duration::from_millis(100);

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
                Ok(listener) => accept_remote(listener, tls, router).await,
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
                Some(permit) => drop(tokio::spawn(serve(stream, router.clone(), permit))),
                None => turn_away(stream).await,
            },
            Err(_) => sleep(RESPITE).await,
        }
    }
}

async fn accept_remote(
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    router: Router,
) {
    let limit = Limit::new("metrics.listen", ON_ENDPOINT);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                sleep(RESPITE).await;
                continue;
            }
        };
        let Some(permit) = limit.admit() else {
            if tls.is_none() {
                turn_away(stream).await;
            }
            continue;
        };
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(timeout(ANSWERED, async move {
            match tls {
                None => serve(stream, router, permit).await,
                Some(tls) => {
                    // Whoever speaks no TLS, or none that we do, is closed.
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                        serve(stream, router, permit).await;
                    }
                }
            }
        }));
    }
}

/// Says that there are too many clients. The buffer of a new connection is empty, so this takes no time.
async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    let _ = timeout(RESPITE, stream.write_all(BUSY)).await;
}

/// Answers one request; the permit is for as long as that takes.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    permit: OwnedSemaphorePermit,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .serve_connection(
            TokioIo::new(Timed::new(stream, STALLED)),
            TowerToHyperService::new(router),
        );
    // Clients go away as they like.
    let _ = connection.await;
    drop(permit);
}
