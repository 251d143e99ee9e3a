//! Webhooks of Azure Event Grid, with events in its own schema or in that of CloudEvents 1.0, and whatever Logic Apps and functions
//! post in their place.
//!
//! Before Event Grid delivers anything it asks whether the address is meant: with a code to be repeated (its own schema), or by
//! `OPTIONS` (CloudEvents). Events that tell of blobs name objects, whose octets are elsewhere; of any other event the `data` is the log.

use std::{borrow::Cow, fmt};

use axum::http::HeaderMap;
use bytes::Bytes;
use sensor_wire::cloud::json::base64;
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::request::{Log, Request};
use crate::agent::ingest::{inflate, refusal::Refusal};

/// What a request is about.
const EVENT_TYPE: &str = "aeg-event-type";
/// Who asks by `OPTIONS`, and gets leave.
pub const ORIGIN: &str = "webhook-request-origin";
/// Events in one request; Event Grid sends 5,000 at most.
const MOST: usize = 5000;
/// Events of these kinds tell of objects.
const STORAGE: &str = "Microsoft.Storage.";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    /// In the schema of Event Grid.
    #[serde(borrow, default)]
    event_type: Option<Cow<'a, str>>,
    /// In that of CloudEvents.
    #[serde(borrow, default)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, rename = "data_base64", default)]
    data_base64: Option<Cow<'a, str>>,
}

impl Event<'_> {
    /// What it is about; none where it is no event.
    fn about(&self) -> Option<&str> {
        self.event_type.as_deref().or_else(|| self.specversion.as_ref().and(self.kind.as_deref()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validation<'a> {
    #[serde(borrow)]
    validation_code: Cow<'a, str>,
}

/// What is in a body.
pub fn open(headers: &HeaderMap, body: Bytes, most: usize) -> Result<Request, Refusal> {
    let body = inflate::plain(body, most)?;
    let about = headers.get(EVENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if about.eq_ignore_ascii_case("SubscriptionValidation") {
        return validation(&body);
    }
    let log = || Request::Log(Log { id: None, octets: body.clone() });
    let Some(events) = events(&body).filter(|events| events.iter().all(|e| e.about().is_some()))
    else {
        // Whoever posts in place of Event Grid posts the log itself.
        return Ok(log());
    };
    let mut octets = Vec::new();
    let mut told = 0;
    for event in &events {
        if event.about().is_some_and(|about| about.starts_with(STORAGE)) {
            told += 1;
            continue;
        }
        append(event, &mut octets)?;
        if octets.len() > most {
            return Err(Refusal::TooLarge);
        }
    }
    match octets.is_empty() {
        true => Ok(Request::Events(told)),
        false => Ok(Request::Log(Log { id: None, octets: octets.into() })),
    }
}

/// One event or several; none where it is something else.
fn events(body: &[u8]) -> Option<Vec<Event<'_>>> {
    let events = match body.iter().find(|octet| !octet.is_ascii_whitespace())? {
        b'[' => serde_json::from_slice(body).ok().map(|Events(events)| events),
        b'{' => serde_json::from_slice(body).ok().map(|event| vec![event]),
        _ => None,
    };
    events.filter(|events| !events.is_empty())
}

/// An array of at most [`MOST`]: a short text may have very many, and each takes memory.
struct Events<'a>(Vec<Event<'a>>);

impl<'de> Deserialize<'de> for Events<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Visit)
    }
}

struct Visit;

impl<'de> Visitor<'de> for Visit {
    type Value = Events<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MOST} events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while let Some(event) = from.next_element()? {
            if events.len() == MOST {
                return Err(de::Error::invalid_length(MOST + 1, &self));
            }
            events.push(event);
        }
        Ok(Events(events))
    }
}

fn append(event: &Event<'_>, octets: &mut Vec<u8>) -> Result<(), Refusal> {
    if let Some(data) = &event.data_base64 {
        if !base64::decode(data.as_bytes(), octets) {
            return Err(Refusal::Malformed);
        }
    } else if let Some(data) = event.data {
        match serde_json::from_str::<Cow<'_, str>>(data.get()) {
            Ok(text) => octets.extend_from_slice(text.as_bytes()),
            Err(_) => octets.extend_from_slice(data.get().as_bytes()),
        }
    }
    if octets.last().is_some_and(|last| *last != b'\n') {
        octets.push(b'\n');
    }
    Ok(())
}

/// The code, sent back.
fn validation(body: &[u8]) -> Result<Request, Refusal> {
    let events = events(body).ok_or(Refusal::Malformed)?;
    let [Event { data: Some(data), .. }] = &events[..] else { return Err(Refusal::Malformed) };
    let Validation { validation_code } =
        serde_json::from_str(data.get()).map_err(|_| Refusal::Malformed)?;
    let answer = serde_json::json!({ "validationResponse": validation_code });
    Ok(Request::Handshake(answer.to_string()))
}
