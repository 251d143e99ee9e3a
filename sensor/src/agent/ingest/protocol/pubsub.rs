//! Push subscriptions of Google Pub/Sub: a message in base64 in a JSON body, or in plain with its number in a header where the
//! subscription has no wrapper. It is acknowledged by any status of 2xx, and delivered again otherwise.

use std::borrow::Cow;

use axum::http::HeaderMap;
use bytes::Bytes;
use sensor_wire::cloud::json::base64;
use serde::Deserialize;

use super::request::{Log, id};
use crate::agent::ingest::{inflate, refusal::Refusal};

/// The number of a message, where there is no wrapper.
const MESSAGE_ID: &str = "x-goog-pubsub-message-id";

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    /// A message may have attributes alone.
    #[serde(borrow, default)]
    data: Cow<'a, str>,
}

/// The data of a message.
pub fn open(headers: &HeaderMap, body: Bytes, most: usize) -> Result<Log, Refusal> {
    if let Some(number) = headers.get(MESSAGE_ID) {
        let number = number.to_str().ok().and_then(id).ok_or(Refusal::Header)?;
        return Ok(Log { id: Some(number), octets: inflate::plain(body, most)? });
    }
    let Push { message } = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    let number = id(&message.message_id).ok_or(Refusal::Malformed)?;
    let mut octets = Vec::new();
    if !base64::decode(message.data.as_bytes(), &mut octets) {
        return Err(Refusal::Malformed);
    }
    Ok(Log { id: Some(number), octets: inflate::plain(octets.into(), most)? })
}
