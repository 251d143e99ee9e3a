//! What is told as it happens: figures each second, health when it changes, hits when they come. Server-sent events: a browser that comes
//! back says which hit it saw last, and gets those behind it.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::{served::Served, turn::told};
use crate::console::{
    agent::{Health, Lost, Tick},
    fault::Fault,
    hits,
};

/// Between two figures.
const EVERY: Duration = Duration::from_secs(1);
/// After so long without a word a comment is sent, so that both ends learn of a connection that is gone.
const QUIET: Duration = Duration::from_secs(15);
/// Where a browser says what it saw last.
const LAST: &str = "last-event-id";

/// `GET /events`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsAsk {
    /// `tick`, `hit`, `health`, comma-separated.
    #[serde(default = "all")]
    topics: String,
}

fn all() -> String {
    "tick,hit,health".to_owned()
}

struct Listener {
    served: Served,
    topics: [bool; 3],
    clock: Interval,
    health: Option<Health>,
    /// The number of the next hit.
    next: u64,
    said: Instant,
    waiting: VecDeque<String>,
}

/// Answers for as long as somebody listens.
pub async fn stream(
    State(served): State<Served>,
    headers: HeaderMap,
    asked: Result<Query<EventsAsk>, QueryRejection>,
) -> Response {
    let topics = match asked {
        Ok(Query(EventsAsk { topics })) => topics,
        Err(error) => return told::<()>(Err(Fault::request(error.body_text()))),
    };
    let known = ["tick", "hit", "health"];
    if let Some(other) = topics.split(',').find(|topic| !known.contains(topic)) {
        let fault = format!("`topics` is of `tick`, `hit` and `health`, not `{other}`");
        return told::<()>(Err(Fault::request(fault)));
    }
    let last = headers.get(LAST).and_then(|last| last.to_str().ok()?.parse::<u64>().ok());
    let next = last.map(|last| last.saturating_add(1));
    let next = next.unwrap_or_else(|| served.0.hits.as_ref().map_or(0, |hits| hits.next()));
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let listener = Listener {
        served,
        topics: known.map(|topic| topics.split(',').any(|own| own == topic)),
        clock,
        health: None,
        next,
        said: Instant::now(),
        waiting: VecDeque::new(),
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let text = listener.hear().await;
        Some((Ok::<_, Infallible>(Bytes::from(text)), listener))
    });
    let mut answer = Body::from_stream(events).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl Listener {
    /// The next event.
    async fn hear(&mut self) -> String {
        loop {
            if let Some(text) = self.waiting.pop_front() {
                self.said = Instant::now();
                return text;
            }
            self.clock.tick().await;
            self.look();
            if self.waiting.is_empty() && self.said.elapsed() >= QUIET {
                self.waiting.push_back(": still here\n\n".to_owned());
            }
        }
    }

    fn look(&mut self) {
        let [ticks, wants_hits, healths] = self.topics;
        let desk = &self.served.0.desk;
        if ticks || healths {
            let standing = desk.agent.standing();
            let health = Health::of(&standing);
            if healths && self.health.as_ref() != Some(&health) {
                self.waiting.extend(event("health", None, &health));
                self.health = Some(health);
            }
            if ticks {
                let lost = Lost::of(&standing.losses);
                let tick = Tick { t: self.served.now(), rates: standing.rates, lost };
                self.waiting.extend(event("tick", None, &tick));
            }
        }
        if wants_hits && let Some(held) = &self.served.0.hits {
            for (number, line) in held.from(self.next) {
                self.next = number + 1;
                if let Some(hit) = hits::of_line(&line) {
                    self.waiting.extend(event("hit", Some(number), &hit));
                }
            }
        }
    }
}

fn event(name: &str, id: Option<u64>, data: &impl Serialize) -> Option<String> {
    let data = serde_json::to_string(data).ok()?;
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Some(format!("event: {name}\n{id}data: {data}\n\n"))
}
