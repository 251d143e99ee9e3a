//! What can be asked.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        DefaultBodyLimit, Path, Query, Request, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    events, files, guard, safe,
    served::Served,
    turn::{refused, take, told},
};
use crate::console::{
    agent::{Sources, Standing},
    check, common,
    desk::Desk,
    explain,
    fault::{Code, Fault},
    flows::{self, FlowsAsk, Lines},
    hits, labels, meta, policies, rates, top,
};

/// What all questions begin with.
pub const BASE: &str = "/api/v1";
/// Octets of a question, at most.
const MOST: usize = 256 << 10;

/// The page and its questions, for whoever has come in or has the token.
pub fn of_page(served: &Served) -> Router {
    let guarded = of_socket(served).layer(middleware::from_fn_with_state(served.clone(), admit));
    Router::new()
        .route("/login", get(login))
        .fallback(page)
        .with_state(served.clone())
        .merge(guarded)
        .layer(middleware::from_fn_with_state(served.clone(), name))
        .layer(middleware::from_fn(safe::headers))
}

/// The questions alone, for whoever may use the control socket.
pub fn of_socket(served: &Served) -> Router {
    let questions = Router::new()
        .route("/meta", get(meta_))
        .route("/series", post(series))
        .route("/top", post(top_))
        .route("/flows", post(flows_))
        .route("/common", post(common_))
        .route("/explain", post(explain_))
        .route("/nql/check", post(check_))
        .route("/hits", get(hits_))
        .route("/policies", get(policies_))
        .route("/policies/{id}/dryrun", post(dry_run))
        .route("/labels", get(labels_))
        .route("/labels/matrix", post(matrix))
        .route("/sources", get(sources))
        .route("/events", get(events::stream))
        .fallback(no_such_question)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MOST))
        .with_state(served.clone());
    Router::new().nest(BASE, questions)
}

async fn name(State(served): State<Served>, request: Request, next: Next) -> Response {
    match guard::named(&served.0.hosts, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(refusal.status, &Fault::new(Code::Refused, refusal.why)),
    }
}

async fn admit(State(served): State<Served>, request: Request, next: Next) -> Response {
    match guard::admitted(&served, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(refusal.status, &Fault::new(Code::Refused, refusal.why)),
    }
}

async fn no_such_question(uri: Uri) -> Response {
    let text = format!("{} cannot be asked", uri.path());
    refused(StatusCode::NOT_FOUND, &Fault::new(Code::NotFound, text))
}

async fn no_such_method(method: Method, uri: Uri) -> Response {
    let text = format!("{} does not allow {method}", uri.path());
    refused(StatusCode::METHOD_NOT_ALLOWED, &Fault::request(text))
}

/// Lets in who shows a code, once.
async fn login(State(served): State<Served>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let code = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "once").then(|| value.into_owned()));
    match served.enter(code.as_deref().unwrap_or_default()) {
        Ok(Some(shown)) => {
            let secure = if served.0.secure { "; Secure" } else { "" };
            let cookie =
                format!("{}={shown}; HttpOnly; SameSite=Strict; Path=/{secure}", guard::NAME);
            let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, "/".to_owned())];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Ok(None) => {
            let why = "this address has been used, or is too old: `sensor page` prints another\n";
            (StatusCode::FORBIDDEN, why).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// The files of the page are no secret: whoever opens it reads there how to come in.
async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return no_such_method(method, uri).await;
    }
    match files::at(uri.path(), &headers) {
        Some(file) => file,
        None if uri.path() == "/" => {
            let why = "this sensor was built without its page; the API is at /api/v1\n";
            (StatusCode::NOT_FOUND, why).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}

async fn meta_(State(served): State<Served>) -> Response {
    let now = served.now();
    told(take(&served, move |desk| Ok(meta::ask(desk, now))).await)
}

async fn policies_(State(served): State<Served>) -> Response {
    told(take(&served, |desk| Ok(policies::ask(desk))).await)
}

async fn sources(State(served): State<Served>) -> Response {
    let ask = |desk: &Desk| {
        let Standing { sources, losses, .. } = desk.agent.standing();
        Ok(Sources { sources, losses })
    };
    told(take(&served, ask).await)
}

type Parameters<T> = Result<Query<T>, QueryRejection>;

async fn hits_(State(served): State<Served>, asked: Parameters<hits::HitsAsk>) -> Response {
    parameters(&served, asked, hits::ask).await
}

async fn labels_(State(served): State<Served>, asked: Parameters<labels::LabelsAsk>) -> Response {
    parameters(&served, asked, labels::ask).await
}

/// Has a question answered that is in the address.
async fn parameters<A, T>(
    served: &Served,
    asked: Parameters<A>,
    ask: fn(&Desk, &A) -> Result<T, Fault>,
) -> Response
where
    A: Send + 'static,
    T: Serialize + Send + 'static,
{
    match asked {
        Ok(Query(asked)) => told(take(served, move |desk| ask(desk, &asked)).await),
        Err(error) => told::<T>(Err(Fault::request(error.body_text()))),
    }
}

async fn dry_run(State(served): State<Served>, Path(id): Path<String>, body: Read) -> Response {
    match read(body) {
        Ok(asked) => told(take(&served, move |desk| policies::dry_run(desk, &id, asked)).await),
        Err(fault) => told::<()>(Err(fault)),
    }
}

type Read = Result<Bytes, BytesRejection>;

async fn series(State(served): State<Served>, body: Read) -> Response {
    question(&served, body, rates::ask).await
}

async fn top_(State(served): State<Served>, body: Read) -> Response {
    question(&served, body, top::ask).await
}

async fn common_(State(served): State<Served>, body: Read) -> Response {
    question(&served, body, common::ask).await
}

async fn explain_(State(served): State<Served>, body: Read) -> Response {
    question(&served, body, explain::ask).await
}

async fn check_(State(served): State<Served>, body: Read) -> Response {
    question(&served, body, check::ask).await
}

async fn matrix(State(served): State<Served>, body: Read) -> Response {
    question(&served, body, labels::matrix).await
}

async fn flows_(State(served): State<Served>, headers: HeaderMap, body: Read) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let form = match accepts.unwrap_or_default() {
        "text/csv" => Lines::Csv,
        "application/x-ndjson" => Lines::Json,
        _ => return question(&served, body, flows::ask).await,
    };
    match read(body) {
        Ok(asked) => lines(served, asked, form).await,
        Err(fault) => told::<()>(Err(fault)),
    }
}

/// Reads a question, and has it answered.
async fn question<A, T>(
    served: &Served,
    body: Read,
    ask: fn(&Desk, &A) -> Result<T, Fault>,
) -> Response
where
    A: DeserializeOwned + Send + 'static,
    T: Serialize + Send + 'static,
{
    match read::<A>(body) {
        Ok(asked) => told(take(served, move |desk| ask(desk, &asked)).await),
        Err(fault) => told::<T>(Err(fault)),
    }
}

fn read<A: DeserializeOwned>(body: Read) -> Result<A, Fault> {
    let body = body.map_err(|error| Fault::request(error.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|error| Fault::request(format!("this is no such question: {error}")))
}

/// Flows as lines, a page at a time.
async fn lines(served: Served, mut asked: FlowsAsk, form: Lines) -> Response {
    let mut left = asked.limit;
    asked.limit = left.min(flows::MOST);
    let own = asked.clone();
    let first = match take(&served, move |desk| flows::lines(desk, &own, form)).await {
        Ok(first) => first,
        // Nothing was said so far.
        Err(fault) => return told::<()>(Err(fault)),
    };
    left -= asked.limit;
    let rest = stream::unfold((Some(first), served, asked, left), move |state| async move {
        let (page, served, mut asked, mut left) = state;
        let (text, next) = page?;
        asked.after = next;
        let more = asked.after.is_some() && left > 0;
        let following = if more {
            asked.limit = left.min(flows::MOST);
            left -= asked.limit;
            let own = asked.clone();
            take(&served, move |desk| flows::lines(desk, &own, form)).await.ok()
        } else {
            None
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (following, served, asked, left)))
    });
    let (kind, name) = match form {
        Lines::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"flows.csv\""),
        Lines::Json => ("application/x-ndjson", "attachment; filename=\"flows.ndjson\""),
    };
    let mut answer = Body::from_stream(rest).into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    answer
}
