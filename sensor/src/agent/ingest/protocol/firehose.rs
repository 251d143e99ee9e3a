//! HTTP endpoint delivery of Amazon Data Firehose, version 1.0: records in base64 in a JSON body, and a JSON answer that repeats
//! the number of the request. Firehose repeats a request with the same number until it gets that with status 200, for as long as
//! its stream says; then the records go to its bucket for failed deliveries.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use sensor_wire::cloud::json::base64;
use serde::{Deserialize, Serialize};

use super::request::{Log, id};
use crate::agent::ingest::{inflate, refusal::Refusal};

/// The number of a request.
const REQUEST_ID: &str = "x-amz-firehose-request-id";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    id(headers.get(REQUEST_ID)?.to_str().ok()?)
}

/// The records of a body, one behind the other, each with a line of its own; those in gzip, as CloudWatch sends them, in plain.
pub fn open(headers: &HeaderMap, body: &[u8], most: usize) -> Result<Log, Refusal> {
    let id = request_id(headers).ok_or(Refusal::Header)?;
    let body: Delivery<'_> = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
    if body.request_id != id {
        return Err(Refusal::Malformed);
    }
    let mut octets = Vec::new();
    for record in &body.records {
        let mut data = Vec::new();
        if !base64::decode(record.data.as_bytes(), &mut data) {
            return Err(Refusal::Malformed);
        }
        let data = inflate::plain(Bytes::from(data), most - octets.len())?;
        octets.extend_from_slice(&data);
        if data.last().is_some_and(|last| *last != b'\n') {
            octets.push(b'\n');
        }
        if octets.len() > most {
            return Err(Refusal::TooLarge);
        }
    }
    Ok(Log { id: Some(id), octets: octets.into() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    request_id: String,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'static str>,
}

/// What Firehose takes for an answer: anything else counts as a failure as well, but tells its operators nothing.
pub fn answer(headers: &HeaderMap, refusal: Option<Refusal>, now: u64) -> Response {
    let answer = Answer {
        request_id: request_id(headers).unwrap_or_default(),
        timestamp: now,
        error_message: refusal.map(Refusal::text),
    };
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
}
