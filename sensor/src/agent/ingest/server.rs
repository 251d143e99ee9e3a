//! From a request to its answer: everything that costs something comes behind the proof of who sends it.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Extension, Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::CONTENT_LENGTH},
    response::{IntoResponse as _, Response},
    routing::any,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use sensor_core::sync::Unpoisoned as _;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{
    delivery::Channel,
    figures::{Accepted, Figures},
    guard::{self, Verdict},
    hub::{Hub, Settings},
    inflate,
    protocol::{self, eventgrid::ORIGIN},
    refusal::Refusal,
};
use crate::{
    agent::{
        config::push::Protocol,
        web::{
            limit::Limit,
            serve::{Bounds, accept},
        },
    },
    clock,
};

/// The key of the address.
pub(super) const LISTEN: &str = "ingest.listen";

/// The TLS in force, which a reload may change.
pub(super) type Tls = Arc<Mutex<Option<TlsAcceptor>>>;

/// Connections at once.
const CONNECTIONS: usize = 128;
/// Within this time a body has come.
const BODY: Duration = Duration::from_secs(60);

/// Senders keep their connections for more requests.
static BOUNDS: Bounds = Bounds {
    head: Duration::from_secs(15),
    handshake: Duration::from_secs(5),
    stalled: Duration::from_secs(10),
    lasts: None,
    keep_alive: true,
};

/// What requests reach.
#[derive(Clone)]
pub(super) struct Server {
    hub: Hub,
    figures: Arc<Figures>,
}

/// Counts a request when it ends, whatever ends it.
struct Counted {
    figures: Arc<Figures>,
    source: Option<String>,
    octets: u64,
    result: Result<Accepted, Refusal>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.figures.under_way(-1);
        self.figures.request(self.source.as_deref(), self.octets, self.result);
    }
}

/// What a request that is not refused gets.
struct Told {
    accepted: Accepted,
    text: Option<String>,
}

impl Server {
    pub(super) fn new(hub: Hub) -> Self {
        Self { figures: hub.figures(), hub }
    }

    /// Serves `listener` until it is dropped.
    pub(super) async fn run(self, listener: TcpListener, tls: Tls) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!("{} cannot be served: {error}", LISTEN);
                return std::future::pending().await;
            }
        };
        let limit = Limit::new(LISTEN, CONNECTIONS);
        let figures = self.figures.clone();
        let router = self.router();
        let router = |peer: SocketAddr| router.clone().layer(Extension(peer));
        let tls = || tls.lock().unpoisoned().clone();
        let outcome = move |outcome| figures.connection(outcome);
        accept(listener, tls, router, &limit, &BOUNDS, outcome).await;
    }

    pub(super) fn router(self) -> Router {
        let router = Router::new().route("/ingest/{name}", any(handle)).fallback(elsewhere);
        router.with_state(self)
    }

    fn begin(&self) -> Counted {
        self.figures.under_way(1);
        let result = Err(Refusal::Aborted);
        Counted { figures: self.figures.clone(), source: None, octets: 0, result }
    }
}

async fn elsewhere(State(server): State<Server>, headers: HeaderMap) -> Response {
    let mut counted = server.begin();
    counted.result = Err(Refusal::NoSource);
    protocol::refused(None, &headers, Refusal::NoSource, clock::now())
}

async fn handle(
    State(server): State<Server>,
    name: Result<Path<String>, PathRejection>,
    Extension(peer): Extension<SocketAddr>,
    request: Request,
) -> Response {
    let mut counted = server.begin();
    let now = clock::now();
    let headers = request.headers().clone();
    // What is no text is the name of no source.
    let Path(name) = name.unwrap_or_else(|_| Path(String::new()));
    let channel = match server.hub.source(&name) {
        Ok(channel) => channel,
        Err(refusal) => {
            counted.result = Err(refusal);
            return protocol::refused(None, &headers, refusal, now);
        }
    };
    counted.source = Some(name.clone());
    let protocol = channel.push.protocol;
    let settings = server.hub.settings();
    if let Err(refusal) = admit(&name, &channel, &settings, peer, &request, now) {
        return turn_away(&mut counted, &name, protocol, &headers, refusal, now);
    }
    if protocol == Protocol::Eventgrid && *request.method() == Method::OPTIONS {
        return match headers.get(ORIGIN) {
            Some(origin) => {
                counted.result = Ok(Accepted::Handshake);
                leave(origin, &settings)
            }
            None => turn_away(&mut counted, &name, protocol, &headers, Refusal::Method, now),
        };
    }
    let told = take(&name, &channel, &settings, &headers, request, &mut counted, now).await;
    match told {
        Ok(Told { accepted, text }) => {
            counted.result = Ok(accepted);
            protocol::done(protocol, &headers, text, clock::now())
        }
        Err(refusal) => turn_away(&mut counted, &name, protocol, &headers, refusal, now),
    }
}

fn turn_away(
    counted: &mut Counted,
    name: &str,
    protocol: Protocol,
    headers: &HeaderMap,
    refusal: Refusal,
    now: u64,
) -> Response {
    counted.result = Err(refusal);
    // Who was told already why a stranger is one need not be told again.
    if !matches!(refusal, Refusal::Unauthorized | Refusal::Secret) {
        tracing::warn!(
            source = name,
            reason = refusal.name(),
            "a pushed request is refused: {}",
            refusal.text()
        );
    }
    protocol::refused(Some(protocol), headers, refusal, now)
}

/// Whether a request may go on, by its head alone.
fn admit(
    name: &str,
    channel: &Channel,
    settings: &Settings,
    peer: SocketAddr,
    request: &Request,
    now: u64,
) -> Result<(), Refusal> {
    let is_known = match *request.method() {
        Method::POST => true,
        Method::OPTIONS => channel.push.protocol == Protocol::Eventgrid,
        _ => false,
    };
    if !is_known {
        return Err(Refusal::Method);
    }
    let verdict = guard::judge(&channel.push, request.uri(), request.headers(), now);
    match &verdict {
        Verdict::Welcome => channel.blind(None),
        Verdict::Stranger(why) => tracing::warn!(
            source = name,
            peer = %peer.ip(),
            "a pushed request is refused: {why}"
        ),
        Verdict::Unknown(error) => channel.blind(Some(&error.to_string())),
    }
    if let Some(refusal) = verdict.refusal() {
        return Err(refusal);
    }
    if !channel.is_within(settings.rate, Instant::now()) {
        return Err(Refusal::Rate);
    }
    Ok(())
}

/// Takes the body, and waits until its records are with the outputs.
async fn take(
    name: &str,
    channel: &Channel,
    settings: &Settings,
    headers: &HeaderMap,
    request: Request,
    counted: &mut Counted,
    now: u64,
) -> Result<Told, Refusal> {
    let most = settings.max_body;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.is_some_and(|length| length.parse().is_ok_and(|length: u64| length > most as u64)) {
        return Err(Refusal::TooLarge);
    }
    let permit = settings.permits.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
    let body = read(request.into_body(), most).await?;
    counted.octets = body.len() as u64;
    let body = inflate::decoded(headers, body, most)?;
    let (accepted, text) = match protocol::open(channel.push.protocol, headers, body, most)? {
        protocol::request::Request::Log(log) => (channel.deliver(log, permit, now).await?, None),
        protocol::request::Request::Handshake(text) => (Accepted::Handshake, Some(text)),
        protocol::request::Request::Events(events) => {
            tracing::info!(
                source = name,
                events,
                "events tell of objects in a store, which are not read here; name the store in a [[cloud]] of its own"
            );
            (Accepted::Event, None)
        }
    };
    Ok(Told { accepted, text })
}

async fn read(body: Body, most: usize) -> Result<Bytes, Refusal> {
    match timeout(BODY, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Refusal::TooLarge)
        }
        _ => Err(Refusal::Aborted),
    }
}

/// Events may be delivered here (CloudEvents, HTTP webhooks, section 4).
fn leave(origin: &HeaderValue, settings: &Settings) -> Response {
    let a_minute = HeaderValue::from(settings.rate.saturating_mul(60));
    let headers = [
        (HeaderName::from_static("webhook-allowed-origin"), origin.clone()),
        (HeaderName::from_static("webhook-allowed-rate"), a_minute),
    ];
    (StatusCode::OK, headers).into_response()
}
