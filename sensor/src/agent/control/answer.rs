//! The forms of answers, and what requests say beside their path.

use axum::{
    body::Body,
    http::{StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

/// Text for people.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// A document.
const JSON: &str = "application/json";

/// An answer of one kind.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, kind)], body.into()).into_response()
}

/// A word to whoever asked wrongly, or too early.
pub(super) fn refusal(status: StatusCode, text: impl std::fmt::Display) -> Response {
    answer(status, TEXT, format!("{text}\n"))
}

/// The value of a parameter of the query.
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A document.
pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(octets) => answer(StatusCode::OK, JSON, octets),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
