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

/// The parameters of a query, as many as a request knows.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads those of `uri`, whose request knows the names in `known`.
    ///
    /// # Errors
    /// An answer that names one that it does not know, or that is there twice.
    pub(super) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Box<Response>> {
        let mut own: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        {
            let text = match known.contains(&&*name) {
                false if known.is_empty() => {
                    format!("unknown parameter `{name}`: {} takes none", uri.path())
                }
                false => {
                    format!("unknown parameter `{name}`: {} takes {}", uri.path(), known.join(", "))
                }
                true if own.iter().any(|(other, _)| *other == name) => {
                    format!("parameter `{name}` is given twice")
                }
                true => {
                    own.push((name.into_owned(), value.into_owned()));
                    continue;
                }
            };
            return Err(Box::new(refusal(StatusCode::BAD_REQUEST, text)));
        }
        Ok(Self(own))
    }

    /// The value of one of them.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }
}

/// A document.
pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(octets) => answer(StatusCode::OK, JSON, octets),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_given_once() {
        let uri = |query: &str| format!("/v1/tap?{query}").parse::<Uri>().expect("a target");
        let known = ["filter", "rate"];
        let parameters = Parameters::of(&uri("filter=a%20%3D%3D+b&rate=7"), &known);
        let parameters = parameters.expect("all known");
        assert_eq!(parameters.get("filter"), Some("a == b"));
        assert_eq!(parameters.get("rate"), Some("7"));
        for wrong in ["rates=7", "rate=7&rate=8", "=", "filter"] {
            let refused = Parameters::of(&uri(wrong), &known).err();
            assert_eq!(refused.is_some(), wrong != "filter", "{wrong}");
        }
        assert!(Parameters::of(&uri("x=1"), &[]).is_err());
    }
}
