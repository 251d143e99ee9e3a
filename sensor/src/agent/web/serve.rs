//! Connections: how long, how large. A client that exceeds a bound is disconnected.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    limit::{BUSY, Limit, Place},
    timed::Timed,
};

/// After a connection could not be accepted: descriptors may be short for a while.
pub const RESPITE: Duration = Duration::from_millis(100);
/// How long a client that still sends when it has its answer may go on. To close at once would reset the connection, and take the
/// answer with it (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);
/// Octets of a request's head at most.
const HEAD: usize = 16 << 10;
/// Headers of a request at most.
const HEADERS: usize = 64;

/// How long the parts of a connection may take.
#[derive(Debug)]
pub struct Bounds {
    /// Within this time a client sends the head of a request, and of the next where there may be several.
    pub head: Duration,
    /// Within this time TLS is agreed on.
    pub handshake: Duration,
    /// So long a client may take nothing of an answer.
    pub stalled: Duration,
    /// A connection over TCP lasts so long at most.
    pub lasts: Option<Duration>,
    /// Whether there may be several requests.
    pub keep_alive: bool,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is served.
    Accepted,
    /// There were too many.
    TurnedAway,
    /// It spoke no TLS, or none that we do, or too slowly.
    NoTls,
    /// It was served, and ended with an error: a head that was no HTTP, too large or too late, or a client that went away.
    Broken,
}

/// Serves the connections of `listener`, each with the `router` for its peer, by TLS where `tls` gives one, and tells `outcome` what becomes of each.
pub async fn accept(
    listener: TcpListener,
    tls: impl Fn() -> Option<TlsAcceptor>,
    router: impl Fn(SocketAddr) -> Router,
    limit: &Limit,
    bounds: &'static Bounds,
    outcome: impl Fn(Outcome) + Clone + Send + 'static,
) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                sleep(RESPITE).await;
                continue;
            }
        };
        let tls = tls();
        let Some(place) = limit.admit() else {
            outcome(Outcome::TurnedAway);
            if tls.is_none() {
                turn_away(stream).await;
            }
            continue;
        };
        let (router, outcome) = (router(peer), outcome.clone());
        let served = async move {
            match tls {
                None => {
                    outcome(Outcome::Accepted);
                    if !connection(stream, router, bounds, place).await {
                        outcome(Outcome::Broken);
                    }
                }
                Some(tls) => match timeout(bounds.handshake, tls.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        outcome(Outcome::Accepted);
                        if !connection(stream, router, bounds, place).await {
                            outcome(Outcome::Broken);
                        }
                    }
                    _ => outcome(Outcome::NoTls),
                },
            }
        };
        match bounds.lasts {
            Some(lasts) => drop(tokio::spawn(timeout(lasts, served))),
            None => drop(tokio::spawn(served)),
        }
    }
}

/// Says that there are too many clients. The buffer of a new connection is empty, so this takes no time.
pub async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    let _ = timeout(RESPITE, stream.write_all(BUSY)).await;
}

/// Answers requests; the place is taken for as long as that takes. False where it ends with an error.
pub async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    bounds: &'static Bounds,
    place: Place,
) -> bool {
    let mut stream = Timed::new(stream, bounds.stalled);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .keep_alive(bounds.keep_alive)
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(&mut stream), TowerToHyperService::new(router));
    // Clients go away as they like.
    let is_answered = connection.await.is_ok();
    if let Some(_leaving) = place.leave() {
        let _ = timeout(LINGER, linger(&mut stream)).await;
    }
    is_answered
}

/// Ends what is said to a client, and reads what it still says, to no end but that it can read the answer.
async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    if stream.shutdown().await.is_ok() {
        let mut unread = vec![0; HEAD];
        while stream.read(&mut unread).await.is_ok_and(|octets| octets > 0) {}
    }
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, routing::any};
    use tokio::io::duplex;

    use super::*;

    static BOUNDS: Bounds = Bounds {
        head: Duration::from_secs(60),
        handshake: Duration::from_secs(60),
        stalled: Duration::from_secs(60),
        lasts: None,
        keep_alive: true,
    };

    #[test]
    fn who_is_refused_in_the_middle_of_a_body_can_read_why() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = duplex(1 << 10);
            let router =
                Router::new().route("/", any(async || (StatusCode::PAYLOAD_TOO_LARGE, "no")));
            let place = Limit::new("a", 1).admit().expect("there is room");
            let served = tokio::spawn(connection(near, router, &BOUNDS, place));
            let body = vec![b' '; 1 << 20];
            let head =
                format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            far.write_all(head.as_bytes()).await.expect("the head is read");
            far.write_all(&body).await.expect("the body is read, though nobody wants it");
            let mut answer = String::new();
            far.read_to_string(&mut answer).await.expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            drop(far);
            assert!(served.await.expect("it does not panic"));
        });
    }
}
