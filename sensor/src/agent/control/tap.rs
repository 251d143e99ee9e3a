//! Live flows for one client. Its connection decides how fast: what it does not take in time it misses.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use futures_util::stream;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{
    agent::Agent,
    answer::{Parameters, TEXT, answer, refusal},
};
use crate::agent::plant::{
    taps::{Tap, TapError},
    view::{Form, View},
};

/// Records that a client may ask for a second.
pub const MOST_A_SECOND: u64 = 10_000;
/// Records a second where it does not say.
const A_SECOND: u64 = 1000;
/// How often it is looked at whether something is to be told.
const TICK: Duration = Duration::from_millis(500);

struct Shown {
    tap: Tap,
    view: View,
    tick: Interval,
}

/// `GET /v1/tap?filter=NQL&format=text|json&rate=N`.
pub(super) async fn tap(State(agent): State<Agent>, uri: Uri) -> Response {
    let parameters = match Parameters::of(&uri, &["filter", "format", "rate"]) {
        Ok(parameters) => parameters,
        Err(refused) => return *refused,
    };
    let query = parameters.get("filter").unwrap_or_default();
    let (form, kind) = match parameters.get("format") {
        None | Some("json") => (Form::Json, "application/x-ndjson"),
        Some("text") => (Form::Text, TEXT),
        Some(_) => return refusal(StatusCode::BAD_REQUEST, "format is `json` or `text`"),
    };
    let rate = match parameters.get("rate").map(str::parse) {
        None => A_SECOND,
        Some(Ok(rate @ 1..=MOST_A_SECOND)) => rate,
        Some(_) => {
            let text = format!("rate is 1 to {MOST_A_SECOND} records a second");
            return refusal(StatusCode::BAD_REQUEST, text);
        }
    };
    let (tap, view) = match agent.plant.tap(query, form, rate) {
        Ok(opened) => opened,
        Err(error @ TapError::Query(_)) => return refusal(StatusCode::BAD_REQUEST, error),
        Err(error @ TapError::TooMany) => return refusal(StatusCode::TOO_MANY_REQUESTS, error),
    };
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heading = Vec::new();
    view.heading(&mut heading);
    let shown = Shown { tap, view, tick };
    let body = stream::unfold((Some(heading), shown), |(heading, mut shown)| async move {
        let octets = match heading {
            Some(heading) => heading,
            None => shown.more().await?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(octets)), (None, shown)))
    });
    answer(StatusCode::OK, kind, Body::from_stream(body))
}

impl Shown {
    /// What is to be written next; none once the agent stops.
    async fn more(&mut self) -> Option<Vec<u8>> {
        let Self { tap, view, tick } = self;
        let mut out = Vec::new();
        while out.is_empty() {
            tokio::select! {
                batch = tap.next() => view.show(&*batch?, &mut out),
                _ = tick.tick() => {}
            }
            view.account(Instant::now(), || tap.take_missed(), &mut out);
        }
        Some(out)
    }
}
