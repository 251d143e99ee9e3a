//! What can be asked. The endpoint has metrics and health alone; the socket has everything.

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderName, Method, StatusCode, Uri,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    middleware::{self, Next},
    response::Response,
    routing::{any, get, post},
};
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::{
    agent::Agent,
    answer::{Parameters, TEXT, answer, json, refusal},
    observer::Seen,
    tap,
};
use crate::agent::{
    console,
    status::{
        condition::Condition,
        document::Document,
        metrics::{View, exposition},
        screen,
    },
    web::token::TokenFile,
};

/// Says in an answer of `/v1/status` whether the agent is healthy: `ok` or `failing`.
pub const HEALTH: &str = "sensor-health";

/// What the endpoint serves; with a token, to whoever bears it.
pub(super) fn of_endpoint(agent: Agent, token: Option<TokenFile>) -> Router {
    let router = answering_all(public(agent));
    match token {
        Some(token) => router.layer(middleware::from_fn_with_state(token, admit)),
        None => router,
    }
}

/// What the socket serves.
pub(super) fn of_socket(agent: Agent) -> Router {
    let private = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/reload", post(reload))
        .route("/v1/tap", get(tap::tap))
        .route("/v1/page", post(page))
        .with_state(agent.clone());
    let questions = match &agent.console {
        Some(served) => console::routes::of_socket(served),
        None => Router::new().route("/api/{*path}", any(no_console)),
    };
    answering_all(public(agent).merge(private).merge(questions))
}

/// With a word to whoever asks for what is not there.
fn answering_all(router: Router) -> Router {
    router.fallback(no_such_path).method_not_allowed_fallback(no_such_method)
}

fn public(agent: Agent) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(agent)
}

async fn no_such_path(uri: Uri) -> Response {
    refusal(StatusCode::NOT_FOUND, format_args!("{} is not served here", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Response {
    let text = format_args!("{} does not allow {method}", uri.path());
    refusal(StatusCode::METHOD_NOT_ALLOWED, text)
}

async fn admit(State(token): State<TokenFile>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match token.is_borne_by(header) {
        Ok(true) => next.run(request).await,
        Ok(false) => {
            let text = match header {
                None => "a token is required: `Authorization: Bearer TOKEN`",
                Some(_) => "this is not the token of metrics.token_file",
            };
            let mut refused = refusal(StatusCode::UNAUTHORIZED, text);
            let scheme = axum::http::HeaderValue::from_static("Bearer");
            refused.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            refused
        }
        Err(error) => {
            // Anybody may ask, so the log must not have a line for each.
            tracing::debug!("{error}");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read")
        }
    }
}

async fn metrics(State(agent): State<Agent>) -> Response {
    let Seen { status, condition, .. } = agent.observer.look_steadily();
    let text = exposition::of(View { status, condition });
    answer(StatusCode::OK, exposition::CONTENT_TYPE, text)
}

async fn healthz(State(agent): State<Agent>) -> Response {
    let condition = agent.observer.look().condition;
    let (status, text) = health(&condition);
    answer(status, TEXT, text)
}

fn health(condition: &Condition) -> (StatusCode, String) {
    if condition.is_healthy() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let lines = condition.reasons.iter().map(|reason| format!("{reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines)
}

async fn readyz(State(agent): State<Agent>) -> Response {
    match agent.observer.look().condition.ready {
        true => answer(StatusCode::OK, TEXT, "ready\n"),
        false => refusal(StatusCode::SERVICE_UNAVAILABLE, "no drain so far"),
    }
}

async fn status(State(agent): State<Agent>, uri: Uri) -> Response {
    let parameters = match Parameters::of(&uri, &["format"]) {
        Ok(parameters) => parameters,
        Err(refused) => return *refused,
    };
    let Seen { status, condition, rates } = agent.observer.look();
    let document = Document::new(&status, &condition, rates);
    let mut answer = match parameters.get("format") {
        None | Some("json") => json(&document),
        Some("text") => answer(StatusCode::OK, TEXT, screen::text(&document)),
        Some(_) => return refusal(StatusCode::BAD_REQUEST, "format is `json` or `text`"),
    };
    let word = if condition.is_healthy() { "ok" } else { "failing" };
    let word = axum::http::HeaderValue::from_static(word);
    answer.headers_mut().insert(HeaderName::from_static(HEALTH), word);
    answer
}

/// An address that lets whoever opens it first look at the console.
async fn page(State(agent): State<Agent>) -> Response {
    let Some(served) = &agent.console else { return no_console().await };
    match served.invitation() {
        Ok(address) => answer(StatusCode::OK, TEXT, format!("{address}\n")),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn no_console() -> Response {
    let text = "the sensor has no console: set `enabled = true` in [console], and restart it";
    refusal(StatusCode::NOT_FOUND, text)
}

async fn reload(State(agent): State<Agent>) -> Response {
    let (reply, replied) = oneshot::channel();
    match agent.reload.try_send(reply) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            return refusal(StatusCode::TOO_MANY_REQUESTS, "other reloads wait already");
        }
        Err(TrySendError::Closed(_)) => {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "the sensor is stopping");
        }
    }
    match replied.await {
        Ok(done) => json(&done),
        Err(_) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "the sensor stopped before the reload ended")
        }
    }
}
