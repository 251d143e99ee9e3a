//! Who may push: whoever bears the token of the source, or one of its service account at Google.
//!
//! Secrets and keys are read again for each request, so that they can be replaced while the agent runs.

use std::path::Path;

use axum::http::{HeaderMap, Uri, header::AUTHORIZATION};

use super::{
    jwt::{self, Expected, Keys},
    refusal::Refusal,
};
use crate::{
    agent::{
        config::push::{OidcConfig, Protocol, PushConfig},
        web::token::{self, TokenError, TokenFile},
    },
    files::{self, Limit},
};

/// Where Firehose has its key.
pub const ACCESS_KEY: &str = "x-amz-firehose-access-key";
/// The parameter that carries a token in the address (RFC 6750, section 2.3), for senders that can set no header.
pub const PARAMETER: &str = "access_token";
const TOKEN_FILE: &str = "cloud.push.token_file";
const JWKS_FILE: &str = "cloud.push.jwks_file";

/// What came of the question.
#[derive(Debug)]
pub enum Verdict {
    /// It may.
    Welcome,
    /// It may not; the reason is for the log.
    Stranger(String),
    /// That cannot be said now.
    Unknown(TokenError),
}

impl Verdict {
    /// Why the request is refused, if it is.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Welcome => None,
            Self::Stranger(_) => Some(Refusal::Unauthorized),
            Self::Unknown(_) => Some(Refusal::Secret),
        }
    }
}

/// Whether a request with this address and these headers may push; `now` is milliseconds since the epoch.
pub fn judge(push: &PushConfig, uri: &Uri, headers: &HeaderMap, now: u64) -> Verdict {
    if push.token_file.is_none() && push.oidc.is_none() {
        return Verdict::Welcome;
    }
    let Some(given) = given(push.protocol, uri, headers) else {
        return Verdict::Stranger("it bears no token".to_owned());
    };
    let mut why = "its token is another one".to_owned();
    if let Some(file) = &push.token_file {
        match TokenFile::new(file.clone(), TOKEN_FILE).read() {
            Ok(token) if token::same(given.as_bytes(), token.as_bytes()) => {
                return Verdict::Welcome;
            }
            Ok(_) => {}
            Err(error) => return Verdict::Unknown(error),
        }
    }
    if let Some(oidc) = &push.oidc {
        let keys = match keys(&oidc.jwks_file) {
            Ok(keys) => keys,
            Err(error) => return Verdict::Unknown(error),
        };
        let OidcConfig { audience, email, .. } = oidc;
        let expected = Expected { audience, email, now: now / 1000 };
        match jwt::verify(&given, &keys, &expected) {
            Ok(()) => return Verdict::Welcome,
            Err(error) => why = error.to_string(),
        }
    }
    Verdict::Stranger(why)
}

/// Reads what requests are compared with.
///
/// # Errors
/// When it cannot be used.
pub fn check(push: &PushConfig) -> Result<(), TokenError> {
    if let Some(file) = &push.token_file {
        TokenFile::new(file.clone(), TOKEN_FILE).read()?;
    }
    if let Some(oidc) = &push.oidc {
        keys(&oidc.jwks_file)?;
    }
    Ok(())
}

fn keys(file: &Path) -> Result<Keys, TokenError> {
    let failed = |problem: String| TokenError::new(file, problem, JWKS_FILE);
    let text = files::read(file, Limit::TEXT).map_err(|error| failed(error.to_string()))?;
    Keys::parse(&text).map_err(failed)
}

/// The token of a request, where its protocol has it.
pub(super) fn given(protocol: Protocol, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if protocol == Protocol::Firehose {
        return text(ACCESS_KEY).map(str::to_owned);
    }
    if let Some(bearer) = text(AUTHORIZATION.as_str()).and_then(token::bearer) {
        return Some(bearer.to_owned());
    }
    if !matches!(protocol, Protocol::Pubsub | Protocol::Eventgrid) {
        return None;
    }
    let parameters = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut tokens = parameters.filter(|(name, _)| name == PARAMETER).map(|(_, value)| value);
    // With two of them it is not clear which is meant.
    tokens.next().filter(|_| tokens.next().is_none()).map(|token| token.into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn tokens_are_where_the_protocol_has_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        fs::write(&file, "s&cret\n").expect("a file");
        let push = |protocol| PushConfig { protocol, token_file: Some(file.clone()), oidc: None };
        let told = |protocol, query: &str, header: Option<(&'static str, &'static str)>| {
            let mut headers = HeaderMap::new();
            if let Some((name, value)) = header {
                headers.insert(name, HeaderValue::from_static(value));
            }
            let uri: Uri = format!("/ingest/a?{query}").parse().expect("a target");
            judge(&push(protocol), &uri, &headers, 0).refusal()
        };
        let (key, bearer) = ((ACCESS_KEY, "s&cret"), ("authorization", "Bearer s&cret"));
        let stranger = Some(Refusal::Unauthorized);
        for (protocol, query, header, expected) in [
            (Protocol::Firehose, "", Some(key), None),
            (Protocol::Firehose, "", Some((ACCESS_KEY, "s&creT")), stranger),
            (Protocol::Firehose, "", Some((ACCESS_KEY, "s&cret2")), stranger),
            (Protocol::Firehose, "", Some(bearer), stranger),
            (Protocol::Firehose, "access_token=s%26cret", None, stranger),
            (Protocol::Body, "", Some(bearer), None),
            (Protocol::Body, "", Some(("authorization", "Basic s&cret")), stranger),
            (Protocol::Body, "access_token=s%26cret", None, stranger),
            (Protocol::Pubsub, "access_token=s%26cret", None, None),
            (Protocol::Eventgrid, "a=b&access_token=s%26cret", None, None),
            (Protocol::Eventgrid, "access_token=s%26cret&access_token=x", None, stranger),
            (Protocol::Eventgrid, "access_token=", None, stranger),
            (Protocol::Eventgrid, "", None, stranger),
        ] {
            assert_eq!(told(protocol, query, header), expected, "{protocol:?} {query} {header:?}");
        }
        // It is replaced while the agent runs, and must not vanish.
        fs::write(&file, "other").expect("a file");
        assert_eq!(told(Protocol::Body, "", Some(bearer)), stranger);
        fs::remove_file(&file).expect("it was there");
        assert_eq!(told(Protocol::Body, "", Some(bearer)), Some(Refusal::Secret));
        assert_eq!(told(Protocol::Body, "", None), stranger, "whoever has none is told nothing");
    }
}
