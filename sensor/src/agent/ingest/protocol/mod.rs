//! What is in a request, and what its sender wants to hear, by protocol. Pure: octets in, octets out.
//!
//! * [`firehose`]: Amazon Data Firehose. [`pubsub`]: Google Pub/Sub. [`eventgrid`]: Azure Event Grid.
//! * [`request`]: what all of them come to.
//! * Of any other sender the body is the log itself.

pub mod eventgrid;
pub mod firehose;
pub mod pubsub;
pub mod request;

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;

use self::request::{Log, Request};
use super::{inflate, refusal::Refusal};
use crate::agent::config::push::Protocol;

/// Takes a body apart, which is plain, and of at most `most` octets.
///
/// # Errors
/// What is wrong with it.
pub fn open(
    protocol: Protocol,
    headers: &HeaderMap,
    body: Bytes,
    most: usize,
) -> Result<Request, Refusal> {
    match protocol {
        Protocol::Firehose => firehose::open(headers, &body, most).map(Request::Log),
        Protocol::Pubsub => pubsub::open(headers, body, most).map(Request::Log),
        Protocol::Eventgrid => eventgrid::open(headers, body, most),
        Protocol::Body => {
            let octets = inflate::plain(body, most)?;
            Ok(Request::Log(Log { id: None, octets }))
        }
    }
}

/// What a request gets that was done.
pub fn done(protocol: Protocol, headers: &HeaderMap, text: Option<String>, now: u64) -> Response {
    match (protocol, text) {
        (Protocol::Firehose, _) => firehose::answer(headers, None, now),
        (_, Some(text)) => {
            (StatusCode::OK, [(CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
        }
        (_, None) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// What a request gets that was refused; `protocol` is none where no source was found.
pub fn refused(
    protocol: Option<Protocol>,
    headers: &HeaderMap,
    refusal: Refusal,
    now: u64,
) -> Response {
    let mut response = match protocol {
        Some(Protocol::Firehose) => firehose::answer(headers, Some(refusal), now),
        _ => {
            let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
            (kind, Body::from(format!("{}\n", refusal.text()))).into_response()
        }
    };
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    match refusal {
        Refusal::Unauthorized if protocol != Some(Protocol::Firehose) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Refusal::Method => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests;
